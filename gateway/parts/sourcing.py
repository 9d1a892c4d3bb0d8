"""Sourcing: from when on each service centre has all the parts of a request, put aside together, and ended together.

What lies there or is sent by another centre is put aside with the offer; a supplier is asked when the owner has said yes,
and his time is counted from the last moment at which the owner may. `gateway.parts.missing` is what happens when a part that
was promised does not come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway import jobs
from gateway.storage import catalogue, requests, stock
from gateway.storage.connection import Connection
from gateway.storage.findings import one
from gateway.storage.requests import Request
from gateway.storage.stock import Held
from workflows.dates import OFFER_LASTS
from workflows.parts import Need, UnknownPart, need_of
from workflows.sourcing import Line, OnHand, OnItsWay, Plan, Shelves, SupplierOrder, Transfer, plans

_NAMES: Final = {OnHand: "on_hand", OnItsWay: "on_its_way", Transfer: "transfer", SupplierOrder: "order"}


class PartsLateError(Exception):
    """The parts of a request cannot be at its centre before the date that was chosen."""


@dataclass(frozen=True, slots=True)
class Sourced:
    """How each centre would have the parts: `plans` holds what has to be put aside, without what is held already.

    `missing` names the roles that no centre can have, `unknown` those of which nobody knows which part they are here.
    """

    ready_at: Mapping[int, datetime]
    plans: Mapping[int, Plan]
    missing: Sequence[str] = ()
    unknown: Sequence[str] = ()


def look(
    connection: Connection,
    request: Request,
    roles: Sequence[str],
    now: datetime,
    *,
    ordered_by: datetime | None = None,
    at_centre: int | None = None,
    without: frozenset[int] = frozenset(),
) -> Sourced:
    """Return from when on each centre has the parts of a request.

    Parameters
    ----------
    connection : Connection
        In a transaction of the request's tenant.
    request : Request
        Whose device says which parts the roles are.
    roles : sequence of str
        The parts as the remedy names them.
    now : datetime
        Aware.
    ordered_by : datetime or None
        When a supplier is asked at the latest; None: when an offer that is made now has ended.
    at_centre : int or None
        The only centre that matters: what is held for the request elsewhere does not count.
    without : frozenset of int
        Suppliers that are not asked, because they have just failed.

    Returns
    -------
    Sourced
        What is held for the request already stays: only its centre has the parts then, unless the rest cannot be had
        there.
    """
    needs = needs_of(connection, request, roles, now)
    unknown = [need.role for need in needs if isinstance(need, UnknownPart)]
    if unknown:
        return Sourced({}, {}, unknown=unknown)
    known = [need for need in needs if isinstance(need, Need)]
    part_nos = [part_no for need in known for part_no in need.part_nos]
    shelves = _without(stock.load_shelves(connection, part_nos, now), without)
    by = ordered_by or now + OFFER_LASTS
    held = [
        each
        for each in stock.held_parts(connection, request.request_id)
        if each.role in roles and at_centre in {None, each.centre_id}
    ]
    if held:
        rest = [need for need in known if need.role not in {each.role for each in held}]
        sourced = _sourced(rest, shelves, held, now, by)
        if not sourced.missing:
            return sourced
    return _sourced(known, shelves, [], now, by)


def needs_of(connection: Connection, request: Request, roles: Sequence[str], now: datetime) -> list[Need | UnknownPart]:
    """Return which parts will do for each role on a request's device, or that nobody can say it."""
    unit = catalogue.unit_of(connection, request.device_id) if roles else None
    if unit is None:
        return [UnknownPart(role, []) for role in roles]
    known = catalogue.load_catalogue(connection, roles)
    return [need_of(role, unit, known, now.date()) for role in roles]


def part_nos_of(connection: Connection, request: Request, roles: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Return which part each role is on a request's device, the one that is taken first; a role that is unknown stays."""
    needs = needs_of(connection, request, roles, now)
    return tuple(need.part_nos[0] if isinstance(need, Need) else need.role for need in needs)


def _sourced(
    needs: Sequence[Need], shelves: Shelves, held: Sequence[Held], now: datetime, ordered_by: datetime
) -> Sourced:
    there = {held[0].centre_id} if held else {depot.centre_id for depot in shelves.depots}
    found = [plan for plan in plans(needs, shelves, now, ordered_by) if plan.centre_id in there]
    ready = {plan.centre_id: plan for plan in found if isinstance(plan, Plan)}
    if ready or not needs:
        last = max((each.expected_at for each in held), default=now)
        return Sourced({centre_id: max(plan.ready_at, last) for centre_id, plan in ready.items()}, ready)
    lacking = [plan.roles for plan in found if not isinstance(plan, Plan)]
    nowhere = [need.role for need in needs if lacking and all(need.role in roles for roles in lacking)]
    return Sourced({}, {}, missing=nowhere or [need.role for need in needs])


def _without(shelves: Shelves, supplier_ids: frozenset[int]) -> Shelves:
    supplies = [supply for supply in shelves.supplies if supply.supplier_id not in supplier_ids]
    return replace(shelves, supplies=supplies)


def hold(
    connection: Connection, request: Request, roles: Sequence[str], plan: Plan, now: datetime, *, is_sure: bool = False
) -> None:
    """Put aside what a plan names, in the caller's transaction; what is held elsewhere, or not needed, is given back.

    Raises
    ------
    psycopg.errors.CheckViolation
        Somebody else took the last one of a part meanwhile.
    """
    planned = {line.role for line in plan.lines}
    stock.release_held(
        connection,
        [
            each.reservation_id
            for each in stock.held_parts(connection, request.request_id)
            # What is put aside in case stays beside what is needed: `gateway.parts.extras` looks after it.
            if each.centre_id != plan.centre_id
            or each.role in planned
            or (each.role not in roles and not each.is_extra)
        ],
        now,
    )
    stock.need_after_all(connection, request.request_id, roles)
    # Everybody takes parts in the same order, so that two who take several never wait for each other.
    for line in sorted(plan.lines, key=lambda line: line.part_no):
        stock.put_aside(connection, request.request_id, plan.centre_id, line, now, is_sure=is_sure)
    if plan.lines:
        detail: dict[str, object] = {
            "parts": [line.part_no for line in plan.lines],
            "centre_id": plan.centre_id,
            "sources": [_told(line) for line in plan.lines],
        }
        requests.append_event(connection, request.request_id, "part_reserved", now, detail=detail)
    if is_sure:
        _ask_suppliers(connection, request.request_id, now)


def _told(line: Line) -> dict[str, object]:
    """Return a line of a plan as the request's history keeps it."""
    return {
        "role": line.role,
        "part": line.part_no,
        "source": _NAMES[type(line.source)],
        "expected_at": line.arrives_at.isoformat(),
        "cost_minor": line.cost.minor,
        "currency": line.cost.currency,
    }


def keep(
    connection: Connection, request: Request, centre_id: int, roles: Sequence[str], begins_at: datetime, now: datetime
) -> None:
    """Have the parts of a confirmed date at its centre before it begins, and ask the suppliers for what was planned.

    Raises
    ------
    PartsLateError
        They cannot be there in time.
    psycopg.errors.CheckViolation
        Somebody else took the last one.
    """
    found = look(connection, request, roles, now, ordered_by=now, at_centre=centre_id)
    ready_at = found.ready_at.get(centre_id)
    if ready_at is None or ready_at > begins_at:
        raise PartsLateError(
            f"request {request.request_id}: its parts are at centre {centre_id} {ready_at or 'never'}, "
            f"the date begins {begins_at}"
        )
    hold(connection, request, roles, found.plans[centre_id], now)
    for inbound_id in stock.order_planned(connection, request.request_id, now):
        requests.append_event(connection, request.request_id, "part_ordered", now, detail={"inbound_id": inbound_id})
    _ask_suppliers(connection, request.request_id, now)


def _ask_suppliers(connection: Connection, request_id: int, now: datetime) -> None:
    """Let the work send what is to be ordered, once this transaction has been committed."""
    waiting = connection.execute(
        """SELECT FROM inbound i JOIN reservation v USING (inbound_id)
        WHERE v.request_id = %s AND v.released_at IS NULL AND i.try_at <= %s LIMIT 1""",
        [request_id, now],
    ).fetchone()
    if waiting is not None:
        tenant_id = one(connection.execute("SELECT current_tenant()").fetchone())
        jobs.defer(connection, jobs.ORDER_PARTS, lock="orders-{tenant_id}", calls=[{"tenant_id": tenant_id}])


def free_of(connection: Connection, request_id: int, now: datetime) -> None:
    """Give back all that is held for a request; what is on its way comes into stock where it goes."""
    held = stock.held_parts(connection, request_id)
    if held:
        stock.release_held(connection, [each.reservation_id for each in held], now)
        parts = [each.part_no for each in held]
        requests.append_event(connection, request_id, "part_released", now, detail={"parts": parts})
