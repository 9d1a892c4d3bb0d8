"""Suppression by design: whether a symptom came in a mode of its device in which it says nothing.

A pure function of instants: those of symptom and mode are in the device's own time, so late readings and any order of
them end in the same answer; only when the quiet ends goes by the desk's clock.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.modes import Mode
from devices.product import ProductType


@dataclass(frozen=True, slots=True)
class Spell:
    """A mode of a device as long as it lasted, in the device's time; `ends_at` is None while it does.

    `told_at` is when the desk heard of its newest turn, by the desk's clock.
    """

    mode: str
    begins_at: datetime
    ends_at: datetime | None
    told_at: datetime


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A symptom that came in a mode; if it is still there at `until_at`, it goes its way."""

    mode: str
    until_at: datetime


def suppression(
    product: ProductType, monitor: str, confirmed_at: datetime, spells: Sequence[Spell], now: datetime
) -> Suppressed | None:
    """Return in which mode a symptom is suppressed now, or None.

    Parameters
    ----------
    product : ProductType
        For its modes.
    monitor : str
        Whose symptom it is.
    confirmed_at : datetime
        When it was confirmed, in the device's time.
    spells : sequence of Spell
        Of the device's modes, in any order.
    now : datetime
        By the desk's clock.
    """
    found = [
        Suppressed(mode.name, spell.told_at + timedelta(seconds=mode.most_s if spell.ends_at is None else mode.after_s))
        for mode, spell in _around(product, monitor, confirmed_at, spells)
    ]
    longest = max(found, key=lambda each: (each.until_at, each.mode), default=None)
    return longest if longest is not None and now < longest.until_at else None


def lasts(mode: Mode, spell: Spell, now: datetime) -> bool:
    """Whether a spell of a mode lasts now."""
    ends_at = min(spell.ends_at or now, spell.begins_at + timedelta(seconds=mode.most_s))
    return spell.mode == mode.name and spell.begins_at <= now <= ends_at


def came_in(product: ProductType, monitor: str, confirmed_at: datetime, spells: Sequence[Spell]) -> Mode | None:
    """Return the mode in which a symptom came, whether it is over by now or not; None when it came in none."""
    return next((mode for mode, _ in _around(product, monitor, confirmed_at, spells)), None)


def _around(
    product: ProductType, monitor: str, confirmed_at: datetime, spells: Sequence[Spell]
) -> Iterator[tuple[Mode, Spell]]:
    for mode in product.modes:
        if monitor not in mode.suppresses:
            continue
        for spell in spells:
            longest_at = spell.begins_at + timedelta(seconds=mode.most_s)
            ends_at = longest_at if spell.ends_at is None else min(spell.ends_at, longest_at)
            traces_end_at = ends_at + timedelta(seconds=mode.after_s)
            if spell.mode == mode.name and spell.begins_at <= confirmed_at <= traces_end_at:
                yield mode, spell
