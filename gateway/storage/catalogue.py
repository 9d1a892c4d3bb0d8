"""The catalogue of parts as sourcing needs it: only what can be reached from the parts that are asked for."""

from collections.abc import Sequence

from psycopg.rows import class_row

from gateway.storage.connection import Connection
from workflows.money import Money
from workflows.parts import Catalogue, KitCosts, Row, Scope, Successor, Unit


def unit_of(connection: Connection, device_id: int) -> Unit | None:
    """Return a device as a bill of material knows it."""
    with connection.cursor(row_factory=class_row(Unit)) as cursor:
        return cursor.execute(
            "SELECT product, model, serial, firmware FROM device WHERE device_id = %s", [device_id]
        ).fetchone()


def load_catalogue(connection: Connection, roles: Sequence[str]) -> Catalogue:
    """Return bill of material, successors and substitutes for roles, and for whatever these lead to."""
    reached = [
        row[0]
        for row in connection.execute(
            """WITH RECURSIVE leads (part_no, other_no) AS (
                SELECT role, part_no FROM bill_of_material
                UNION ALL SELECT part_no, successor_no FROM part_supersession
                UNION ALL SELECT part_no, stand_in_no FROM part_substitute),
            reached (part_no) AS (
                SELECT unnest(%s::text[]) UNION SELECT l.other_no FROM reached r JOIN leads l USING (part_no))
            SELECT part_no FROM reached""",
            [list(roles)],
        )
    ]
    bill: dict[str, list[Row]] = {}
    for role, part_no, *scope in connection.execute(
        """SELECT role, part_no, product, model, serial_from, serial_to, firmware_from, firmware_to
        FROM bill_of_material WHERE role = ANY(%s) ORDER BY bom_id""",
        [list(roles)],
    ):
        bill.setdefault(role, []).append(Row(part_no, Scope(*scope)))
    substitutes: dict[str, list[Row]] = {}
    for part_no, stand_in_no, *scope in connection.execute(
        """SELECT part_no, stand_in_no, product, model, serial_from, serial_to, firmware_from, firmware_to
        FROM part_substitute WHERE part_no = ANY(%s) ORDER BY substitute_id""",
        [reached],
    ):
        substitutes.setdefault(part_no, []).append(Row(stand_in_no, Scope(*scope)))
    successors = {
        part_no: Successor(successor_no, from_on)
        for part_no, successor_no, from_on in connection.execute(
            "SELECT part_no, successor_no, from_on FROM part_supersession WHERE part_no = ANY(%s)", [reached]
        )
    }
    return Catalogue(bill, successors, substitutes)


def load_prices(connection: Connection, part_nos: Sequence[str]) -> dict[str, Money]:
    """Return the prices of those of the parts that have one."""
    rows = connection.execute(
        """SELECT part_no, price_minor, price_currency FROM part
        WHERE part_no = ANY(%s) AND price_minor IS NOT NULL""",
        [list(part_nos)],
    )
    return {part_no: Money(minor, currency) for part_no, minor, currency in rows}


def load_kit_costs(connection: Connection) -> KitCosts | None:
    """Return what a second visit and carrying cost this tenant; None when it has not said."""
    row = connection.execute(
        "SELECT second_visit_minor, currency, carrying_per_mille FROM parts_tariff WHERE tenant_id = current_tenant()"
    ).fetchone()
    return None if row is None else KitCosts(Money(row[0], row[1]), row[2])
