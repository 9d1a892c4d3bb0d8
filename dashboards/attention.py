"""What a device's symptoms are to people, as its page shows it: seen or not, quiet or not, and in which mode they came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from devices.chatter import steady
from devices.modes import Mode
from devices.product import ProductType
from gateway.decisions.attending import is_danger_alone
from gateway.decisions.evidence import element_and_unit
from gateway.storage import attention
from gateway.storage.attention import Change, Kept
from gateway.storage.connection import Connection
from gateway.storage.pages.story import SymptomStory
from workflows.attention import BY_HAND, Attention
from workflows.suppression import Spell, came_in, lasts


@dataclass(frozen=True, slots=True)
class Attended:
    """One symptom on the page.

    `kept` is what its monitor's symptom is to people now, on the newest of each only; `mode` the one in which it came.
    """

    symptom: SymptomStory
    title: str
    chatters: bool
    kept: Kept | None
    mode: Mode | None
    may_be_shelved: bool


@dataclass(frozen=True, slots=True)
class Quiet:
    """What a planner has made quiet on a device."""

    kept: Kept
    title: str


@dataclass(frozen=True, slots=True)
class Attending:
    """All that a device's page says about attention; `elements` is what a monitor calls one of several: "Cell"."""

    symptoms: Sequence[Attended]
    quiet: Sequence[Quiet]
    modes_now: Sequence[Mode]
    changes: Sequence[Change]
    titles: Mapping[str, str]
    elements: Mapping[str, str]
    unseen: int


def attending(
    conn: Connection, product: ProductType, device_id: int, symptoms: Sequence[SymptomStory], now: datetime
) -> Attending:
    """Return what a device's symptoms are to people, beside what the latch says of them.

    Parameters
    ----------
    conn : Connection
        In the device's tenant.
    product, device_id : ProductType, int
        The device.
    symptoms : sequence of SymptomStory
        Newest first, as its story tells them.
    now : datetime
        Aware.
    """
    rows = {row.key: row for row in attention.kept(conn, device_id)}
    visit = next((mode.name for mode in product.modes if mode.told_by is None), None)
    spells = attention.spells_of_modes(conn, device_id, visit)
    titles = {monitor.name: monitor.title for monitor in product.monitors}
    elements = {monitor.name: element_and_unit(product, monitor)[0] for monitor in product.monitors}
    met: set[tuple[str, int]] = set()
    found = [_attended(product, each, rows, spells, met) for each in symptoms]
    quiet = [Quiet(row, titles.get(row.monitor, row.monitor)) for row in rows.values() if row.state in BY_HAND]
    unseen = sum(row.state in {Attention.UNACKNOWLEDGED, Attention.RETURNED} for row in rows.values())
    modes = [mode for mode in product.modes if any(lasts(mode, spell, now) for spell in spells)]
    return Attending(found, quiet, modes, attention.changes_by_hand(conn, device_id), titles, elements, unseen)


def _attended(
    product: ProductType,
    symptom: SymptomStory,
    rows: Mapping[tuple[str, int], Kept],
    spells: Sequence[Spell],
    met: set[tuple[str, int]],
) -> Attended:
    chattering = steady(symptom.monitor)
    name = chattering or symptom.monitor
    monitor = next((each for each in product.monitors if each.name == name), None)
    key = (symptom.monitor, symptom.element)
    kept = rows.get(key) if key not in met else None
    is_newest = key not in met
    met.add(key)
    may = (
        monitor is not None
        and is_newest
        and chattering is None
        and (kept is None or kept.state not in BY_HAND)
        and not monitor.is_safety
        and not is_danger_alone(product, monitor.component, monitor.name)
    )
    mode = _mode_of(product, name, symptom.confirmed_at, spells)
    return Attended(symptom, monitor.title if monitor else name, chattering is not None, kept, mode, may)


def _mode_of(product: ProductType, monitor: str, confirmed_at: datetime | None, spells: Sequence[Spell]) -> Mode | None:
    return None if confirmed_at is None else came_in(product, monitor, confirmed_at, spells)
