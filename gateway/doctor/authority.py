"""Devices with certificates: the authority, the broker's own certificate, the revocation list, and what will end."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from gateway.admission.certificates import utc_now
from gateway.authority.folder import Authority, AuthorityError, open_authority
from gateway.doctor.point import START_IT, Point, Setup, counted, not_looked, ok, warning, wrong
from gateway.storage import certificates

_SOON: Final = timedelta(days=30)
_AUTHORITY_SOON: Final = timedelta(days=365)
_LIST_SOON: Final = timedelta(days=4)
_RUNS: Final = "See that `up` or `callout accounts` runs, which renews it, and read its log."


def certificates_of_devices(setup: Setup) -> Iterable[Point]:
    """Look whether devices with certificates can come in, and how long that will last."""
    if not setup.settings.certificate_broker_url:
        yield not_looked("certificates", "no door for devices with certificates: they have passwords")
        return
    try:
        authority = open_authority(setup.settings.authority_folder)
        now = utc_now()
        yield _lasts("authority", authority.issuer.certificate.not_valid_after_utc, _AUTHORITY_SOON, now, _CHANGE)
        yield _lasts("broker's certificate", authority.broker_certificate.not_valid_after_utc, _SOON, now, _RUNS)
        yield _lasts("revocation list", authority.list_ends_at(), _LIST_SOON, now, _RUNS)
        yield from _former(authority)
    except AuthorityError as error:
        yield wrong("authority", str(error), START_IT if not setup.is_home else "Mend it as said.")
        return
    if setup.database is not None:
        yield _ending(setup, now)


_CHANGE: Final = "Change it: `callout authority --renew`, then let devices renew their certificates."


def _lasts(name: str, ends_at: datetime, soon: timedelta, now: datetime, move: str) -> Point:
    found = f"good until {ends_at:%Y-%m-%d %H:%M}Z"
    if ends_at <= now:
        return wrong(name, f"ended at {ends_at:%Y-%m-%d %H:%M}Z: no device with a certificate is let in", move)
    return warning(name, found, move) if ends_at - now < soon else ok(name, found)


def _former(authority: Authority) -> Iterable[Point]:
    if former := len(authority.issuers) - 1:
        yield warning(
            "former authority",
            f"{counted(former, 'former authority') if former == 1 else f'{former} former authorities'} still trusted",
            "When all devices have renewed their certificates: `callout authority --forget-former`.",
        )


def _ending(setup: Setup, now: datetime) -> Point:
    if setup.database is None:
        return not_looked("devices' certificates", "the database does not answer")
    total, devices = certificates.ending(setup.database, now, _SOON)
    found = (
        f"{counted(total, 'certificate')}; of {counted(devices, 'device')} the last one ends within {_SOON.days} days"
    )
    if devices:
        return warning("devices' certificates", found, "See that these devices renew: FOR_DEVICE_MAKERS.md says how.")
    return ok("devices' certificates", found)


CHECKS: Final = (certificates_of_devices,)
