"""A broker to measure with: the embedded mosquitto, configured as `callout up` does, and one account more for the load."""

import secrets
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gateway.admission.broker_accounts import INGEST_USER, hash_password
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import open_folder
from gateway.embedded.orphans import processes_in
from gateway.embedded.ports import LOOPBACK, next_free_port

_USER: Final = "benchmark"


@dataclass(frozen=True, slots=True)
class MeasuredBroker:
    """Where the broker is for ingest and for the load, and its process."""

    ingest_url: str
    load_url: str
    pid: int


@contextmanager
def broker() -> Generator[MeasuredBroker]:
    """Run a broker of its own in a throw-away folder."""
    with tempfile.TemporaryDirectory(prefix="callout-benchmark-broker-") as name:
        # As root, the server's account has to walk through it.
        Path(name).chmod(0o755)
        folder = open_folder(Path(name) / "data")
        port = next_free_port(21000 + secrets.randbelow(8000))
        with EmbeddedBroker(folder, port, next_free_port(port + 1)) as server:
            home = folder.part("broker")
            with (home / "access").open("a", encoding="utf-8") as access:
                access.write(f"\nuser {_USER}\ntopic readwrite callout/v1/#\n")
            server.accounts.write({_USER: hash_password(folder.secret(_USER))})
            password = quote(folder.secret(_USER), safe="")
            url = f"mqtt://{_USER}:{password}@{LOOPBACK}:{server.service_port}"
            yield MeasuredBroker(server.service_url(INGEST_USER), url, processes_in(home, "mosquitto")[0])
