"""What a repair may cost and who may pay it: the tenant's prices, and a device's warranties, contracts and goodwill."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from gateway.storage.connection import Connection
from workflows.entitlement import Contract, Goodwill, Rule, Terms, Warranty
from workflows.money import Money
from workflows.pricing import PriceList, Rate
from workflows.quoting import DepositTerms


@dataclass(frozen=True, slots=True)
class Onset:
    """When a request's fault began, and in which time zone its device lives."""

    onset_at: datetime
    zone_name: str

    @property
    def utc_on(self) -> date:
        """The day of the onset by UTC; near enough to say which year of a contract it is in."""
        return self.onset_at.date()


def onset_of(connection: Connection, request_id: int) -> Onset:
    """Return the onset of a request's fault, as the first diagnosis that named it says."""
    row = connection.execute(
        """SELECT coalesce(f.since_at, g.since_at), d.time_zone FROM service_request r
        JOIN diagnosis g USING (diagnosis_id) JOIN device d ON d.device_id = r.device_id
        LEFT JOIN fault f ON f.fault_id = r.fault_id WHERE r.request_id = %s""",
        [request_id],
    ).fetchone()
    if row is None:
        raise LookupError(f"there is no request {request_id} whose onset could be known")
    return Onset(row[0], row[1])


def prices(connection: Connection, part_nos: Sequence[str]) -> PriceList:
    """Return the tenant's rates of labour, and the prices of some parts as far as they are known."""
    rates = connection.execute(
        "SELECT product, skill, per_minute_minor, call_out_minor, currency FROM labour_rate ORDER BY rate_id"
    ).fetchall()
    parts = connection.execute(
        "SELECT part_no, price_minor, price_currency FROM part WHERE part_no = ANY(%s) AND price_minor IS NOT NULL",
        [list(part_nos)],
    ).fetchall()
    return PriceList(
        [
            Rate(product, skill, Money(minute, currency), Money(call_out, currency))
            for product, skill, minute, call_out, currency in rates
        ],
        {part_no: Money(minor, currency) for part_no, minor, currency in parts},
    )


def has_rates(connection: Connection) -> bool:
    """Say whether the tenant has prices at all; one without agrees each in person."""
    return connection.execute("SELECT EXISTS (SELECT FROM labour_rate)").fetchone() == (True,)


def has_special_order(connection: Connection, part_nos: Sequence[str]) -> bool:
    """Say whether one of the parts is ordered for its owner alone."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM part WHERE part_no = ANY(%s) AND is_special_order)", [list(part_nos)]
    ).fetchone()
    return row == (True,)


def deposit_terms(connection: Connection) -> DepositTerms | None:
    """Return when the tenant takes deposits, None where it takes none."""
    row = connection.execute("SELECT above_minor, currency, per_mille FROM deposit_rule").fetchone()
    if row is None:
        return None
    return DepositTerms(None if row[0] is None else Money(row[0], row[1]), row[2])


def terms_of(connection: Connection, device_id: int, product: str, request_id: int | None, onset: Onset) -> Terms:
    """Return all that may pay for a repair of a device.

    Parameters
    ----------
    connection : Connection
        In a tenant's transaction.
    device_id, product : int, str
        The device.
    request_id : int or None
        For the goodwill that was granted for it; its own visit is not counted against a contract.
    onset : Onset
        Says in which year of a contract its visits are counted.
    """
    return Terms(
        _warranties(connection, device_id),
        _contracts(connection, device_id, request_id, onset),
        _rules(connection, product),
        None if request_id is None else living_goodwill(connection, request_id),
    )


def _warranties(connection: Connection, device_id: int) -> list[Warranty]:
    rows = connection.execute(
        """SELECT warranty_id, covers_parts, covers_labour, components, from_on, until_on FROM warranty
        WHERE device_id = %s ORDER BY until_on DESC, warranty_id""",
        [device_id],
    ).fetchall()
    return [Warranty(row[0], row[1], row[2], frozenset(row[3]), row[4], row[5]) for row in rows]


def _contracts(connection: Connection, device_id: int, request_id: int | None, onset: Onset) -> list[Contract]:
    rows = connection.execute(
        """SELECT c.contract_id, c.parts_per_mille, c.labour_per_mille, c.components, c.visits_per_year - (
                SELECT count(*) FROM quote q JOIN service_request r USING (request_id)
                WHERE r.device_id = c.device_id AND r.request_id IS DISTINCT FROM %(request)s
                    AND r.state <> 'cancelled' AND q.state = 'accepted'
                    AND extract(year FROM age(q.onset_on, c.from_on)) = extract(year FROM age(%(onset)s, c.from_on))
                    AND q.lines @? format(
                        '$[*].covers[*] ? (@.ground == "contract" && @.ground_id == %%s)', c.contract_id)::jsonpath),
            c.from_on, c.until_on
        FROM service_contract c WHERE c.device_id = %(device)s ORDER BY c.contract_id""",
        {"device": device_id, "request": request_id, "onset": onset.utc_on},
    ).fetchall()
    return [
        Contract(row[0], row[1], row[2], frozenset(row[3]), None if row[4] is None else max(row[4], 0), row[5], row[6])
        for row in rows
    ]


def _rules(connection: Connection, product: str) -> list[Rule]:
    rows = connection.execute(
        """SELECT rule_id, months_after, parts_per_mille, labour_per_mille FROM goodwill_rule
        WHERE product IN ('', %s) ORDER BY product DESC, rule_id""",
        [product],
    ).fetchall()
    return [Rule(*row) for row in rows]


def living_goodwill(connection: Connection, request_id: int) -> Goodwill | None:
    """Return what a planner granted for a request and has not taken back."""
    row = connection.execute(
        "SELECT goodwill_id, per_mille FROM goodwill WHERE request_id = %s AND withdrawn_at IS NULL", [request_id]
    ).fetchone()
    return None if row is None else Goodwill(row[0], row[1])


def grant_goodwill(
    connection: Connection, request_id: int, *, staff_id: int, per_mille: int, reason: str, now: datetime
) -> None:
    """Write what a planner grants for a request; what was granted before ends with it."""
    withdraw_goodwill(connection, request_id, now)
    connection.execute(
        "INSERT INTO goodwill (request_id, staff_id, per_mille, reason, granted_at) VALUES (%s, %s, %s, %s, %s)",
        [request_id, staff_id, per_mille, reason, now],
    )


def withdraw_goodwill(connection: Connection, request_id: int, now: datetime) -> bool:
    """Take back what was granted for a request; return whether there was any."""
    return bool(
        connection.execute(
            "UPDATE goodwill SET withdrawn_at = %s WHERE request_id = %s AND withdrawn_at IS NULL", [now, request_id]
        ).rowcount
    )
