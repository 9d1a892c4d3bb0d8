"""Quotes: what a repair costs and who pays it, as an owner was told. Amounts are written once."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from gateway.storage.connection import Connection
from gateway.storage.findings import one
from workflows.entitlement import Covered, Entitlement
from workflows.money import Money, total


@dataclass(frozen=True, slots=True)
class Quote:
    """One quote; `lines` is what `lines_of` made of an entitlement's."""

    quote_id: int
    request_id: int
    fault: str
    onset_on: date
    currency: str
    gross_minor: int
    to_pay_minor: int
    deposit_minor: int
    lines: list[dict[str, object]]
    made_at: datetime
    valid_until: datetime
    state: str

    @property
    def gross(self) -> Money:
        """What the repair costs."""
        return Money(self.gross_minor, self.currency)

    @property
    def to_pay(self) -> Money:
        """What its owner pays."""
        return Money(self.to_pay_minor, self.currency)

    @property
    def parts_to_pay(self) -> Money:
        """What its owner pays for the parts alone."""
        return total((_to_pay(line, self.currency) for line in self.lines if line["kind"] == "part"), self.currency)

    @property
    def deposit(self) -> Money:
        """What he pays before anything is ordered."""
        return Money(self.deposit_minor, self.currency)


def _to_pay(line: dict[str, object], currency: str) -> Money:
    covers = cast("list[dict[str, int]]", line["covers"])
    return Money(cast("int", line["gross"]) - sum(cover["amount"] for cover in covers), currency)


def lines_of(entitlement: Entitlement) -> list[dict[str, object]]:
    """Return an entitlement's lines as they are kept, amounts in minor units."""
    return [_line(covered) for covered in entitlement.lines]


def _line(covered: Covered) -> dict[str, object]:
    return {
        "kind": str(covered.line.kind),
        "name": covered.line.name,
        "quantity": covered.line.quantity,
        "gross": covered.line.gross.minor,
        "covers": [
            {"ground": str(cover.ground), "ground_id": cover.ground_id, "amount": cover.amount.minor}
            for cover in covered.covers
        ],
    }


def find_quote(connection: Connection, request_id: int, state: str) -> Quote | None:
    """Return a request's open or accepted quote; there is one of each at most."""
    with connection.cursor(row_factory=class_row(Quote)) as cursor:
        return cursor.execute(
            """SELECT quote_id, request_id, fault, onset_on, currency, gross_minor, to_pay_minor, deposit_minor, lines,
                made_at, valid_until, state
            FROM quote WHERE request_id = %s AND state = %s ORDER BY quote_id DESC LIMIT 1""",
            [request_id, state],
        ).fetchone()


def add_quote(
    connection: Connection,
    request_id: int,
    entitlement: Entitlement,
    *,
    fault: str,
    deposit: Money,
    valid_until: datetime,
    state: str,
    now: datetime,
) -> int:
    """Write a quote in place of the open one, and of the accepted one where it is accepted itself; return its id."""
    end_quotes(connection, request_id, "open", "replaced", now)
    if state == "accepted":
        end_quotes(connection, request_id, "accepted", "replaced", now)
    return one(
        connection.execute(
            """INSERT INTO quote (request_id, fault, onset_on, currency, gross_minor, to_pay_minor, deposit_minor,
                lines, made_at, valid_until, state, answered_at)
            VALUES (%(request_id)s, %(fault)s, %(onset_on)s, %(currency)s, %(gross)s, %(to_pay)s, %(deposit)s,
                %(lines)s, %(now)s, %(valid_until)s, %(state)s, CASE WHEN %(state)s <> 'open' THEN %(now)s END)
            RETURNING quote_id""",
            {
                "request_id": request_id,
                "fault": fault,
                "onset_on": entitlement.onset_on,
                "currency": entitlement.currency,
                "gross": entitlement.gross.minor,
                "to_pay": entitlement.to_pay.minor,
                "deposit": deposit.minor,
                "lines": Jsonb(lines_of(entitlement)),
                "valid_until": valid_until,
                "state": state,
                "now": now,
            },
        ).fetchone()
    )


def accept_quote(connection: Connection, quote: Quote, now: datetime) -> None:
    """Make an open quote the one that is agreed."""
    end_quotes(connection, quote.request_id, "accepted", "replaced", now)
    connection.execute(
        "UPDATE quote SET state = 'accepted', answered_at = %s WHERE quote_id = %s AND state = 'open'",
        [now, quote.quote_id],
    )


def end_quotes(connection: Connection, request_id: int, state: str, outcome: str, now: datetime) -> bool:
    """End a request's quote that is in a state; return whether there was one."""
    return bool(
        connection.execute(
            "UPDATE quote SET state = %s, answered_at = %s WHERE request_id = %s AND state = %s",
            [outcome, now, request_id, state],
        ).rowcount
    )


def quotes_past(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return the requests whose open quote has run out, the oldest first."""
    rows = connection.execute(
        "SELECT request_id FROM quote WHERE state = 'open' AND valid_until <= %s ORDER BY valid_until LIMIT %s",
        [now, most],
    ).fetchall()
    return [row[0] for row in rows]


def part_titles(connection: Connection, part_nos: list[str], language: str) -> dict[str, str]:
    """Return what parts are called in a language, or else in the tenant's own, by part number."""
    rows = connection.execute(
        "SELECT part_no, coalesce(titles ->> %(language)s, title) FROM part WHERE part_no = ANY(%(parts)s)",
        {"language": language, "parts": part_nos},
    ).fetchall()
    return dict(rows)
