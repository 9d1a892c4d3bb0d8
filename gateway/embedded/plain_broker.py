"""The broker of last resort, for a machine that has no mosquitto and cannot get one: the wheel `iotcore` (rumqttd).

It is good enough to see Callout work on a loopback address, and for no more: it keeps nothing on the disk and does not
know accounts or rights. Whoever starts it says so, with `SHORTCOMINGS`.
"""

import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from gateway.admission.broker_accounts import BrokerAccounts
from gateway.embedded import leash
from gateway.embedded.folder import DataFolder
from gateway.embedded.ports import LOOPBACK, is_free
from gateway.embedded.program import Program
from gateway.errors import EmbeddedError

SHORTCOMINGS: Final = (
    "the broker is the fall-back iotcore. It keeps sessions in memory only (a restart of it loses what is under way, "
    "until devices send it again), checks no passwords and no rights, speaks MQTT 5 only, and drops the oldest messages "
    "silently when its log overruns. Do not use it beyond this machine; install mosquitto for real use"
)
_START_SECONDS: Final = 20.0
_LOOK_AGAIN_SECONDS: Final = 0.05

_CONFIGURATION: Final = """\
# Written at each start of Callout.
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 2000
max_segment_size = 104857600
max_segment_count = 10

[v5.devices]
name = "devices"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.devices.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 12000
dynamic_filters = true
"""


@dataclass(slots=True)
class PlainBroker:
    """One rumqttd; a context manager that stops it. Used like `EmbeddedBroker`, accounts included, which it ignores.

    Parameters
    ----------
    folder
        The data folder.
    port
        Where everybody comes in, on the loopback address.
    """

    folder: DataFolder
    port: int
    _program: Program | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def name(self) -> str:
        """What the household calls it."""
        return "broker"

    @property
    def is_running(self) -> bool:
        """Whether the broker is there."""
        return self._program is not None and self._program.is_running

    @property
    def accounts(self) -> BrokerAccounts:
        """A password file that nobody reads, so that an enrolment ends as it does elsewhere."""
        return BrokerAccounts(self._home / "accounts", {})

    @property
    def device_url(self) -> str:
        """The address that devices are told."""
        return f"mqtt://{LOOPBACK}:{self.port}"

    def service_url(self, user: str) -> str:
        """Return the address for one of our services; its account is not checked."""
        return f"mqtt://{user}@{LOOPBACK}:{self.port}"

    @property
    def _home(self) -> Path:
        return self.folder.part("broker")

    def start(self) -> None:
        """Start the broker, and return once it lets clients in.

        Raises
        ------
        EmbeddedError
            Its port is in use, or it cannot be started.
        """
        if not is_free(self.port):
            message = (
                f"port {self.port} is in use, and the embedded broker wants it. End the server that holds it, or "
                "set CALLOUT_BROKER_URL to use a broker of your own."
            )
            raise EmbeddedError(message)
        configuration = self._home / "rumqttd.toml"
        configuration.write_text(_CONFIGURATION.format(host=LOOPBACK, port=self.port), encoding="utf-8")
        command = leash.command("iotcore", "--config", str(configuration), "--log-level", "CRITICAL")
        self._program = Program.start("broker", command, self.folder.log("broker"))
        deadline_s = time.monotonic() + _START_SECONDS
        while self._program.is_running and time.monotonic() < deadline_s:
            try:
                socket.create_connection((LOOPBACK, self.port), timeout=1.0).close()
            except OSError:
                time.sleep(_LOOK_AGAIN_SECONDS)
            else:
                return
        said = self._program.said() or "it said nothing"
        self.stop()
        message = f"the fall-back broker does not run: {said[-500:]}. Install mosquitto, or set CALLOUT_BROKER_URL."
        raise EmbeddedError(message)

    def stop(self) -> None:
        """Stop the broker; what is in it is gone."""
        if self._program is not None:
            self._program.stop((signal.SIGINT, 2.0), (signal.SIGTERM, 2.0))
            self._program = None
