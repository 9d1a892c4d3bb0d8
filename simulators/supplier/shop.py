"""The supplier: what he does with an order is drawn by his seed, and he knows nothing of the desk but its address."""

import heapq
import json
import logging
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

import httpx2
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_log = logging.getLogger(__name__)

_MANNERS: Final = ("obeys", "delays", "silent", "doubles", "wrong", "rejects")
_DELAY: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Manners:
    """Shares of what he does with orders, and after how many seconds he answers and delivers."""

    obeys: float = 1.0
    delays: float = 0.0
    silent: float = 0.0
    doubles: float = 0.0
    wrong: float = 0.0
    rejects: float = 0.0
    answer_s: float = 1.0
    deliver_s: float = 5.0

    def drawn(self, seed: int, order_no: str) -> str:
        """Return what he does with an order; the same seed and order give the same."""
        shares = [getattr(self, name) for name in _MANNERS]
        return random.Random(f"{seed}/{order_no}").choices(_MANNERS, shares)[0]  # noqa: S311  # a simulation


@dataclass(slots=True)
class Taken:
    """An order as the supplier has it."""

    order_no: str
    part: str
    quantity: int
    arrives_at: str
    status: str = "taken"


@dataclass(order=True, slots=True)
class _Due:
    """A message that leaves at a time."""

    at_s: float
    number: int
    message_id: str = field(compare=False)
    body: dict[str, object] = field(compare=False)


class Shop:
    """The supplier.

    Parameters
    ----------
    door : str
        Where the desk hears him: its address of his messages.
    secret : str
        Shared with the desk.
    manners : Manners
        What he does.
    seed : int
        The same seed makes the same supplier.
    """

    def __init__(self, door: str, secret: str, manners: Manners, seed: int) -> None:
        self._door = door
        self._webhook = Webhook(secret)
        self._manners = manners
        self._seed = seed
        self.orders: dict[str, Taken] = {}
        self._due: list[_Due] = []
        self._count = 0
        self._lock = threading.Lock()
        self.answers: list[int] = []

    def application(self) -> Starlette:
        """Make his web application."""
        return Starlette(
            routes=[
                Route("/orders", self._take, methods=["POST"]),
                Route("/orders/{order_no}", self._status),
                Route("/orders/{order_no}/cancel", self._cancel, methods=["POST"]),
            ]
        )

    async def _take(self, request: Request) -> Response:
        body = await self._heard(request)
        if body is None:
            return JSONResponse({"title": "Not signed"}, 401)
        taken = Taken(str(body["order"]), str(body["part"]), int(body["quantity"]), str(body["wantedAt"]))
        await run_in_threadpool(self._decide, taken)
        return JSONResponse({"reference": f"S-{taken.order_no}"}, 202)

    async def _status(self, request: Request) -> Response:
        taken = self.orders.get(unquote(request.path_params["order_no"]))
        if taken is None:
            return JSONResponse({"title": "Unknown order"}, 404)
        return JSONResponse(_told(taken, taken.status))

    async def _cancel(self, request: Request) -> Response:
        taken = self.orders.get(unquote(request.path_params["order_no"]))
        if await self._heard(request) is None:
            return JSONResponse({"title": "Not signed"}, 401)
        if taken is None:
            return JSONResponse({"title": "Unknown order"}, 404)
        with self._lock:
            if taken.status in {"taken", "confirmed"}:
                self._later(0.0, taken, "cancelled")
        return JSONResponse({}, 202)

    async def _heard(self, request: Request) -> dict[str, Any] | None:
        content = await request.body()
        try:
            return self._webhook.verify(content, dict(request.headers))
        except (WebhookVerificationError, ValueError):
            return None

    def _decide(self, taken: Taken) -> None:
        with self._lock:
            if taken.order_no in self.orders:
                return
            self.orders[taken.order_no] = taken
            manner = self._manners.drawn(self._seed, taken.order_no)
            answer_s, deliver_s = self._manners.answer_s, self._manners.deliver_s
            match manner:
                case "silent":
                    return
                case "rejects":
                    self._later(answer_s, taken, "rejected")
                    return
                case "wrong":
                    self._later(answer_s, taken, "confirmed", part="SOMETHING-ELSE")
                    return
                case "delays":
                    later = (datetime.fromisoformat(taken.arrives_at) + _DELAY).isoformat()
                    self._later(answer_s, taken, "confirmed")
                    self._later(answer_s * 2, taken, "delayed", arrivesAt=later)
                case "doubles":
                    self._later(answer_s, taken, "confirmed", times=2)
                case _:
                    self._later(answer_s, taken, "confirmed")
            self._later(answer_s + deliver_s / 2, taken, "shipped", arrivesAt=None)
            self._later(answer_s + deliver_s, taken, "delivered", times=2 if manner == "doubles" else 1)

    def _later(self, after_s: float, taken: Taken, status: str, *, times: int = 1, **changes: object) -> None:
        self._count += 1
        at_s = datetime.now(UTC).timestamp() + after_s
        for again in range(times):
            body = _told(taken, status) | changes
            heapq.heappush(self._due, _Due(at_s + again, self._count, f"msg-{self._seed}-{self._count}", body))

    def send_due(self) -> None:
        """Send the messages whose time has come; one that does not get through is sent again."""
        now_s = datetime.now(UTC).timestamp()
        while True:
            with self._lock:
                if not self._due or self._due[0].at_s > now_s:
                    return
                due = heapq.heappop(self._due)
                taken = self.orders[str(due.body["order"])]
                # What has ended says nothing any more, but for a message that is sent twice.
                if taken.status in {"cancelled", "delivered", "rejected"} and due.body["status"] != taken.status:
                    continue
                taken.status = str(due.body["status"])
            if not self._sent(due):
                due.at_s = now_s + 2.0
                with self._lock:
                    heapq.heappush(self._due, due)
                return

    def _sent(self, due: _Due) -> bool:
        content = json.dumps({name: value for name, value in due.body.items() if value is not None})
        now = datetime.now(UTC).replace(microsecond=0)
        headers = {
            "webhook-id": due.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(due.message_id, now, content),
            "Content-Type": "application/json",
        }
        try:
            answer = httpx2.post(self._door, content=content, headers=headers, timeout=10.0, trust_env=False)
        except httpx2.HTTPError as error:
            _log.info("the desk does not answer (%s): the message is sent again", type(error).__name__)
            return False
        self.answers.append(answer.status_code)
        return answer.status_code < 500


def _told(taken: Taken, status: str) -> dict[str, object]:
    told: Mapping[str, object] = {
        "order": taken.order_no,
        "status": status,
        "part": taken.part,
        "quantity": taken.quantity,
        "arrivesAt": taken.arrives_at,
    }
    return dict(told)
