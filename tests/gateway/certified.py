"""A desk that takes certificates: database, broker, HTTP and the keeper of the broker's accounts, all real."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvicorn
from pydantic import SecretStr

from dashboards.app import create
from gateway.admission.broker_accounts import DESK_USER, INGEST_USER
from gateway.admission.certificates import utc_now
from gateway.authority.folder import prepare
from gateway.embedded.account_sync import AccountSync
from gateway.embedded.broker import CertificateDoor, EmbeddedBroker
from gateway.embedded.certificate_sync import CertificateSync
from gateway.embedded.folder import DataFolder
from gateway.embedded.put_out import put_out
from gateway.settings import ServerAddress, Settings
from tests.conftest import free_port
from tests.gateway.desk import SmallDesk, open_desk

TOKEN = "a token of thirty-two characters!"


class CertifiedDesk:
    """What runs, and where it is reached."""

    def __init__(self, desk: SmallDesk, broker: EmbeddedBroker, settings: Settings) -> None:
        self.desk = desk
        self.broker = broker
        self.settings = settings
        self.told: list[str] = []

    @property
    def url(self) -> str:
        return self.settings.base_url

    @property
    def ingest(self) -> ServerAddress:
        return ServerAddress.parse(self.broker.service_url(INGEST_USER))


@contextmanager
def certified_desk(dsn: str, folder: DataFolder, tmp_path: Path, tenant: str) -> Iterator[CertifiedDesk]:
    """Start everything, and end it."""
    authority = folder.path / "authority"
    prepare(authority, (), utc_now())
    door = CertificateDoor(free_port(), authority)
    with EmbeddedBroker(folder, free_port(), free_port(), certificate_door=door) as broker:
        address = ServerAddress.parse(broker.service_url(DESK_USER))
        settings = Settings(
            data_dir=folder.path,
            database_url=dsn,
            broker_url=broker.service_url(DESK_USER),
            device_broker_url=broker.device_url,
            certificate_broker_url=broker.certificate_url,
            http_port=free_port(),
            secret=SecretStr("s" * 32),
            api_token=SecretStr(TOKEN),
        )
        made = CertifiedDesk(open_desk(dsn, tmp_path, tenant=tenant), broker, settings)
        certificates = CertificateSync(authority, partial(put_out, address), broker.take_certificates)
        sync = AccountSync(dsn, broker.accounts, made.told.append, certificates)
        sync.start()
        with served(settings):
            yield made
        sync.stop()
        made.desk.close()


@contextmanager
def served(settings: Settings) -> Iterator[None]:
    """The HTTP API in a thread."""
    server = uvicorn.Server(uvicorn.Config(create(settings), port=settings.http_port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until_s = time.monotonic() + 60
    while not server.started and thread.is_alive() and time.monotonic() < until_s:
        time.sleep(0.02)
    assert server.started
    yield
    server.should_exit = True
    thread.join(30)
