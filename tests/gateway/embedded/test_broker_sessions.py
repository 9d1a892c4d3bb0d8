"""What mosquitto does with sessions of those who are away, while its accounts are read anew again and again."""

import time
from contextlib import ExitStack

import pytest

from gateway.admission.broker_accounts import hash_password
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import DataFolder
from gateway.embedded.ports import LOOPBACK
from gateway.settings import ServerAddress
from tests.conftest import free_port
from tests.gateway.embedded.test_broker import connected

NEVER = 0xFFFF_FFFF
DEVICES = [f"7/acme/ev-{number}" for number in range(8)]


def address(server: EmbeddedBroker, device: str) -> ServerAddress:
    return ServerAddress(LOOPBACK, server.port, device, "s3cret", tls=False)


def test_a_broker_that_was_restarted_bears_enrolments_while_devices_are_away(
    data_folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The C library then fills memory that was given back, so that a broker that reads it dies at once, not some day.
    monkeypatch.setenv("MALLOC_PERTURB_", "128")
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")
    port = free_port()
    with EmbeddedBroker(data_folder, port, free_port()) as server:
        known = {device: hash_password("s3cret") for device in DEVICES}
        server.accounts.write(known)
        time.sleep(0.5)
        for device in DEVICES:
            with connected(address(server, device), session_s=NEVER) as client:
                client.subscribe(f"callout/v1/{device}/command")
        server.stop()
        server.start()
        for number in range(4):
            known[f"7/acme/new-{number}"] = hash_password("s3cret")
            server.accounts.write(known)
            time.sleep(0.3)
        with ExitStack() as stack:
            for device in DEVICES:
                stack.enter_context(connected(address(server, device), session_s=NEVER))
            # It looks after its sessions once a second.
            time.sleep(2.5)
        assert server.is_running
