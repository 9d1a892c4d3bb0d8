"""Liveness: whether a device is online, late, silent or retired, by what was heard of it and by what its kind declares.

It knows no clock of its own: `now` is the instant up to which the server has listened, so that time in which nobody
could listen makes nobody late.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from devices.product import ProductType


class Liveness(StrEnum):
    """How a device stands with the server."""

    ONLINE = "online"  # heard within what is usual
    LATE = "late"  # not heard for longer than usual, or it said good-bye
    SILENT = "silent"  # a confirmed silence
    RETIRED = "retired"  # taken out of service by the desk
    NEVER_HEARD = "never_heard"  # enrolled, and nothing since


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a device's presence; instants are aware, None where there is none.

    `silent_since_at` is set while a silence is confirmed and has not healed, `returned_at` when the device was heard
    again in it. `is_online` is its last word or last will, said at `told_at`.
    """

    heard_at: datetime | None = None
    silent_since_at: datetime | None = None
    returned_at: datetime | None = None
    is_online: bool | None = None
    told_at: datetime | None = None
    retired_at: datetime | None = None


def liveness(product: ProductType, heard: Heard, now: datetime) -> Liveness:
    """Say how a device stands with the server.

    Parameters
    ----------
    product : ProductType
        For how long it may be quiet, and whether its kind sleeps.
    heard : Heard
        What is stored of it.
    now : datetime
        Aware; the newest tick of the server's clock.
    """
    if heard.retired_at is not None:
        return Liveness.RETIRED
    if heard.heard_at is None:
        return Liveness.NEVER_HEARD
    quiet = now - heard.heard_at
    if _is_silent(product, heard, quiet):
        return Liveness.SILENT
    if quiet > timedelta(seconds=product.late_after_s) or _has_gone(product, heard):
        return Liveness.LATE
    return Liveness.ONLINE


def _is_silent(product: ProductType, heard: Heard, quiet: timedelta) -> bool:
    """Whether a silence is confirmed, and it was not heard since the last tick either."""
    if product.silence is None or heard.heard_at is None or heard.silent_since_at is None:
        return False
    # One that came back and was lost again is in the same silence, but was heard after its beginning.
    is_lost = heard.heard_at <= heard.silent_since_at or quiet > timedelta(seconds=product.silence.after_s)
    return heard.returned_at is None and is_lost


def _has_gone(product: ProductType, heard: Heard) -> bool:
    """Whether its last word is a good-bye, its own or its will's, of a kind that does not sleep."""
    if product.sleeps or heard.is_online is not False or heard.told_at is None or heard.heard_at is None:
        return False
    return heard.told_at >= heard.heard_at
