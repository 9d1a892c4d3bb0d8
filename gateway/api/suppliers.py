"""Suppliers' door: they tell us how orders stand, each message signed (Standard Webhooks) and heard once."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from gateway.api.devices import SettingsOf
from gateway.settings import Settings
from gateway.storage import orders
from gateway.storage.connection import DatabaseUnreachableError, Role, connect, tenant_transaction
from gateway.suppliers.answers import Outcome, hear
from gateway.suppliers.message import OrderMessage
from gateway.suppliers.signature import Forged, secret_of, verify

router = APIRouter(prefix="/api/v1", tags=["suppliers"])

_LARGEST_BODY_BYTES = 16 * 1024


@router.post("/suppliers/{tenant}/{supplier}/messages")
async def hear_message(request: Request, tenant: str, supplier: str, settings: SettingsOf) -> Response:
    """Take a supplier's message about an order in; the same one again changes nothing and is answered alike."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_BODY_BYTES:
            return _problem(413, "Too large", f"A message has at most {_LARGEST_BODY_BYTES} bytes.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return await run_in_threadpool(take_in, settings, tenant, supplier, headers, body, datetime.now(UTC))


def take_in(
    settings: Settings, tenant: str, supplier: str, headers: dict[str, str], body: bytes, now: datetime
) -> Response:
    """Verify a message before anything is read of it or looked up for it, and take it in."""
    secret = secret_of(settings, tenant, supplier)
    if secret is None:
        # Whether there is such a supplier is nobody's business who cannot sign for him.
        return _problem(401, "Not signed", "The signature does not fit.")
    verified = verify(secret, headers, body, now)
    if isinstance(verified, Forged):
        return _problem(401, "Not signed", f"The signature does not fit: {verified.why}.")
    try:
        message = OrderMessage.model_validate_json(body)
    except ValidationError as error:
        places = ", ".join(".".join(str(part) for part in each["loc"]) for each in error.errors())
        return _problem(422, "Cannot be read", f"These are missing or wrong: {places}.")
    try:
        outcome, why = _hear(settings, tenant, supplier, verified.message_id, message, now)
    except DatabaseUnreachableError:
        return _problem(503, "Try again later", "The database does not answer.", {"Retry-After": "10"})
    match outcome:
        case Outcome.DONE | Outcome.REPEATED:
            return JSONResponse({"outcome": outcome.value})
        case Outcome.UNKNOWN_ORDER:
            return _problem(404, "Unknown order", f"There is no order {message.order!r} of this supplier.")
        case Outcome.WRONG:
            return _problem(422, "Does not fit the order", f"Order {message.order!r}: {why}. A person looks at it.")


def _hear(
    settings: Settings, tenant: str, supplier: str, message_id: str, message: OrderMessage, now: datetime
) -> tuple[Outcome, str]:
    with connect(settings.required("database_url"), Role.SERVE) as connection:
        row = connection.execute("SELECT tenant_id FROM tenant WHERE name = %s", [tenant]).fetchone()
        if row is None:
            return Outcome.UNKNOWN_ORDER, ""
        with tenant_transaction(connection, row[0]):
            found = orders.find_supplier(connection, supplier)
            if found is None:
                return Outcome.UNKNOWN_ORDER, ""
            return hear(connection, found.supplier_id, message_id, message, now)


def _problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")
