"""The mailbox's pages: a list, one letter, its parts, and the list as JSON."""

from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from simulators.mailbox.letters import Letter, LetterBox

# A letter is foreign text: no script, nothing from the network, no form; its links open beside it.
_LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; img-src data:"
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def pages(box: LetterBox) -> Starlette:
    """Make the web application.

    Parameters
    ----------
    box
        Where the letters are.
    """
    templates = Jinja2Templates(Path(__file__).parent / "templates")

    def shown(request: Request, template: str, **values: object) -> Response:
        answer = templates.TemplateResponse(request, template, values)
        answer.headers.update({**_SAFE, "Content-Security-Policy": _PAGE_POLICY})
        return answer

    def inbox(request: Request) -> Response:
        return shown(request, "inbox.html", letters=box.letters())

    def letter(request: Request) -> Response:
        found = box.get(request.path_params["letter_id"])
        return shown(request, "letter.html", letter=found) if found else _no_such_letter()

    def body(request: Request) -> Response:
        found = box.get(request.path_params["letter_id"])
        if found is None:
            return _no_such_letter()
        # A link has to leave the frame: the frame has no scripts, no forms and no cookies.
        page = f'<base target="_blank">{found.html}' if found.html else _as_page(found.text)
        return HTMLResponse(page, headers={**_SAFE, "Content-Security-Policy": _LETTER_POLICY})

    def attachment(request: Request) -> Response:
        found = box.get(request.path_params["letter_id"])
        number: int = request.path_params["number"]
        if found is None or not 0 <= number < len(found.attachments):
            return _no_such_letter()
        file = found.attachments[number]
        disposition = f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
        return Response(
            file.content, media_type=file.content_type, headers={**_SAFE, "Content-Disposition": disposition}
        )

    def raw(request: Request) -> Response:
        found = box.raw(request.path_params["letter_id"])
        return PlainTextResponse(found, headers=_SAFE) if found is not None else _no_such_letter()

    def messages(request: Request) -> Response:
        return JSONResponse([_as_json(found, str(request.base_url)) for found in box.letters()])

    return Starlette(
        routes=[
            Route("/", inbox),
            Route("/messages.json", messages),
            Route("/messages/{letter_id}", letter),
            Route("/messages/{letter_id}/body", body),
            Route("/messages/{letter_id}/raw", raw),
            Route("/messages/{letter_id}/attachments/{number:int}", attachment),
        ]
    )


def _no_such_letter() -> Response:
    return PlainTextResponse("There is no such letter. The list is at /", status_code=404, headers=_SAFE)


def _as_page(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<pre style="white-space:pre-wrap;font:1rem/1.5 system-ui,sans-serif">{escaped}</pre>'


def _as_json(letter: Letter, base_url: str) -> dict[str, object]:
    return {
        "id": letter.letter_id,
        "to": list(letter.to),
        "from": letter.sender,
        "subject": letter.subject,
        "at": letter.at.isoformat(),
        "text": letter.text,
        "links": list(letter.links),
        "attachments": [file.name for file in letter.attachments],
        "url": f"{base_url}messages/{letter.letter_id}",
    }
