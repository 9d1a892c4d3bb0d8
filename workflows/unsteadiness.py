"""Unsteadiness: a monitor that comes and goes too often to say anything but that (chatter, after ISA-18.2).

A pure function of when it came, in the device's time; only until when that holds goes by the desk's clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.chatter import Chatter


@dataclass(frozen=True, slots=True)
class Coming:
    """One time that a monitor was confirmed, in the device's time; `received_at` is the desk's."""

    confirmed_at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Unsteadiness:
    """A monitor chatters: since when, how often it came in the window, and until when if it does not come again."""

    since_at: datetime
    newest_at: datetime
    count: int
    until_at: datetime


def unsteadiness(comings: Sequence[Coming], chatter: Chatter, now: datetime) -> Unsteadiness | None:
    """Return whether a monitor chatters now.

    Parameters
    ----------
    comings : sequence of Coming
        In any order.
    chatter : Chatter
        What is too often.
    now : datetime
        By the desk's clock.
    """
    if not comings:
        return None
    window = timedelta(seconds=chatter.window_s)
    newest_at = max(coming.confirmed_at for coming in comings)
    counted = [coming for coming in comings if coming.confirmed_at > newest_at - window]
    until_at = max(coming.received_at for coming in counted) + window
    if len(counted) < chatter.times or now >= until_at:
        return None
    return Unsteadiness(min(coming.confirmed_at for coming in counted), newest_at, len(counted), until_at)
