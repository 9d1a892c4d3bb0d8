"""The payment provider of the world: it keeps books of its own, and is away, slow, doubtful, or tells the desk things twice.

Its books are a table beside the desk's, so that what it took can be compared with what was agreed. A call that changes
something carries a key; the same key gets the same answer. What was done may have been done although nobody was told.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

import msgspec

from gateway.payments.port import Checkout, Payment, PaymentError, PaymentPort, Standing
from gateway.payments.settling import settle_due
from gateway.payments.signature import signed
from gateway.payments.webhook import ForgedError, take_message
from gateway.rehearsal.life import Life
from gateway.storage.connection import Connection
from workflows.money import Money

# The provider's side of every payment: `waiting`, `reserved`, `taken` or `gone`, and what went back of it.
BOOKS: Final[
    LiteralString
] = """CREATE TEMP TABLE IF NOT EXISTS rehearsal_payment (session text PRIMARY KEY, key text UNIQUE,
    tenant_id int, deposit_id bigint, amount_minor bigint, currency text, standing text, page_ends_at timestamptz,
    returned_minor bigint NOT NULL DEFAULT 0, is_returned boolean NOT NULL DEFAULT false)"""

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
_SHARED_WORD: Final = "whsec_of_the_rehearsal"
_AWAY: Final = 0.08
_BROKEN_LINE: Final = 0.05
_WRONG_AMOUNT: Final = 0.02


@dataclass(frozen=True, slots=True)
class Provider(PaymentPort):
    """The provider as the desk reaches it."""

    life: Life

    def create(self, amount: Money, *, reference: str, title: str, return_to: str, key: str) -> Checkout:
        """Make a page; the owner pays on it soon, late or never."""
        del title, return_to
        self._be_there()
        life, books = self.life, self.life.desk.admin
        found = books.execute("SELECT session FROM rehearsal_payment WHERE key = %s", [key]).fetchone()
        if found is not None:
            return Checkout(found[0], f"https://pay.example/{found[0]}")
        session = f"cs_{next(life.numbers)}"
        tenant, _, deposit = reference.partition("-")
        lasts = life.chance.choice((_DAY, 10 * _DAY))
        books.execute(
            """INSERT INTO rehearsal_payment (session, key, tenant_id, deposit_id, amount_minor, currency, standing,
                page_ends_at) VALUES (%s, %s, %s, %s, %s, %s, 'waiting', %s)""",
            [session, key, tenant, deposit, amount.minor, amount.currency, life.now + lasts],
        )
        self._let_pay(session)
        self._break_line()
        return Checkout(session, f"https://pay.example/{session}")

    def look(self, session: str) -> Payment:
        """Say what has become of a payment; now and then of a wrong amount."""
        self._be_there()
        standing, minor, currency, ends_at = self._found(session)
        if standing == "waiting" and ends_at <= self.life.now:
            standing = "gone"
            self._note(session, standing)
        is_wrong = standing == "reserved" and self.life.chance.random() < _WRONG_AMOUNT
        intent = "" if standing in {"waiting", "gone"} else f"pi_{session}"
        return Payment(Standing(standing), intent, Money(minor + is_wrong, currency))

    def capture(self, intent: str, *, key: str) -> None:
        """Take what was reserved."""
        del key
        self._be_there()
        session = intent.removeprefix("pi_")
        if self._found(session)[0] not in {"reserved", "taken"}:
            raise PaymentError(f"{intent} is not reserved")
        self._note(session, "taken")
        self._break_line()

    def call_off(self, session: str, payment: Payment, *, key: str) -> None:
        """Let nothing be taken any more, unless it was taken meanwhile."""
        del payment, key
        self._be_there()
        if self._found(session)[0] == "taken":
            raise PaymentError(f"{session} is paid")
        self._note(session, "gone")
        self._break_line()

    def refund(self, intent: str, amount: Money, *, key: str) -> bool:
        """Give money back, at once or after some days."""
        del key
        self._be_there()
        session = intent.removeprefix("pi_")
        self.life.desk.admin.execute(
            "UPDATE rehearsal_payment SET returned_minor = %s WHERE session = %s AND standing = 'taken'",
            [amount.minor, session],
        )
        row = self.life.desk.admin.execute(
            """UPDATE rehearsal_payment SET is_returned = is_returned OR %s WHERE session = %s RETURNING is_returned""",
            [self.life.chance.random() < 0.6, session],
        ).fetchone()
        self._break_line()
        return row == (True,)

    def _found(self, session: str) -> tuple[str, int, str, datetime]:
        row = self.life.desk.admin.execute(
            "SELECT standing, amount_minor, currency, page_ends_at FROM rehearsal_payment WHERE session = %s", [session]
        ).fetchone()
        if row is None:
            raise PaymentError(f"there is no page {session!r}")
        return row[0], row[1], row[2], row[3]

    def _note(self, session: str, standing: str) -> None:
        self.life.desk.admin.execute(
            "UPDATE rehearsal_payment SET standing = %s WHERE session = %s", [standing, session]
        )

    def _be_there(self) -> None:
        if self.life.chance.random() < _AWAY:
            raise PaymentError("the provider does not answer")

    def _break_line(self) -> None:
        if self.life.chance.random() < _BROKEN_LINE:
            raise PaymentError("the line broke before the answer came")

    def _let_pay(self, session: str) -> None:
        temper = self.life.chance.random()
        if temper < 0.7:
            delay = self.life.draw(_MINUTE, 20 * _HOUR)
        elif temper < 0.85:
            delay = self.life.draw(20 * _HOUR, 9 * _DAY)
        else:
            return
        self.life.plan(delay, "payer", lambda: self._pay(session))

    def _pay(self, session: str) -> str:
        """Pay on a page whose address the desk has told, if it is still there."""
        standing, minor, currency, ends_at = self._found(session)
        told = self.life.desk.admin.execute("SELECT deposit_id FROM deposit WHERE session = %s", [session]).fetchone()
        if standing != "waiting" or told is None or ends_at <= self.life.now:
            return ""
        self._note(session, "reserved")
        send(self.life, session)
        return f"pays {minor} {currency}"


def send(life: Life, session: str) -> None:
    """Let the provider tell the desk of a payment: once, twice, late, or never; and somebody else tell it in its name."""
    row = life.desk.admin.execute(
        "SELECT tenant_id || '-' || deposit_id FROM rehearsal_payment WHERE session = %s", [session]
    ).fetchone()
    number = f"evt_{next(life.numbers)}"
    about = {"id": session, "client_reference_id": None if row is None else row[0]}
    body = msgspec.json.encode({"id": number, "type": "checkout.session.completed", "data": {"object": about}})
    times = life.chance.choices((0, 1, 2), (0.15, 0.65, 0.2))[0]
    for _ in range(times):
        life.plan(life.draw(timedelta(seconds=1), 10 * _HOUR), "provider", lambda: _tell(life, body))
    if life.chance.random() < 0.2:
        life.plan(life.draw(timedelta(seconds=1), _DAY), "stranger", lambda: _forge(life, body))


def _tell(life: Life, body: bytes) -> str:
    outcome = take_message(life.desk.serve, signed(body, _SHARED_WORD, life.now), body, _SHARED_WORD, life.now)
    life.plan(life.draw(timedelta(seconds=1), _MINUTE), "work", lambda: settle(life))
    return f"tells of a payment: {outcome}"


def _forge(life: Life, body: bytes) -> str:
    """Tell the desk of a payment with another secret, or with a signature of an hour ago."""
    is_old = life.chance.random() < 0.5
    secret, at = (_SHARED_WORD, life.now - _HOUR) if is_old else ("whsec_guessed", life.now)
    try:
        outcome = take_message(life.desk.serve, signed(body, secret, at), body, _SHARED_WORD, life.now)
    except ForgedError:
        return "tells of a payment in the provider's name, and is refused"
    raise RuntimeError(f"a message that the provider has not sent was taken: {outcome}")


def open_books(connection: Connection) -> None:
    """Make the provider's books, empty."""
    connection.execute(BOOKS)
    connection.execute("TRUNCATE rehearsal_payment")


def settle(life: Life) -> str:
    """Let the desk do what is due about deposits, as it does beside each sweep."""
    port = Provider(life) if life.world.takes_payments else None
    count = settle_due(life.desk.work, port, "https://desk.example", life.now)
    return f"settles {count} deposits" if count else ""
