"""A supplier who is reached by HTTP: orders are posted as JSON, signed, under a key that makes a second one the first."""

import json
from datetime import datetime
from typing import Final

import httpx2
from pydantic import BaseModel, Field, ValidationError

from gateway.suppliers.message import OrderMessage, answer_of
from gateway.suppliers.port import PartOrder, Refused, Taken, Unreachable
from gateway.suppliers.signature import signed
from workflows.ordering import Answer

_ANSWER_S: Final = 5.0
_CLIENT_ERRORS: Final = range(400, 500)
# These may be better the next time.
_ASK_AGAIN: Final = frozenset({408, 425, 429})
_UNKNOWN: Final = 404


class _Receipt(BaseModel):
    """What a supplier answers to an order."""

    reference: str = Field(default="", max_length=100)


class HttpSupplier:
    """A supplier at an address, with the secret that is shared with him.

    Parameters
    ----------
    url : str
        Without a slash at its end.
    secret : str
        Signs what we send.
    """

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._secret = secret

    def order(self, order: PartOrder, now: datetime) -> Taken | Refused | Unreachable:
        """Order a part."""
        body: dict[str, object] = {
            "order": order.order_no,
            "part": order.part_no,
            "quantity": order.quantity,
            "deliverTo": order.deliver_to,
            "wantedAt": order.wanted_at.isoformat(),
        }
        return self._post("/orders", order.order_no, body, now)

    def cancel(self, order_no: str, now: datetime) -> Taken | Refused | Unreachable:
        """Ask for an order to be taken back."""
        return self._post(f"/orders/{order_no}/cancel", f"{order_no}-cancel", {"order": order_no}, now)

    def _post(self, path: str, key: str, body: dict[str, object], now: datetime) -> Taken | Refused | Unreachable:
        content = json.dumps(body)
        headers = signed(self._secret, key, content, now) | {
            "Idempotency-Key": key,
            "Content-Type": "application/json",
        }
        try:
            answer = httpx2.post(
                f"{self._url}{path}", content=content, headers=headers, timeout=_ANSWER_S, trust_env=False
            )
            told = _Receipt.model_validate_json(answer.content or b"{}") if answer.is_success else _Receipt()
        except (httpx2.HTTPError, ValueError) as error:
            return Unreachable(type(error).__name__)
        if answer.is_success:
            return Taken(told.reference)
        if answer.status_code in _CLIENT_ERRORS and answer.status_code not in _ASK_AGAIN:
            return Refused(f"HTTP {answer.status_code}")
        return Unreachable(f"HTTP {answer.status_code}")

    def status(self, order_no: str, now: datetime) -> Answer | Unreachable | None:
        """Ask how an order stands."""
        path = f"/orders/{order_no}"
        try:
            answer = httpx2.get(
                f"{self._url}{path}",
                headers=signed(self._secret, f"{order_no}-status-{int(now.timestamp())}", path, now),
                timeout=_ANSWER_S,
                trust_env=False,
            )
            if answer.status_code == _UNKNOWN:
                return None
            answer.raise_for_status()
            return answer_of(OrderMessage.model_validate_json(answer.content))
        except (httpx2.HTTPError, ValidationError) as error:
            return Unreachable(type(error).__name__)
