"""The accounts process: gives a broker of one's own what it reads: accounts, access rules, and its certificates."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from gateway.admission.broker_accounts import ACCESS_RULES
from gateway.embedded.account_sync import OUTSIDE_READS_SECONDS, AccountSync, outside_accounts
from gateway.embedded.certificate_sync import CertificateSync, outside_certificates
from gateway.embedded.folder import write_privately
from gateway.embedded.household import stopped_by_signals
from gateway.embedded.keeper import Tell
from gateway.errors import CalloutError
from gateway.settings import Settings

# The key before its certificate: a broker looks at the certificate to see that there is something new.
_IN_ORDER: Final = ("ca.crt", "crl.pem", "broker.key", "broker.crt")


def run(settings: Settings, tell: Tell) -> None:
    """Keep the broker's files equal to the desk's, until SIGTERM or SIGINT.

    Raises
    ------
    CalloutError
        The file is not named, or cannot be written.
    """
    kept = outside_accounts(settings)
    kept.path.with_name(f"{kept.path.name}.acl").write_text(ACCESS_RULES, encoding="utf-8")
    sync = AccountSync(settings.required("database_url"), kept, tell, _certificates(settings, kept.path.parent))
    with stopped_by_signals(tell) as stopping:
        sync.start()
        stopping.wait()
        sync.stop()


def _certificates(settings: Settings, broker: Path) -> CertificateSync | None:
    """Return what keeps the authority's files, and copies those into the broker's folder that it may know."""
    sync = outside_certificates(settings)
    return None if sync is None else replace(sync, publish=partial(hand_over, broker=broker))


def hand_over(files: Mapping[str, str], broker: Path) -> bool:
    """Write into the broker's folder what is new in it, wait until the broker must have seen it, and say whether any is.

    The authority's own key is not among the files: a broker is the part that strangers talk to.

    Parameters
    ----------
    files
        Texts by name, as `Authority.files` gives them.
    broker
        The folder.

    Raises
    ------
    CalloutError
        The folder cannot be written.
    """
    changed = [name for name in _IN_ORDER if not _holds(broker / name, files[name])]
    try:
        for name in changed:
            write_privately(broker / name, files[name])
    except OSError as error:
        message = (
            f"the broker's certificates cannot be written to {broker} ({error.strerror}). What was taken back still opens "
            "its door: make the folder writable, it is tried again by itself."
        )
        raise CalloutError(message) from error
    if changed:
        time.sleep(OUTSIDE_READS_SECONDS)
    return bool(changed)


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="ascii") == text
