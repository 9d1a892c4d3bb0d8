"""The demonstration: a household with a street in front of it, told live from the first reading to a confirmed date.

The street (fleet, owners, mailbox) runs as processes of its own that speak MQTT, HTTP and SMTP to the household.
"""

import base64
import contextlib
import json
import threading
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx2
import psycopg
from pydantic import SecretStr

from gateway.access import issue_planner_login
from gateway.configure.parts import move_supplier
from gateway.configure.tenant import apply
from gateway.embedded.folder import DataFolder
from gateway.embedded.household import Household
from gateway.embedded.journal import Journal, Summary
from gateway.embedded.journeys import Journey
from gateway.embedded.keeper import Tell
from gateway.embedded.ports import LOOPBACK
from gateway.embedded.service import Service
from gateway.settings import CHECKOUT, Settings, as_environment
from gateway.storage.connection import DatabaseUnreachableError, Role, connect, tenant_transaction

WORLD: Final = CHECKOUT / "simulators" / "worlds" / "demo.toml"
DEFAULT_LIMIT_S: Final = 170.0
_MAIL_PORT: Final = 20025
_MAILBOX_PORT: Final = 20080
_SUPPLIER_PORT: Final = 21090
_COUNT_SECONDS: Final = 5.0
_LINK_SECONDS: Final = 1.0
_FLEET: Final = ("--vehicles", "12", "--catch-up", "20s")
_METERS: Final = ("--meters", "6")
# Where it ends by itself, what is wrong shows at once: devices of both products that refuse to be healed from afar, so that
# they need a part and a date, and others that obey. A vehicle takes commands while it is parked: those that
# are shown live in different zones, so that not all of them are on their way home at once.
_SHOWN: Final = (
    "ev-0001=frozen_cell_sensor@-5m:1:12",
    "ev-0003=internal_short@-14h:4.5:48",
    "ev-0005=frozen_cell_sensor@-5m:1:60",
    "ev-0007=insulation_breakdown@-3h",
    "ev-0006=own_code@-10m",
    "ev-0008=own_code@-10m",
    "ev-0010=own_code@-10m",
    "mtr-0002=bus_dead@-30m",
    "mtr-0003=bus_dead@-30m",
)
_SHORT: Final = (
    *("--meters", "3", "--live-cadence", "10s"),
    *(word for fault in _SHOWN for word in ("--fault", fault)),
    *("--answers", "frozen_cell_sensor=refuse", "--answers", "mtr-0002=refuse"),
)
_PRODUCTS_SHOWN: Final = frozenset({"electric_vehicle", "smart_meter"})
# How long it waits for the other journeys after the first confirmed date, and how much of its limit it leaves unused then.
_PATIENCE_S: Final = 60.0
_MARGIN_S: Final = 30.0
_SOON: Final = ("--early-share", "1", "--late-share", "0", "--never-share", "0")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a demonstration ended; `reason` is empty when an owner has confirmed a date."""

    summary: Summary
    readings_stored: int
    reason: str
    journeys: Sequence[Journey] = ()

    def as_json(self) -> str:
        """Return it as one line of JSON."""
        figures = asdict(self.summary)
        for name in ("seconds_reading_to_offer", "seconds_reading_to_confirmation"):
            value = figures[name]
            figures[name] = None if value is None else round(value, 3)
        told = {"confirmed": not self.reason, "readings_stored": self.readings_stored, **figures}
        told["journeys"] = [journey.as_dict() for journey in self.journeys]
        return json.dumps({**told, "reason": self.reason} if self.reason else told)


@dataclass(slots=True)
class Demo:
    """One demonstration in one data folder, whose lock the caller holds.

    One that is to end does so when a device of each product was healed from afar, and another of each has a date after
    that was tried in vain; or a while after the first confirmed date.

    Parameters
    ----------
    folder, given, tell, stopping, first_port
        As for `Household`.
    is_once
        Whether it ends by itself.
    limit_s
        Seconds after which a demonstration that is to end gives up.
    """

    folder: DataFolder
    given: Settings
    tell: Tell
    stopping: threading.Event
    first_port: int | None = None
    is_once: bool = False
    limit_s: float = DEFAULT_LIMIT_S
    _owner_link_is_told: bool = field(default=False, init=False)
    _due_s: dict[str, float] = field(default_factory=dict[str, float], init=False)
    _readings: int = field(default=0, init=False)
    _first_date_s: float | None = field(default=None, init=False)

    def run(self) -> Outcome:
        """Run until it is stopped, or has shown what it is to show.

        Raises
        ------
        CalloutError
            A part could not be started.
        StopWantedError
            It was stopped before all parts ran.
        """
        deadline_s = time.monotonic() + self.limit_s
        with Household(self.folder, self.given, self.tell, self.stopping, self.first_port) as household:
            mailbox = self._open_street(household)
            with contextlib.closing(Journal(household.settings.database_url, datetime.now(UTC))) as journal:
                self._start_street(household, mailbox)
                self._tell_links(household, mailbox)
                household.watch(lambda: self._look(journal, mailbox, deadline_s))
                return self._outcome(journal)

    def _open_street(self, household: Household) -> str:
        """Configure the world, start the mailbox and the desk; return the mailbox' address."""
        with connect(household.settings.database_url, Role.ADMIN) as connection:
            apply(connection, WORLD)
        mail_port, page_port = household.port("mail", _MAIL_PORT), household.port("mailbox", _MAILBOX_PORT)
        words = ("--smtp-port", str(mail_port), "--http-port", str(page_port), "--dir", str(self.folder.part("mail")))
        household.add(household.service("mailbox", "simulators", "mailbox", *words, port=page_port))
        household.change(smtp_url=f"smtp://{LOOPBACK}:{mail_port}")
        self._open_supplier(household)
        household.start_desk()
        return f"http://{LOOPBACK}:{page_port}"

    def _open_supplier(self, household: Household) -> None:
        """Share a secret with the world's supplier, and start him; parts that do not lie there are ordered from him."""
        tenant, supplier = _who_supplies(WORLD)
        port = household.port("supplier", _SUPPLIER_PORT)
        with connect(household.settings.database_url, Role.ADMIN) as connection:
            row = connection.execute("SELECT tenant_id FROM callout.tenant WHERE name = %s", [tenant]).fetchone()
            if row is not None:
                with tenant_transaction(connection, row[0]):
                    move_supplier(connection, supplier, f"http://{LOOPBACK}:{port}")
        secret = "whsec_" + base64.b64encode(self.folder.secret("supplier").encode()).decode()
        others = self.given.supplier_secrets.get_secret_value()
        household.change(supplier_secrets=SecretStr(",".join(filter(None, [others, f"{tenant}/{supplier}={secret}"]))))
        words = ("simulators", "supplier", "--desk", household.settings.base_url, "--tenant", tenant)
        words += ("--name", supplier, "--port", str(port))
        environment = {**as_environment(household.settings), "SUPPLIER_SECRET": secret}
        household.add(Service("supplier", words, self.folder, lambda: environment, port))

    def _start_street(self, household: Household, mailbox: str) -> None:
        state = ("--state-dir", str(self.folder.part("fleet")), "--api-url", household.settings.base_url)
        others = _SHORT if self.is_once else _METERS
        household.add(household.service("fleet", "simulators", "fleet", *_FLEET, *others, *state))
        shares = _SOON if self.is_once else ()
        household.add(household.service("owners", "simulators", "owners", "--mailbox", mailbox, *shares))

    def _tell_links(self, household: Household, mailbox: str) -> None:
        tenant, planner = _who_plans(WORLD)
        with connect(household.settings.database_url, Role.ADMIN) as connection:
            login = issue_planner_login(connection, household.settings, tenant=tenant, email=planner)
        self.tell(f"planner's page (opens once): {login}")
        self.tell(f"messages to owners:          {mailbox}/")
        self.tell(f"logs:                        {self.folder.path / 'logs'}")

    def _look(self, journal: Journal, mailbox: str, deadline_s: float) -> bool:
        is_enough = False
        # While the database is away there is no news; the household starts it again and says so.
        with contextlib.suppress(psycopg.OperationalError, DatabaseUnreachableError):
            has_dates = self._tell_news(journal)
            self._every("readings", _COUNT_SECONDS, lambda: self._tell_readings(journal))
            is_enough = self.is_once and self._is_enough(journal, deadline_s, has_dates=has_dates)
        if not self.is_once:
            if not self._owner_link_is_told:
                self._every("link", _LINK_SECONDS, lambda: self._tell_owner_link(mailbox))
            return True
        return not is_enough and time.monotonic() < deadline_s

    def _is_enough(self, journal: Journal, deadline_s: float, *, has_dates: bool) -> bool:
        """Whether all was shown, or the first confirmed date was long ago."""
        if self._first_date_s is None:
            self._first_date_s = time.monotonic() if has_dates else None
            return False
        if time.monotonic() > min(self._first_date_s + _PATIENCE_S, deadline_s - _MARGIN_S):
            return True
        whole = [each for each in journal.journeys() if each.is_whole]
        return all(
            {each.product for each in whole if each.state == state} >= _PRODUCTS_SHOWN
            for state in ("confirmed", "solved")
        )

    def _tell_news(self, journal: Journal) -> bool:
        """Tell what is new; return whether an owner has confirmed a date."""
        news = journal.news()
        for item in news:
            self.tell(str(item))
        return any(item.event == "confirmed" for item in news)

    def _every(self, what: str, pause_s: float, do: Callable[[], None]) -> None:
        now_s = time.monotonic()
        if now_s >= self._due_s.get(what, 0.0):
            self._due_s[what] = now_s + pause_s
            do()

    def _tell_readings(self, journal: Journal) -> None:
        readings = journal.readings_given()
        if readings != self._readings:
            self._readings = readings
            self.tell(f"{readings:,} readings received from {journal.summary().devices} devices")

    def _tell_owner_link(self, mailbox: str) -> None:
        found = ""
        # A mailbox that is being started again is asked later.
        with contextlib.suppress(httpx2.HTTPError):
            found = _owner_link(mailbox)
        if found:
            self._owner_link_is_told = True
            self.tell(f"an owner's date page: {found}")

    def _outcome(self, journal: Journal) -> Outcome:
        summary, readings = journal.summary(), journal.readings_stored()
        reason = "" if summary.appointments else self._why_not(summary, readings)
        return Outcome(summary, readings, reason, journal.journeys())

    def _why_not(self, summary: Summary, readings: int) -> str:
        waited = "it was stopped" if self.stopping.is_set() else f"{self.limit_s:.0f} s have passed"
        steps = (
            (summary.devices, "no device was enrolled", "fleet"),
            (readings, "no reading was stored", "ingest"),
            (summary.symptoms_found, "no symptom was found in the readings", "ingest"),
            (summary.requests_opened, "no service request was opened", "work"),
            (summary.requests_offered, "no dates were offered", "work"),
            (summary.notices_sent, "no message was sent to an owner", "work"),
            (summary.appointments, "no owner has confirmed a date", "owners"),
        )
        missing, where = next((what, log) for count, what, log in steps if not count)
        return f"{waited} and {missing}; see {self.folder.log(where)}"


def _who_plans(world: Path) -> tuple[str, str]:
    """Return the tenant's name and the e-mail of its first planner."""
    content = tomllib.loads(world.read_text(encoding="utf-8"))
    planners = [person["email"] for person in content["staff"] if person["role"] == "planner"]
    return str(content["tenant"]["name"]), str(planners[0])


def _who_supplies(world: Path) -> tuple[str, str]:
    """Return the tenant's name and its first supplier's."""
    content = tomllib.loads(world.read_text(encoding="utf-8"))
    return str(content["tenant"]["name"]), str(content["supplier"][0]["name"])


def _owner_link(mailbox: str) -> str:
    messages: list[dict[str, list[str]]] = httpx2.get(f"{mailbox}/messages.json", timeout=2.0).json()
    links = [link for message in messages for link in message.get("links", []) if "/o/" in link]
    return links[0] if links else ""
