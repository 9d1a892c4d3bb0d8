"""Everything on one machine: PostgreSQL, the broker and our processes, started in order, kept running, stopped in order.

Parts that the settings name from outside are used instead of the embedded ones. Which pages or simulators run beside
them is decided by whoever opens the household.
"""

import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Final, Self

from pydantic import SecretStr

from gateway.admission.broker_accounts import DESK_USER, INGEST_USER, BrokerAccounts
from gateway.admission.certificates import utc_now
from gateway.authority.folder import AuthorityError, prepare
from gateway.embedded import broker as broker_module
from gateway.embedded import postgres as postgres_module
from gateway.embedded.account_sync import AccountSync, outside_accounts
from gateway.embedded.broker import CertificateDoor, EmbeddedBroker
from gateway.embedded.certificate_sync import CertificateSync, outside_certificates
from gateway.embedded.folder import DataFolder
from gateway.embedded.keeper import Keeper, Piece, Tell
from gateway.embedded.mosquitto import find_mosquitto
from gateway.embedded.plain_broker import SHORTCOMINGS, PlainBroker
from gateway.embedded.ports import LOOPBACK, is_free, next_free_port
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.embedded.program import shorten
from gateway.embedded.put_out import put_out
from gateway.embedded.service import Service
from gateway.errors import EmbeddedError
from gateway.ingest.sharing import SERVES
from gateway.settings import Settings, as_environment
from gateway.storage.connection import Role, connect
from gateway.storage.lacking import lacking
from gateway.storage.migrate import migrate

_LOOK_SECONDS: Final = 0.25
_METRICS_PORT: Final = 20090
_SHORTEN_LOGS_SECONDS: Final = 60.0
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopWantedError(Exception):
    """Somebody has asked the household to stop while it was still starting."""


@dataclass(slots=True)
class Household:
    """The embedded parts and processes of one data folder; a context manager, whose block runs when all is up.

    Parameters
    ----------
    folder
        The data folder, whose lock the caller holds.
    given
        The settings as the environment has them.
    tell
        Takes a line for the person at the terminal.
    stopping
        Set when the household is to stop.
    first_port
        Where the search for free ports begins at the first start; None for the parts' own defaults.
    """

    folder: DataFolder
    given: Settings
    tell: Tell
    stopping: threading.Event = field(default_factory=threading.Event)
    first_port: int | None = None
    settings: Settings = field(init=False)
    _keeper: Keeper = field(init=False)
    _broker_urls: dict[str, str] = field(default_factory=dict[str, str], init=False)
    _metrics_ports: dict[str, int] = field(default_factory=dict[str, int], init=False)
    _accounts: BrokerAccounts | None = field(default=None, init=False)
    _certificates: CertificateSync | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._keeper = Keeper(self.tell)
        secret = self.given.secret.get_secret_value() or self.folder.secret("signing")
        token = self.given.api_token.get_secret_value() or self.folder.secret("api-token")
        self.settings = self.given.model_copy(
            update={
                "data_dir": self.folder.path,
                "secret": SecretStr(secret),
                "api_token": SecretStr(token),
                "http_port": self._http_port(),
            }
        )

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._keeper.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.stop()

    def add(self, piece: Piece) -> None:
        """Start one more piece and keep it running; it is stopped before those that were there first.

        Raises
        ------
        StopWantedError
            The household is to stop.
        CalloutError
            The piece could not be started.
        """
        if self.stopping.is_set():
            raise StopWantedError
        self._keeper.start(piece)

    def service(self, name: str, *words: str, port: int | None = None, says: str = "") -> Service:
        """Return a process of ours that is given the household's settings when it starts."""
        host = self.settings.http_host if name == "serve" else LOOPBACK
        # Who listens everywhere listens here, too.
        reached_at = LOOPBACK if host in {"0.0.0.0", "::"} else host  # noqa: S104  # compared, not listened on
        return Service(name, words, self.folder, lambda: self._environment(name), port, reached_at, says)

    def change(self, **settings: object) -> None:
        """Change settings for the processes that are started from now on."""
        self.settings = self.settings.model_copy(update=settings)

    def watch(self, each_look: Callable[[], bool] | None = None) -> None:
        """Keep all pieces running until the household is to stop, or `each_look` returns False."""
        shorten_at_s = 0.0
        while not self.stopping.wait(_LOOK_SECONDS):
            self._keeper.look()
            if time.monotonic() >= shorten_at_s:
                shorten_at_s = time.monotonic() + _SHORTEN_LOGS_SECONDS
                for log in self.folder.part("logs").glob("*.log"):
                    shorten(log)
            if each_look is not None and not each_look():
                return

    def port(self, name: str, default: int) -> int:
        """Return the port of a piece: the remembered one, else a free one that is remembered from now on."""
        remembered = self.folder.remembered_ports()
        if name not in remembered:
            first = default if self.first_port is None else self.first_port
            remembered[name] = next_free_port(first, taken=frozenset(remembered.values()))
            if remembered[name] != first and name == "http":
                self.tell(f"port {first} is in use: the pages are on port {remembered[name]} from now on")
            self.folder.remember_ports(remembered)
        return remembered[name]

    def _metrics_port(self, name: str, default: int) -> int:
        """Return a port for figures; when somebody else has taken the remembered one, another will do."""
        port = self.port(name, default)
        if not is_free(port):
            remembered = self.folder.remembered_ports()
            port = remembered[name] = next_free_port(port + 1, taken=frozenset(remembered.values()))
            self.folder.remember_ports(remembered)
        return port

    def _start(self) -> None:
        if not self.settings.database_url:
            self.add(postgres := self._postgres())
            self.change(database_url=postgres.dsn)
        if not self.settings.broker_url:
            self.add(broker := self._broker())
            self._broker_urls = {"ingest": broker.service_url(INGEST_USER)}
            self._accounts = broker.accounts
            self.change(broker_url=broker.service_url(DESK_USER), device_broker_url=broker.device_url)
            if isinstance(broker, EmbeddedBroker) and broker.certificate_door is not None:
                desk = self.settings.broker
                self._certificates = CertificateSync(
                    broker.certificate_door.authority, partial(put_out, desk), broker.take_certificates
                )
                self.change(certificate_broker_url=broker.certificate_url)
        elif self.settings.broker_accounts_file is not None:
            self._accounts = outside_accounts(self.settings)
            self._certificates = outside_certificates(self.settings)
        applied = migrate(self.settings.database_url)
        if applied:
            span = applied[0] if len(applied) == 1 else f"{len(applied)} migrations, {applied[0]} to {applied[-1]}"
            self.tell(f"database: applied {span}")
        with connect(self.settings.database_url, Role.ADMIN) as connection:
            for told in lacking(connection).values():
                self.tell(told)
        if self._accounts is not None:
            self.add(AccountSync(self.settings.database_url, self._accounts, self.tell, self._certificates))

    def start_desk(self) -> None:
        """Start the three processes of the desk: ingest, work and serve.

        Raises
        ------
        CalloutError
            One could not be started.
        """
        self.change(
            ingest_metrics_port=self.given.ingest_metrics_port or self._metrics_port("ingest metrics", _METRICS_PORT),
            work_metrics_port=self.given.work_metrics_port or self._metrics_port("work metrics", _METRICS_PORT + 1),
        )
        # The broker keeps nothing for a session that has never been: no device comes before ingest has subscribed.
        self.add(self.service("ingest", "gateway", "ingest", says=SERVES))
        for number in range(2, self.settings.ingest_workers + 1):
            self._add_ingest(number)
        self.add(self.service("work", "gateway", "work"))
        self.add(self.service("serve", "gateway", "serve", port=self.settings.http_port))

    def _add_ingest(self, number: int) -> None:
        """Start one more ingest, with a port of its own for its figures, and the account of the first."""
        name = f"ingest-{number}"
        if "ingest" in self._broker_urls:
            self._broker_urls[name] = self._broker_urls["ingest"]
        # Well away from the ports of the others, and of a second household.
        self._metrics_ports[name] = self._metrics_port(f"{name} metrics", _METRICS_PORT + 100 + number)
        self.add(self.service(name, "gateway", "ingest", says=SERVES))

    def _postgres(self) -> EmbeddedPostgres:
        port = self.port("postgres", postgres_module.DEFAULT_PORT)
        self.tell(f"PostgreSQL: starting on port {port}")
        return EmbeddedPostgres(self.folder, port, ends_orphans=True)

    def _broker(self) -> EmbeddedBroker | PlainBroker:
        port = self.port("broker", broker_module.DEFAULT_PORT)
        mosquitto = find_mosquitto(self.folder.path / "mosquitto")
        if isinstance(mosquitto, str):
            self.tell(f"warning: {mosquitto}. So {SHORTCOMINGS}")
            return PlainBroker(self.folder, port)
        service_port = self.port("broker for services", port + 1)
        self.tell(f"broker: starting on port {port} for devices")
        return EmbeddedBroker(
            self.folder,
            port,
            service_port,
            ends_orphans=True,
            queue_messages=self.settings.broker_queue_messages,
            queue_bytes=self.settings.broker_queue_bytes,
            certificate_door=self._certificate_door(port + 2),
        )

    def _certificate_door(self, default_port: int) -> CertificateDoor | None:
        """Prepare the door of devices with certificates; without it the others work as ever."""
        folder = self.settings.authority_folder
        try:
            prepare(folder, (), utc_now())
        except AuthorityError as error:
            self.tell(f"warning: devices with certificates cannot come in: {error}")
            return None
        return CertificateDoor(self.port("broker for certificates", default_port), folder)

    def _http_port(self) -> int:
        port = self.given.http_port if "http_port" in self.given.model_fields_set else self.port("http", 8080)
        if not is_free(port, self.given.http_host):
            message = (
                f"port {port} is in use, and the pages want it. End the server that holds it, or set "
                "CALLOUT_HTTP_PORT to a free one (links in messages that were sent name the old one)."
            )
            raise EmbeddedError(message)
        return port

    def _environment(self, name: str) -> Mapping[str, str]:
        broker_url = self._broker_urls.get(name, self.settings.broker_url)
        port = self._metrics_ports.get(name, self.settings.ingest_metrics_port)
        own = {"broker_url": broker_url, "ingest_metrics_port": port}
        return as_environment(self.settings.model_copy(update=own))


@contextmanager
def stopped_by_signals(tell: Tell) -> Generator[threading.Event]:
    """Give an event that Ctrl-C, SIGTERM or a closed terminal sets, and put the old handlers back afterwards."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not stopping.is_set():
            stopping.set()
            tell("stopping")

    before = {number: signal.signal(number, stop) for number in _STOP_SIGNALS}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
