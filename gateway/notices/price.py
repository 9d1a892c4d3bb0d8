"""The price of a request as people read it: one sentence, its lines, and who pays which."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, cast

from gateway.storage import quotes
from gateway.storage.connection import Connection
from gateway.storage.deposits import Deposit, latest_deposit
from gateway.storage.entitlements import onset_of, terms_of
from gateway.storage.pages.request import RequestRow
from gateway.storage.quotes import Quote
from gateway.texts import Language, Translator, msgid
from workflows.entitlement import Ground, whole_warranty
from workflows.money import Money

PAYERS: Final[Mapping[str, str]] = {
    Ground.WARRANTY: msgid("your warranty"),
    Ground.CONTRACT: msgid("your service contract"),
    Ground.GOODWILL: msgid("us, as goodwill"),
    Ground.RULE: msgid("us, as goodwill"),
}

# What becomes of a deposit, for planners and owners alike.
DEPOSITS: Final[Mapping[str, str]] = {
    "wanted": msgid("is being asked for"),
    "asked": msgid("not paid yet"),
    "authorised": msgid("paid, is being taken"),
    "captured": msgid("paid"),
    "unwanted": msgid("is being called off"),
    "refunding": msgid("is being given back"),
    "settled": msgid("settled"),
    "void": msgid("called off; nothing was taken"),
}


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line in words; `payers` says who pays how much of it besides the owner, with the number of its ground."""

    title: str
    gross: str
    payers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Price:
    """What is known of a request's price; nothing, where there are no prices."""

    quote: Quote | None = None
    titles: Mapping[str, str] | None = None
    warranty_until: date | None = None
    deposit: Deposit | None = None

    @property
    def is_open(self) -> bool:
        """Whether the owner has not said yes yet to a price that needs it."""
        return self.quote is not None and self.quote.state == "open"

    def cost(self, t: Translator) -> str:
        """Return in one sentence what the owner pays."""
        quote = self.quote
        if quote is not None and quote.to_pay_minor:
            return t.gettext("You pay %(amount)s in all.") % {"amount": quote.to_pay.shown(t.language)}
        if self.warranty_until is not None:
            until = {"date": t.date(self.warranty_until)}
            return t.gettext("It costs you nothing: your warranty runs until %(date)s.") % until
        if quote is None:
            return t.gettext("We agree the price with you before any work begins.")
        payers = dict.fromkeys(payer for line in self.lines(t) for payer, _, _ in line.payers)
        if not payers:
            return t.gettext("It costs you nothing.")
        return t.gettext("It costs you nothing: it is paid by %(payers)s.") % {"payers": ", ".join(payers)}

    def afterwards(self, t: Translator) -> str:
        """Return in one sentence what becomes of the deposit of a request that ended without its repair; empty without."""
        match None if self.deposit is None else self.deposit.state:
            case None:
                return ""
            case "captured" | "refunding" | "settled":
                return t.gettext("What you have paid as a deposit goes back to you.")
            case _:
                return t.gettext(
                    "You do not have to pay the deposit any more. If you have just paid it, you get it back."
                )

    def lines(self, t: Translator) -> tuple[ShownLine, ...]:
        """Return the lines of the quote, none without one."""
        if self.quote is None:
            return ()
        currency = self.quote.currency
        return tuple(self._line(line, currency, t) for line in self.quote.lines)

    def _line(self, line: Mapping[str, object], currency: str, t: Translator) -> ShownLine:
        covers = cast("list[dict[str, object]]", line["covers"])
        return ShownLine(
            self._title(line, t),
            _shown(line["gross"], currency, t),
            tuple(
                (
                    t.gettext(PAYERS[str(cover["ground"])]),
                    _shown(cover["amount"], currency, t),
                    f"{cover['ground']} {cover['ground_id']}",
                )
                for cover in covers
            ),
        )

    def _title(self, line: Mapping[str, object], t: Translator) -> str:
        name, quantity = str(line["name"]), line["quantity"]
        match line["kind"]:
            case "labour":
                return t.gettext("Work, %(minutes)s minutes") % {"minutes": quantity}
            case "call_out":
                return t.gettext("The way to you")
            case _:
                title = (self.titles or {}).get(name, name)
                return title if quantity == 1 else f"{quantity} × {title}"


def _shown(minor: object, currency: str, t: Translator) -> str:
    return Money(cast("int", minor), currency).shown(t.language)


def find_price(conn: Connection, request: RequestRow, language: Language) -> Price:
    """Return what is known of a request's price, its parts named in a language: the open quote before the agreed one."""
    quote = quotes.find_quote(conn, request.request_id, "open") or quotes.find_quote(
        conn, request.request_id, "accepted"
    )
    names = [str(line["name"]) for line in quote.lines if line["kind"] == "part"] if quote else []
    onset = onset_of(conn, request.request_id)
    terms = terms_of(conn, request.device_id, request.product, request.request_id, onset)
    whole = whole_warranty(terms, component=request.component, onset_at=onset.onset_at, zone_name=onset.zone_name)
    return Price(
        quote,
        quotes.part_titles(conn, names, language),
        None if whole is None else whole.until_on,
        latest_deposit(conn, request.request_id),
    )


def valid_until(price: Price, zone_name: str, t: Translator) -> str:
    """Return until when an open price holds, empty where none is open."""
    moment: datetime | None = price.quote.valid_until if price.quote is not None and price.is_open else None
    return t.day_and_time(moment, zone_name) if moment is not None else ""
