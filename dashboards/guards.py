"""What stands before the pages: security headers on every answer, small forms only, none sent by another site."""

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LARGEST_BODY_BYTES: Final = 16 * 1024
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Two years, for this host alone: what else lives under its name is not ours to bind.
_BY_TLS_ONLY: Final = {"Strict-Transport-Security": "max-age=63072000"}


class ForeignFormError(Exception):
    """A form that another site sent in the name of whoever looks at it."""


class SecurityHeaders:
    """Adds the headers to each answer and refuses forms of a size that no person fills in."""

    def __init__(self, app: ASGIApp, *, by_tls_only: bool = False) -> None:
        self._app = app
        self._headers = _HEADERS | (_BY_TLS_ONLY if by_tls_only else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it for its size."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if str(scope["path"]).startswith("/static/"):
                    # The address carries a hash of the content: what it names never changes.
                    headers["Cache-Control"] = "public, max-age=31536000, immutable"
            await send(message)

        if _is_oversized(scope):
            refusal = PlainTextResponse(
                "This is larger than anything that we take. Send it again without the excess.", 413
            )
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def _is_oversized(scope: Scope) -> bool:
    """Whether a body is too long, or hides its length: it would be read before anybody asks who sends it."""
    headers = Headers(scope=scope)
    if "transfer-encoding" in headers:
        return True
    length = headers.get("content-length", "0")
    return not (length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= _LARGEST_BODY_BYTES)


def refuse_foreign_form(request: Request) -> None:
    """Refuse a form that another site sent.

    Our pages send no referrer, so that a browser names its origin as "null": that alone is no reason to refuse.

    Raises
    ------
    ForeignFormError
        The browser says that the form comes from elsewhere.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise ForeignFormError
    origin = request.headers.get("origin", "null")
    if origin != "null" and urlsplit(origin).netloc != request.headers.get("host"):
        raise ForeignFormError
