"""The payment provider's way in, and the page that an owner comes back to after paying."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from dashboards.desk import Now, TheDesk
from dashboards.render import message, voice
from gateway.payments.webhook import ForgedError, UnreadableError, take_message

router: Final = APIRouter(include_in_schema=False)


async def _body(request: Request) -> bytes:
    """Return the bytes as they came: they are what is signed."""
    return await request.body()


@router.post("/payments/webhook")
def take(request: Request, desk: TheDesk, now: Now, body: Annotated[bytes, Depends(_body)]) -> Response:
    """Take a signed message of the payment provider."""
    header = request.headers.get("stripe-signature", "")
    secret = desk.settings.payment_webhook_secret.get_secret_value()
    try:
        with desk.pool.connection() as conn:
            return PlainTextResponse(take_message(conn, header, body, secret, now))
    except ForgedError:
        return PlainTextResponse("This is not signed with the secret that we share, or too long ago.", 400)
    except UnreadableError:
        return PlainTextResponse("This is not a message that we can read.", 400)


@router.get("/paid")
def paid(request: Request) -> Response:
    """Say what comes after a payment."""
    t = voice(request)
    return message(
        request,
        t,
        title=t.gettext("Thank you"),
        text=t.gettext("As soon as the payment is confirmed we write to you with dates. You can close this page."),
        status=200,
    )
