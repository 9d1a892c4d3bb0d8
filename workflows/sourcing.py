"""Sourcing: from when on a service centre has a whole kit, out of which sources, and at what cost.

A part may lie there, be on its way there without a promise, be sent by another centre, or be ordered from a supplier.
What comes earliest is taken; of two that come together the one that fits best, then the cheaper one. It knows no
calendar of its own: carriers come Monday to Friday on the weekdays on which a centre is open, but for the days on which it
is told that the centre is closed. A supplier's days are his own where they are known.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

from workflows.dates import Place, distance_km
from workflows.money import Money
from workflows.parts import Need

# Carriers fetch once a day, and bring by noon.
CARRIER_CUT_OFF: Final = time(15)
_BROUGHT_BY: Final = time(12)
# So far a carrier comes within a working day, and within two; farther it takes three.
_DAY_KM: Final = 300.0
_TWO_DAYS_KM: Final = 800.0
_CARRIERS_WEEK: Final = frozenset(range(5))


@dataclass(frozen=True, slots=True)
class Depot:
    """A service centre as a place of stock: its weekdays (0 is Monday), and days on which nothing is fetched or brought."""

    centre_id: int
    time_zone: str
    place: Place
    closed_on: Collection[date] = frozenset()
    open_on: frozenset[int] = _CARRIERS_WEEK

    @property
    def weekdays(self) -> frozenset[int]:
        """On which weekdays a carrier finds somebody there; a centre that opens at weekends only is served then."""
        return (self.open_on & _CARRIERS_WEEK) or self.open_on or _CARRIERS_WEEK


@dataclass(frozen=True, slots=True)
class Lying:
    """So many of a part lie at a centre and are promised to nobody."""

    centre_id: int
    part_no: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Coming:
    """So many of a part are on their way to a centre and are promised to nobody."""

    inbound_id: int
    centre_id: int
    part_no: str
    quantity: int
    expected_at: datetime


@dataclass(frozen=True, slots=True)
class Supply:
    """What a supplier brings: working days from the order on, which counts from the next day after his cut-off hour.

    `open_on` are the weekdays on which he works, and `closed_on` the days on which he does not; None where nobody knows his
    weekdays: then his calendar is taken to be that of the centre that he brings to.
    """

    supplier_id: int
    part_no: str
    lead_days: int
    time_zone: str
    cut_off: time
    price: Money | None
    open_on: frozenset[int] | None = None
    closed_on: Collection[date] = frozenset()

    def works_on(self, day: date, target: Depot) -> bool:
        """Whether a day counts towards the lead time of what he brings to a centre."""
        weekdays, closed_on = (self.open_on, ()) if self.open_on else (target.weekdays, target.closed_on)
        return day.weekday() in weekdays and day not in closed_on and day not in self.closed_on


@dataclass(frozen=True, slots=True)
class Shelves:
    """All that can be had, and what it costs: `prices` by part number, `transfer` for each day that a part is sent."""

    depots: Sequence[Depot]
    lying: Sequence[Lying]
    coming: Sequence[Coming] = ()
    supplies: Sequence[Supply] = ()
    prices: Mapping[str, Money] = field(default_factory=dict[str, Money])
    transfer: Money = field(default_factory=lambda: Money(0, "EUR"))


@dataclass(frozen=True, slots=True)
class OnHand:
    """It lies there."""


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """It comes there already, and nobody waits for it."""

    inbound_id: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Another centre sends it."""

    from_centre_id: int


@dataclass(frozen=True, slots=True)
class SupplierOrder:
    """It is ordered from a supplier."""

    supplier_id: int


Source = OnHand | OnItsWay | Transfer | SupplierOrder


@dataclass(frozen=True, slots=True)
class Line:
    """One part of the kit: for which role, which part, out of which source, when it is there, what it costs."""

    role: str
    part_no: str
    source: Source
    arrives_at: datetime
    cost: Money


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole kit at a centre: it is complete from `ready_at` on."""

    centre_id: int
    lines: Sequence[Line]
    ready_at: datetime
    cost: Money


@dataclass(frozen=True, slots=True)
class Lacking:
    """A centre cannot have these roles in any way."""

    centre_id: int
    roles: Sequence[str]


def plans(
    needs: Sequence[Need], shelves: Shelves, now: datetime, ordered_by: datetime | None = None
) -> list[Plan | Lacking]:
    """Plan a kit at each centre: those that can have it by arrival, then by cost; then those that cannot.

    Parameters
    ----------
    needs : sequence of Need
        One for each part of the kit.
    shelves : Shelves
        What can be had.
    now : datetime
        Aware; what is sent by another centre is sent now.
    ordered_by : datetime or None
        When a supplier is asked at the latest, because somebody has to say yes before; now if None.
    """
    found = [_plan(needs, depot, shelves, now, ordered_by or now) for depot in shelves.depots]
    ready = [plan for plan in found if isinstance(plan, Plan)]
    lacking = [plan for plan in found if isinstance(plan, Lacking)]
    ready.sort(key=lambda plan: (plan.ready_at, plan.cost.minor, plan.centre_id))
    lacking.sort(key=lambda plan: (len(plan.roles), plan.centre_id))
    return [*ready, *lacking]


def _plan(needs: Sequence[Need], depot: Depot, shelves: Shelves, now: datetime, ordered_by: datetime) -> Plan | Lacking:
    taken: dict[tuple[Source, str], int] = {}
    lines: list[Line] = []
    missing: list[str] = []
    for need in needs:
        options = chain.from_iterable(
            _options(need.role, part_no, rank, depot, shelves, now, ordered_by, may_order=part_no in need.orderable)
            for rank, part_no in enumerate(need.part_nos)
        )
        free = (option for option in options if taken.get((option.line.source, option.line.part_no), 0) < option.most)
        best = min(free, key=_order, default=None)
        if best is None:
            missing.append(need.role)
            continue
        key = (best.line.source, best.line.part_no)
        taken[key] = taken.get(key, 0) + 1
        lines.append(best.line)
    if missing:
        return Lacking(depot.centre_id, missing)
    cost = Money(sum(line.cost.minor for line in lines), shelves.transfer.currency)
    return Plan(depot.centre_id, lines, max((line.arrives_at for line in lines), default=now), cost)


@dataclass(frozen=True, slots=True)
class _Option:
    """A way to have a part, of which there are so many at most; `rank` says how well the part fits."""

    line: Line
    rank: int
    most: int
    tie: int


def _order(option: _Option) -> tuple[datetime, int, int, int]:
    return option.line.arrives_at, option.rank, option.line.cost.minor, option.tie


def _options(
    role: str,
    part_no: str,
    rank: int,
    depot: Depot,
    shelves: Shelves,
    now: datetime,
    ordered_by: datetime,
    *,
    may_order: bool,
) -> Iterator[_Option]:
    own = _costing(shelves, shelves.prices.get(part_no))
    depots = {other.centre_id: other for other in shelves.depots}
    for lying in shelves.lying:
        if lying.part_no != part_no or lying.quantity < 1:
            continue
        if lying.centre_id == depot.centre_id:
            yield _Option(Line(role, part_no, OnHand(), now, own), rank, lying.quantity, 0)
        elif (origin := depots.get(lying.centre_id)) is not None:
            days = transfer_days(origin.place, depot.place)
            arrives_at = transfer_arrives_at(origin, depot, now)
            cost = Money(own.minor + days * shelves.transfer.minor, own.currency)
            line = Line(role, part_no, Transfer(lying.centre_id), arrives_at, cost)
            yield _Option(line, rank, lying.quantity, lying.centre_id)
    for coming in shelves.coming:
        if (coming.part_no, coming.centre_id) == (part_no, depot.centre_id):
            line = Line(role, part_no, OnItsWay(coming.inbound_id), max(now, coming.expected_at), own)
            yield _Option(line, rank, coming.quantity, coming.inbound_id)
    for supply in shelves.supplies if may_order else ():
        if supply.part_no == part_no:
            cost = _costing(shelves, supply.price or shelves.prices.get(part_no))
            arrives_at = order_arrives_at(supply, depot, ordered_by)
            line = Line(role, part_no, SupplierOrder(supply.supplier_id), arrives_at, cost)
            # A supplier is taken to have enough; when he has not, he says so.
            yield _Option(line, rank, 1_000_000, supply.supplier_id)


def _costing(shelves: Shelves, price: Money | None) -> Money:
    """Return a price in the currency of the tariff; what has none, or another one, is not counted."""
    currency = shelves.transfer.currency
    return price if price is not None and price.currency == currency else Money(0, currency)


def transfer_days(origin: Place, target: Place) -> int:
    """Return how many working days a carrier needs between two places.

    >>> transfer_days(Place(37.5, 127.0), Place(37.6, 127.0)), transfer_days(Place(37.5, 127.0), Place(35.2, 129.1))
    (1, 2)
    """
    way_km = distance_km(origin.latitude, origin.longitude, target.latitude, target.longitude)
    return 1 if way_km <= _DAY_KM else 2 if way_km <= _TWO_DAYS_KM else 3


def transfer_arrives_at(origin: Depot, target: Depot, now: datetime) -> datetime:
    """Return when a part that is sent now is there: after the carrier's cut-off hour it leaves on the next working day."""
    local = now.astimezone(ZoneInfo(origin.time_zone))
    leaves_on = _working_day(local.date() + timedelta(days=local.time() >= CARRIER_CUT_OFF), origin)
    return _brought(_after(leaves_on, transfer_days(origin.place, target.place), target), target)


def order_arrives_at(supply: Supply, target: Depot, ordered_at: datetime) -> datetime:
    """Return when a part that is ordered at an instant is there, by the supplier's lead time and calendar.

    The day of the order is one on which he works; then so many of his working days pass, and a carrier brings it on the
    first day on which the centre takes parcels in.
    """
    local = ordered_at.astimezone(ZoneInfo(supply.time_zone))
    counts_from = local.date() + timedelta(days=local.time() >= supply.cut_off)
    weekdays = supply.open_on or _CARRIERS_WEEK
    while counts_from.weekday() not in weekdays or counts_from in supply.closed_on:
        counts_from += timedelta(days=1)
    day = counts_from
    for _ in range(max(1, supply.lead_days)):
        day += timedelta(days=1)
        while not supply.works_on(day, target):
            day += timedelta(days=1)
    return _brought(_working_day(day, target), target)


def _brought(day: date, target: Depot) -> datetime:
    return datetime.combine(day, _BROUGHT_BY, ZoneInfo(target.time_zone)).astimezone(ZoneInfo("UTC"))


def _working_day(day: date, depot: Depot) -> date:
    while day.weekday() not in depot.weekdays or day in depot.closed_on:
        day += timedelta(days=1)
    return day


def _after(day: date, working_days: int, depot: Depot) -> date:
    for _ in range(working_days):
        day = _working_day(day + timedelta(days=1), depot)
    return day
