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


class Pages:
    """The pages over a folder of letters.

    Parameters
    ----------
    box
        Where the letters are.
    """

    def __init__(self, box: LetterBox) -> None:
        self._box = box
        self._templates = Jinja2Templates(Path(__file__).parent / "templates")

    def application(self) -> Starlette:
        """Make the web application."""
        return Starlette(
            routes=[
                Route("/", self.inbox),
                Route("/messages.json", self.messages),
                Route("/messages/{letter_id}", self.letter),
                Route("/messages/{letter_id}/body", self.body),
                Route("/messages/{letter_id}/raw", self.raw),
                Route("/messages/{letter_id}/attachments/{number:int}", self.attachment),
            ]
        )

    def inbox(self, request: Request) -> Response:
        """List all letters."""
        return self._shown(request, "inbox.html", letters=self._box.letters())

    def letter(self, request: Request) -> Response:
        """Show one letter, its text in a frame of its own."""
        found = self._found(request)
        return self._shown(request, "letter.html", letter=found) if found else _no_such_letter()

    def body(self, request: Request) -> Response:
        """Give the text of a letter, for the frame."""
        found = self._found(request)
        if found is None:
            return _no_such_letter()
        # A link has to leave the frame: the frame has no scripts, no forms and no cookies.
        page = f'<base target="_blank">{found.html}' if found.html else _as_page(found.text)
        return HTMLResponse(page, headers={**_SAFE, "Content-Security-Policy": _LETTER_POLICY})

    def attachment(self, request: Request) -> Response:
        """Give a file that came with a letter."""
        found = self._found(request)
        number: int = request.path_params["number"]
        if found is None or not 0 <= number < len(found.attachments):
            return _no_such_letter()
        file = found.attachments[number]
        disposition = f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
        headers = {**_SAFE, "Content-Disposition": disposition}
        return Response(file.content, media_type=file.content_type, headers=headers)

    def raw(self, request: Request) -> Response:
        """Give a letter as it is kept."""
        found = self._box.raw(request.path_params["letter_id"])
        return PlainTextResponse(found, headers=_SAFE) if found is not None else _no_such_letter()

    def messages(self, request: Request) -> Response:
        """Give all letters as JSON, newest first."""
        return JSONResponse([_as_json(found, str(request.base_url)) for found in self._box.letters()])

    def _found(self, request: Request) -> Letter | None:
        return self._box.get(request.path_params["letter_id"])

    def _shown(self, request: Request, template: str, **values: object) -> Response:
        answer = self._templates.TemplateResponse(request, template, values)
        answer.headers.update({**_SAFE, "Content-Security-Policy": _PAGE_POLICY})
        return answer


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
