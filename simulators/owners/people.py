"""What owners do with a letter: answer soon, answer late, or leave it; and how they tap."""

import json
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import numpy as np

from simulators.owners.forms import Page, Tap
from simulators.stopping import Stopping

_POLL_S = 0.3
_MOST_ROUNDS = 3
_DATE_PAGE = "/o/"
_BROWSER = {
    "User-Agent": "Mozilla/5.0 (Linux; Android 16; Mobile) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Mobile Safari/537.36",
    "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
}

Way = Literal["early", "late", "never"]


@dataclass(frozen=True, slots=True)
class Manners:
    """How owners behave.

    Attributes
    ----------
    early_share, late_share, never_share
        How many answer soon, late or not at all; only their proportion counts.
    think_s, late_after_s
        After how many seconds the early and the late ones answer.
    double_tap_share
        How many tap twice in a hurry.
    """

    early_share: float
    late_share: float
    never_share: float
    think_s: float
    late_after_s: float
    double_tap_share: float


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody is going to do about a letter."""

    to: str
    url: str
    way: Way
    due_s: float
    taps: int
    taste: float


class Owners:
    """All owners who read one mailbox.

    Parameters
    ----------
    mailbox_url
        The mailbox's page.
    manners, seed
        How they behave; the same seed gives the same ways to the same letters of a person.
    """

    def __init__(self, mailbox_url: str, manners: Manners, seed: int) -> None:
        self._mailbox_url = mailbox_url.rstrip("/") + "/messages.json"
        self._manners = manners
        self._seed = seed
        self._mailbox = httpx2.Client(timeout=10.0, trust_env=False)
        self._seen: set[str] = set()
        self._letters_to: dict[str, int] = {}
        self._intents: list[Intent] = []
        self._is_mailbox_missed = False

    def run(self, stopping: Stopping) -> None:
        """Read mail and answer until told to stop."""
        while not stopping.is_wanted:
            self.turn(time.monotonic())
            time.sleep(_POLL_S)
        self._mailbox.close()

    def turn(self, now_s: float) -> None:
        """Look into the mailbox once, and do what is due."""
        for letter in self._new_letters():
            self._read(letter, now_s)
        for intent in [intent for intent in self._intents if intent.due_s <= now_s]:
            self._intents.remove(intent)
            _tell(intent, **_answer(intent))

    def _new_letters(self) -> list[dict[str, Any]]:
        try:
            letters: list[dict[str, Any]] = self._mailbox.get(self._mailbox_url).raise_for_status().json()
        except (httpx2.HTTPError, ValueError) as error:
            if not self._is_mailbox_missed:
                sys.stderr.write(f"no mail at {self._mailbox_url} ({error}); looking again until there is\n")
            self._is_mailbox_missed = True
            return []
        self._is_mailbox_missed = False
        fresh = [letter for letter in reversed(letters) if letter["id"] not in self._seen]
        self._seen.update(str(letter["id"]) for letter in fresh)
        return fresh

    def _read(self, letter: dict[str, Any], now_s: float) -> None:
        links: list[str] = letter["links"]
        url = next((link for link in links if urlsplit(link).path.startswith(_DATE_PAGE)), None)
        if url is None:
            return
        for to in letter["to"]:
            intent = self._decide(str(to), url, now_s)
            if intent.way == "never":
                _tell(intent, did="left unanswered")
            else:
                self._intents.append(intent)

    def _decide(self, to: str, url: str, now_s: float) -> Intent:
        number = self._letters_to[to] = self._letters_to.get(to, 0) + 1
        rng = np.random.default_rng([self._seed, zlib.crc32(to.encode()), number])
        manners = self._manners
        shares = np.array([manners.early_share, manners.late_share, manners.never_share])
        ways: tuple[Way, Way, Way] = ("early", "late", "never")
        way = ways[int(rng.choice(3, p=shares / shares.sum()))]
        wait_s = manners.think_s if way == "early" else manners.late_after_s
        return Intent(
            to=to,
            url=url,
            way=way,
            due_s=now_s + wait_s * float(rng.uniform(0.7, 1.3)),
            taps=2 if rng.random() < manners.double_tap_share else 1,
            taste=float(rng.random()),
        )


def _answer(intent: Intent) -> dict[str, object]:
    """Open the page and tap, as a browser would; a person tries again when the date has gone meanwhile."""
    try:
        with httpx2.Client(follow_redirects=True, headers=_BROWSER, timeout=20.0, trust_env=False) as browser:
            response = browser.get(intent.url)
            page = Page(response.text, str(response.url))
            tapped: list[str] = []
            while (dates := page.dates()) and len(tapped) < _MOST_ROUNDS:
                chosen = dates[int(intent.taste**2 * len(dates))]  # most take the first, which is marked best
                tapped.append(chosen.label)
                response = _tap(browser, chosen, response, intent.taps)
                page = Page(response.text, str(response.url))
    except httpx2.HTTPError as error:
        return {"did": "could not open the page", "why": str(error)}
    did = "answered" if tapped else "found no date to tap"
    return {"did": did, "tapped": tapped, "status": response.status_code, "page": page.heading}


def _tap(browser: httpx2.Client, chosen: Tap, page: httpx2.Response, taps: int) -> httpx2.Response:
    headers = _form_headers(page)
    with ThreadPoolExecutor(taps) as fingers:
        pressed = [fingers.submit(browser.post, chosen.url, data=chosen.fields, headers=headers) for _ in range(taps)]
        return [future.result() for future in pressed][-1]


def _form_headers(page: httpx2.Response) -> dict[str, str]:
    """Say where a form comes from, as browsers do: a page that sends no referrer has the origin "null"."""
    parts = urlsplit(str(page.url))
    if "no-referrer" in page.headers.get("Referrer-Policy", ""):
        return {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    return {"Origin": f"{parts.scheme}://{parts.netloc}", "Referer": str(page.url), "Sec-Fetch-Site": "same-origin"}


def _tell(intent: Intent, **what: object) -> None:
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "to": intent.to,
        "way": intent.way,
        "taps": intent.taps,
        **what,
        "url": intent.url,
    }
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
