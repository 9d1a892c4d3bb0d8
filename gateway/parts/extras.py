"""Extras: parts that may be needed instead of the one that is, put aside with a request's offer where that is cheaper.

Which ones is decided in `workflows.parts` by what a second visit would cost. They are taken from what lies at the centre
beyond the last one, are released and given back with all other parts of the request, and keep no offer from being made.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg.errors import CheckViolation

from devices.product import ProductType
from devices.products import product_type
from gateway.audit import auditing
from gateway.owners import mandates
from gateway.parts import sourcing
from gateway.storage import catalogue, findings, requests, stock
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from workflows.mandate import Clause, Denied
from workflows.money import Money
from workflows.parts import Cause, Need, extras, kit
from workflows.sourcing import Line, OnHand

_log = logging.getLogger(__name__)

# What it is put aside for, in the audit and in the request's history.
_WHY: Final = "in_case"


def look_after(connection: Connection, request: Request, centre_id: int, needed: Sequence[str], now: datetime) -> None:
    """Put aside at a centre what may be needed beside the parts of the remedy, and give back what is not wanted any more.

    Parameters
    ----------
    connection : Connection
        In the transaction of the offer, after its own parts were put aside.
    request : Request
        Locked.
    centre_id : int
        Where the offer's parts are.
    needed : sequence of str
        The roles that the remedy needs.
    now : datetime
        Aware.
    """
    chosen = _chosen(connection, request, centre_id, needed, now)
    held = [each for each in stock.held_parts(connection, request.request_id) if each.is_extra]
    stays = {each.role for each in held if each.centre_id == centre_id and each.role in chosen}
    stock.release_held(connection, [each.reservation_id for each in held if each.role not in stays], now)
    for role in sorted(set(chosen) - stays):
        _put_aside(connection, request, centre_id, role, *chosen[role], now)


def _chosen(
    connection: Connection, request: Request, centre_id: int, needed: Sequence[str], now: datetime
) -> dict[str, tuple[str, Money]]:
    """Return part number and price of each role that is worth taking along."""
    costs = catalogue.load_kit_costs(connection)
    diagnosis = findings.latest_diagnosis(connection, request.device_id, request.component)
    if costs is None or diagnosis is None:
        return {}
    causes = _causes(product_type(request.product), diagnosis.hypotheses)
    roles = sorted({role for cause in causes for role in cause.roles} - set(needed))
    if not roles:
        return {}
    needs = [need for need in sourcing.needs_of(connection, request, roles, now) if isinstance(need, Need)]
    fitting = {need.role: need.part_nos for need in needs}
    part_nos = [part_no for need in needs for part_no in need.part_nos]
    known = catalogue.load_prices(connection, part_nos)
    prices = {role: known[each[0]] for role, each in fitting.items() if each[0] in known}
    free = stock.lying_free(connection, centre_id, part_nos)
    for each in stock.held_parts(connection, request.request_id):
        if each.is_extra and each.centre_id == centre_id:
            # What is held for it already is as good as free.
            free[each.part_no] = free.get(each.part_no, 0) + 1
    found = extras(kit(causes, prices, costs), needed, fitting, free)
    return {role: (part_no, prices[role]) for role, part_no in found.items()}


def _causes(product: ProductType, hypotheses: Sequence[dict[str, object]]) -> list[Cause]:
    told = [
        (str(each.get("fault")), float(p))
        for each in hypotheses
        if isinstance(p := each.get("probability"), int | float)
    ]
    remedies = product.remedies
    return [Cause(fault, p, remedies[fault].part_nos) for fault, p in told if fault in remedies]


def _put_aside(
    connection: Connection, request: Request, centre_id: int, role: str, part_no: str, price: Money, now: datetime
) -> None:
    """Put one part aside on the owner's clause; without one, or when somebody else was faster, it is left."""
    request_id = request.request_id
    permission = mandates.permit(connection, request.device_id, request_id, Clause.RESERVE_PART, now, price)
    if isinstance(permission, Denied):
        return
    line = Line(role, part_no, OnHand(), now, price)
    try:
        with connection.transaction():
            stock.put_aside(connection, request_id, centre_id, line, now, is_sure=False, is_extra=True)
    except CheckViolation as error:
        _log.info("request %d: no %s in case: %s", request_id, part_no, str(error).partition("\n")[0])
        return
    detail: dict[str, object] = {"parts": [part_no], "centre_id": centre_id, "why": _WHY}
    requests.append_event(connection, request_id, "part_reserved", now, detail=detail)
    auditing.record(
        connection,
        "part_reserved",
        device_id=request.device_id,
        request_id=request_id,
        permission=permission,
        inputs=detail | {"role": role, "price": {"minor": price.minor, "currency": price.currency}},
        now=now,
    )
