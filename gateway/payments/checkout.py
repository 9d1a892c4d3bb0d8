"""A payment provider over HTTP, with the interface of Stripe's Checkout Sessions, PaymentIntents and Refunds.

Forms go there, JSON comes back; each call that changes something carries an idempotency key. Nothing of a request is
logged, for its headers hold the secret key.
"""

from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import quote

import httpx2
import msgspec

from gateway.payments.port import Checkout, Payment, PaymentError, Standing
from workflows.money import Money

_TIMEOUT_S: Final = 10.0
_CAME_TO_NOTHING: Final = ("failed", "canceled")
_T = TypeVar("_T")


class _Session(msgspec.Struct):
    id: str
    status: str
    amount_total: int
    currency: str
    url: str | None = None
    payment_intent: str | None = None


class _Intent(msgspec.Struct):
    id: str
    status: str
    amount: int
    amount_received: int
    currency: str


class _Refund(msgspec.Struct):
    id: str
    status: str
    amount: int


class _Refunds(msgspec.Struct):
    data: list[_Refund]
    has_more: bool = False


class _Refusal(msgspec.Struct):
    type: str = ""
    code: str | None = None


class _Refused(msgspec.Struct):
    error: _Refusal


class HttpPayments:
    """The provider behind an address, with the secret key of one account.

    Examples
    --------
    >>> repr(HttpPayments("https://pay.example", "sk_live_secret"))
    "HttpPayments('https://pay.example')"
    """

    def __init__(self, url: str, secret_key: str) -> None:
        self._url = url.rstrip("/")
        self._client = httpx2.Client(
            base_url=self._url, headers={"Authorization": f"Bearer {secret_key}"}, timeout=_TIMEOUT_S
        )

    def __repr__(self) -> str:
        """Return where it is, and not the key."""
        return f"HttpPayments({self._url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def create(self, amount: Money, *, reference: str, title: str, return_to: str, key: str) -> Checkout:
        """Make a page on which the owner pays; his money is reserved first and taken later."""
        session = self._send(
            "POST",
            "/v1/checkout/sessions",
            _Session,
            key=key,
            form={
                "mode": "payment",
                "client_reference_id": reference,
                "success_url": return_to,
                "cancel_url": return_to,
                "payment_intent_data[capture_method]": "manual",
                "line_items[0][quantity]": "1",
                "line_items[0][price_data][currency]": amount.currency.lower(),
                "line_items[0][price_data][unit_amount]": str(amount.minor),
                "line_items[0][price_data][product_data][name]": title,
            },
        )
        if session.url is None or Money(session.amount_total, session.currency.upper()) != amount:
            raise PaymentError(f"the provider's page {session.id} is not one to pay {amount.minor} {amount.currency}")
        return Checkout(session.id, session.url)

    def look(self, session: str) -> Payment:
        """Say what has become of a payment."""
        found = self._send("GET", f"/v1/checkout/sessions/{session}", _Session)
        amount = Money(found.amount_total, found.currency.upper())
        if found.payment_intent is None:
            return Payment(Standing.GONE if found.status == "expired" else Standing.WAITING, "", amount)
        intent = self._send("GET", f"/v1/payment_intents/{found.payment_intent}", _Intent)
        match intent.status:
            case "requires_capture":
                standing = Standing.RESERVED
            case "succeeded":
                standing = Standing.TAKEN
            case "canceled":
                standing = Standing.GONE
            case _:
                standing = Standing.GONE if found.status == "expired" else Standing.WAITING
        # Somebody at the provider's own pages may take less than was reserved.
        minor = intent.amount_received if standing is Standing.TAKEN else intent.amount
        return Payment(standing, intent.id, Money(minor, intent.currency.upper()))

    def capture(self, intent: str, *, key: str) -> None:
        """Take what was reserved."""
        taken = self._send("POST", f"/v1/payment_intents/{intent}/capture", _Intent, key=key)
        if taken.status != "succeeded":
            raise PaymentError(f"the provider did not take the payment {intent}: it is {taken.status}")

    def call_off(self, session: str, payment: Payment, *, key: str) -> None:
        """Let nothing be taken any more: the page ends, and what was reserved is free again.

        A key is for one address alone. Who pays just before his page ends is found to have paid at the next look; then it is
        his payment that is called off, under a key of its own.
        """
        if payment.standing is Standing.WAITING:
            self._send("POST", f"/v1/checkout/sessions/{session}/expire", _Session, key=key)
        elif payment.standing is Standing.RESERVED:
            self._send("POST", f"/v1/payment_intents/{payment.intent}/cancel", _Intent, key=f"{key}-payment")

    def refund(self, intent: str, amount: Money, *, key: str) -> bool:
        """Give back what was taken; what is on its way already is looked up, and not asked for again.

        A key gets its first answer for ever. So what is pending is known by looking, and what came to nothing at the
        owner's bank is tried again under a key of its own, one for each that has failed.
        """
        known = self._send("GET", f"/v1/refunds?payment_intent={quote(intent, safe='')}&limit=100", _Refunds)
        if known.has_more:
            raise PaymentError(
                f"the payment {intent} has more than 100 refunds: see at the provider what was given back"
            )
        alive = [each for each in known.data if each.status not in _CAME_TO_NOTHING]
        missing_minor = amount.minor - sum(each.amount for each in alive)
        if missing_minor <= 0:
            return all(each.status == "succeeded" for each in alive)
        failed = len(known.data) - len(alive)
        form = {"payment_intent": intent, "amount": str(missing_minor)}
        # With what was given back by hand the amount is another one, which the same key would not allow.
        fresh = key if not known.data else f"{key}-{failed}-{missing_minor}"
        made = self._send("POST", "/v1/refunds", _Refund, key=fresh, form=form)
        return made.status == "succeeded" and all(each.status == "succeeded" for each in alive)

    def _send(
        self, method: str, path: str, answer: type[_T], *, key: str = "", form: Mapping[str, str] | None = None
    ) -> _T:
        try:
            response = self._client.request(
                method, path, data=None if form is None else dict(form), headers={"Idempotency-Key": key} if key else {}
            )
        except httpx2.HTTPError as error:
            raise PaymentError(f"the provider at {self._url} does not answer: {type(error).__name__}") from None
        if response.status_code >= 400:
            raise PaymentError(f"the provider refused {method} {path}: {response.status_code} {_why(response.content)}")
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.MsgspecError as error:
            raise PaymentError(f"the provider's answer to {method} {path} cannot be read: {error}") from None


def _why(content: bytes) -> str:
    try:
        refusal = msgspec.json.decode(content, type=_Refused).error
    except msgspec.MsgspecError:
        return "without a reason"
    return refusal.code or refusal.type


def provider(url: str, secret_key: str) -> HttpPayments | None:
    """Return the provider that is set, None without a key."""
    return HttpPayments(url, secret_key) if secret_key else None
