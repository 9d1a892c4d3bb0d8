"""An owner's date page as a person sees it: three dates, a link that is tapped, and what comes after."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

OFFERED = """<!doctype html><html><body><h1>Which day suits you?</h1>
<form method="get" action="/search"><input name="q"><button>Search</button></form>
<form method="post" action="/o/{token}/date"><input type="hidden" name="nonce" value="n1">
{buttons}</form>
<form method="post" action="/o/{token}/other"><button type="submit">None of these suits me</button></form>
</body></html>"""
BOOKED = "<!doctype html><html><body><h1>Your date is booked</h1><p>See you then.</p></body></html>"


class DatePage:
    """A page on a free port of the loopback; the first answer wins.

    Parameters
    ----------
    lost_races
        How often somebody else was faster, so that fresh dates are shown.
    """

    def __init__(self, lost_races: int = 0) -> None:
        self.posts: list[dict[str, list[str]]] = []
        self.origins: list[str] = []
        self.booked: str | None = None
        self._lost_races = lost_races
        self._lock = threading.Lock()
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._say(200, page.text())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                page.tapped(parse_qs(body), self.headers.get("Origin", ""))
                self.send_response(303)
                self.send_header("Location", "/o/a-token")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _say(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/o/a-token"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def text(self) -> str:
        if self.booked:
            return BOOKED
        round_ = len(self.posts)
        buttons = "".join(
            f'<button type="submit" name="booking" value="{round_}{n}"><b>Day {n}</b></button>' for n in (1, 2, 3)
        )
        return OFFERED.format(token="a-token", buttons=buttons)

    def tapped(self, fields: dict[str, list[str]], origin: str) -> None:
        with self._lock:
            self.posts.append(fields)
            self.origins.append(origin)
            if len(self.posts) > self._lost_races and self.booked is None:
                self.booked = fields["booking"][0]
