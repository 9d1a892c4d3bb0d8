"""A payment provider on this machine: Checkout Sessions, PaymentIntents and Refunds as far as a desk calls them.

It keeps money: what was reserved, taken and given back; and idempotency: a key that comes again gets the same answer, be it
a refusal, and with another address or form it is refused.
"""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

KEY = "sk_test_0123456789"


@dataclass
class PaymentProvider:
    """The provider's books; `fails` answers 503 to so many requests from now on, `refund_status` is that of new refunds.

    With `pays_at_last` the owner pays in the moment in which his page is about to end.
    """

    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    refund_status: str = "succeeded"
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    asked: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    pays_at_last: bool = False
    calls: list[str] = field(default_factory=list)
    fails: int = 0

    def __enter__(self) -> "PaymentProvider":
        """Serve on a free port."""
        books = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*books.take("GET", self.path, {}, "", self.headers.get("Authorization", "")))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                key = self.headers.get("Idempotency-Key", "")
                self._answer(*books.take("POST", self.path, form, key, self.headers.get("Authorization", "")))

            def _answer(self, status: int, content: dict[str, Any]) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any, **__: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, method: str, path: str, form: dict[str, str], key: str, who: str) -> tuple[int, dict[str, Any]]:
        """Answer one request."""
        if self.fails:
            self.fails -= 1
            return 503, {}
        if who != f"Bearer {KEY}":
            return 401, {"error": {"type": "invalid_request_error", "code": "api_key_invalid"}}
        self.calls.append(f"{method} {path}")
        if key and self.asked.setdefault(key, (path, form)) != (path, form):
            return 400, {"error": {"type": "idempotency_error"}}
        if key and key in self.answers:
            return self.answers[key]
        if method == "GET" and path.startswith("/v1/refunds?"):
            intent = parse_qs(path.partition("?")[2])["payment_intent"][0]
            found = [dict(each) for each in self.refunds if each["payment_intent"] == intent]
            return 200, {"object": "list", "data": found, "has_more": False}
        answer = self._do(path.split("/")[2:], form)
        if key:
            self.answers[key] = answer
        return answer

    def _do(self, path: list[str], form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        match path:
            case ["checkout", "sessions"]:
                return self._create(form)
            case ["checkout", "sessions", name]:
                return self._found(self.sessions, name)
            case ["checkout", "sessions", name, "expire"]:
                if self.pays_at_last:
                    self.pay(name)
                if self.sessions[name]["status"] != "open":
                    return 400, {"error": {"type": "invalid_request_error"}}
                self.sessions[name]["status"] = "expired"
                return 200, dict(self.sessions[name])
            case ["payment_intents", name]:
                return self._found(self.intents, name)
            case ["payment_intents", name, "capture"]:
                if self.intents[name]["status"] != "requires_capture":
                    return 400, {"error": {"type": "invalid_request_error", "code": "payment_intent_unexpected_state"}}
                self.intents[name] |= {"status": "succeeded", "amount_received": self.intents[name]["amount"]}
                return 200, dict(self.intents[name])
            case ["payment_intents", name, "cancel"]:
                self.intents[name]["status"] = "canceled"
                return 200, dict(self.intents[name])
            case ["refunds"]:
                made = {
                    "id": f"re_{len(self.refunds) + 1}",
                    "payment_intent": form["payment_intent"],
                    "amount": int(form["amount"]),
                    "status": self.refund_status,
                }
                self.refunds.append(made)
                return 200, dict(made)
            case _:
                return 404, {"error": {"type": "invalid_request_error"}}

    def _create(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        name = f"cs_{len(self.sessions) + 1}"
        self.sessions[name] = {
            "id": name,
            "status": "open",
            "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
            "currency": form["line_items[0][price_data][currency]"],
            "url": f"https://pay.example/{name}",
            "payment_intent": None,
            "client_reference_id": form["client_reference_id"],
        }
        return 200, dict(self.sessions[name])

    def _found(self, books: dict[str, dict[str, Any]], name: str) -> tuple[int, dict[str, Any]]:
        return (200, books[name]) if name in books else (404, {"error": {"type": "invalid_request_error"}})

    def pay(self, session: str) -> None:
        """The owner pays on his page: the money is reserved."""
        found = self.sessions[session]
        name = f"pi_{session}"
        self.intents[name] = {
            "id": name,
            "status": "requires_capture",
            "amount": found["amount_total"],
            "amount_received": 0,
            "currency": found["currency"],
        }
        found |= {"status": "complete", "payment_intent": name}

    def taken(self) -> int:
        """What was taken and not given back, of all payments."""
        captured = sum(each["amount_received"] for each in self.intents.values())
        return captured - sum(each["amount"] for each in self.refunds if each["status"] == "succeeded")

    def message(self, event_id: str, session: str, kind: str = "checkout.session.completed") -> bytes:
        """A message about a page on which an owner pays."""
        about = {"id": session, "client_reference_id": self.sessions[session]["client_reference_id"]}
        return json.dumps({"id": event_id, "type": kind, "data": {"object": about}}).encode()
