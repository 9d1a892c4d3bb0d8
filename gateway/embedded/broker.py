"""The MQTT broker for one machine: mosquitto as a child process, with our configuration, accounts and access rules.

Devices and our services come in by two doors. At the devices' door the user name is the client id, whatever the device
sends: so no device can take over a service's session, with all that waits in it, by calling itself like one.
"""

import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from gateway.admission.broker_accounts import ACCESS_RULES, SERVICE_USERS, BrokerAccounts, accounts_at, device_accounts
from gateway.authority.folder import BROKER_FILES, AuthorityError, open_authority
from gateway.embedded.account import Account, account_for
from gateway.embedded.folder import DataFolder, write_privately
from gateway.embedded.mosquitto import Mosquitto, find_mosquitto
from gateway.embedded.orphans import end_processes_in
from gateway.embedded.ports import LOOPBACK, is_free
from gateway.embedded.program import Program
from gateway.errors import EmbeddedError

_PROGRAM: Final = "mosquitto"
DEFAULT_PORT: Final = 21883
QUEUE_MESSAGES: Final = 500_000
QUEUE_BYTES: Final = 536_870_912
_START_SECONDS: Final = 30.0
_ORPHAN_SECONDS: Final = 10.0
_LOOK_AGAIN_SECONDS: Final = 0.02

_CONFIGURATION: Final = """\
# Written at each start of Callout.
per_listener_settings false
allow_anonymous false
password_file {folder}/accounts
acl_file {folder}/access

# Sessions and what waits in them survive a restart; a kill may cost the last second, which devices send again.
persistence true
persistence_location {folder}/
autosave_interval 1
# No persistent_client_expiration: with it, mosquitto (2.0, to its last) reads freed memory and dies some day after it was
# restarted and has read its accounts anew twice while somebody is away. Sessions that never end are not in its list.

# Bounded, so that a stopped receiver cannot fill the memory, and large, so that a restart of it loses nothing.
max_queued_messages {queue_messages}
max_queued_bytes {queue_bytes}
max_inflight_messages 12000
max_packet_size 1048576
set_tcp_nodelay true
# How often the broker says how full it is.
sys_interval 2

log_dest stdout
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%S%z

# The devices' door.
listener {port} {host}
use_username_as_clientid true

{certificate_door}
# The door of our own services: the last one, for when it is open all are.
listener {service_port} {host}
"""

_CERTIFICATE_DOOR: Final = """\
# The door of devices with certificates: who comes in is who the certificate names, whatever he says.
listener {port} {host}
cafile {folder}/ca.crt
certfile {folder}/broker.crt
keyfile {folder}/broker.key
crlfile {folder}/crl.pem
require_certificate true
use_identity_as_username true
use_username_as_clientid true
tls_version tlsv1.2
"""


@dataclass(frozen=True, slots=True)
class CertificateDoor:
    """The door of devices with certificates: its port, and the folder of the authority that it trusts."""

    port: int
    authority: Path


@dataclass(slots=True)
class EmbeddedBroker:
    """One mosquitto; a context manager that stops it.

    Parameters
    ----------
    folder
        The data folder; the broker lives in its folder ``broker``.
    port, service_port
        Where devices and our services come in, on the loopback address; below 32768.
    ends_orphans
        Whether a broker that still runs on the data, left behind by a household that was killed, is stopped first.
        Only for a caller that holds the data folder's lock.
    queue_messages, queue_bytes
        What is kept for one session at most, beside the messages under way.
    certificate_door
        Where devices with certificates come in; None for nowhere.
    """

    folder: DataFolder
    port: int = DEFAULT_PORT
    service_port: int = DEFAULT_PORT + 1
    ends_orphans: bool = False
    queue_messages: int = QUEUE_MESSAGES
    queue_bytes: int = QUEUE_BYTES
    certificate_door: CertificateDoor | None = None
    _program: Program | None = field(default=None, init=False)
    _account: Account = field(default_factory=Account, init=False)

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
        """The broker's password file; writing it makes the running broker read it."""
        passwords = {user: self.folder.secret(user) for user in SERVICE_USERS}
        return accounts_at(self._home / "accounts", passwords, self._reload, self._account.own)

    @property
    def device_url(self) -> str:
        """The address that devices are told."""
        return f"mqtt://{LOOPBACK}:{self.port}"

    @property
    def certificate_url(self) -> str:
        """The address that devices with certificates are told; empty where there is no such door."""
        return f"mqtts://{LOOPBACK}:{self.certificate_door.port}" if self.certificate_door else ""

    def take_certificates(self, files: Mapping[str, str]) -> bool:
        """Take in what the authority has written, and make the running broker read it; tell whether it has changed."""
        changed = False
        for name, text in files.items():
            path = self._home / name
            if not path.exists() or path.read_text(encoding="ascii") != text:
                write_privately(path, text)
                self._account.own(path)
                changed = True
        if changed:
            self._reload()
        return changed

    def service_url(self, user: str) -> str:
        """Return the address of the services' door with the account of one of `SERVICE_USERS` in it."""
        return f"mqtt://{user}:{quote(self.folder.secret(user), safe='')}@{LOOPBACK}:{self.service_port}"

    @property
    def _home(self) -> Path:
        return self.folder.part("broker")

    def start(self) -> None:
        """Start the broker, and return once it lets clients in. Devices known from the last run may come in at once.

        Raises
        ------
        EmbeddedError
            There is no mosquitto, or it cannot be started.
        """
        mosquitto = find_mosquitto(self.folder.path / "mosquitto")
        if isinstance(mosquitto, str):
            message = (
                f"{mosquitto}. Install it (Debian: apt-get install mosquitto; macOS: brew install mosquitto), "
                "or set CALLOUT_BROKER_URL to use a broker of your own."
            )
            raise EmbeddedError(message)
        if self.ends_orphans:
            end_processes_in(self._home, _PROGRAM, signal.SIGTERM, _ORPHAN_SECONDS)
        ports = (self.port, self.service_port, *([self.certificate_door.port] if self.certificate_door else []))
        for port in ports:
            if not is_free(port):
                message = (
                    f"port {port} is in use, and the embedded broker wants it. End the server that holds it, or delete "
                    f"the line of the broker in {self.folder.path / 'ports.json'} to have another port chosen (devices "
                    "that know the old one must be told), or set CALLOUT_BROKER_URL to use a broker of your own."
                )
                raise EmbeddedError(message)
        self._account = account_for(mosquitto.program, self._home)
        configuration = self._configure()
        self._program = self._run(mosquitto, configuration)
        self._wait_until_it_listens(self._program)

    def stop(self) -> None:
        """Stop the broker; it writes down its sessions first."""
        if self._program is not None:
            self._program.stop((signal.SIGTERM, 10.0))
            self._program = None

    def _configure(self) -> Path:
        home, certificate_door = self._home, ""
        if self.certificate_door is not None:
            certificate_door = _CERTIFICATE_DOOR.format(folder=home, host=LOOPBACK, port=self.certificate_door.port)
            self._take_certificates_of(self.certificate_door.authority)
        configuration = _CONFIGURATION.format(
            folder=home,
            host=LOOPBACK,
            port=self.port,
            service_port=self.service_port,
            certificate_door=certificate_door,
            queue_messages=self.queue_messages,
            queue_bytes=self.queue_bytes,
        )
        for name, text in (("mosquitto.conf", configuration), ("access", ACCESS_RULES)):
            write_privately(home / name, text)
            self._account.own(home / name)
        self.accounts.write(device_accounts(home / "accounts"))
        return home / "mosquitto.conf"

    def _take_certificates_of(self, authority: Path) -> None:
        try:
            self.take_certificates(open_authority(authority).files())
        except AuthorityError:
            # What an earlier start has copied still serves: nobody else must stay outside for a folder that is away.
            if not all((self._home / name).exists() for name in BROKER_FILES):
                raise

    def _run(self, mosquitto: Mosquitto, configuration: Path) -> Program:
        command = (*self._account.prefix, str(mosquitto.program), "-c", str(configuration))
        return Program.start(_PROGRAM, command, self.folder.log("broker"), mosquitto.environment, self._home)

    def _wait_until_it_listens(self, program: Program) -> None:
        deadline_s = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline_s and program.is_running:
            try:
                socket.create_connection((LOOPBACK, self.service_port), timeout=1.0).close()
            except OSError:
                time.sleep(_LOOK_AGAIN_SECONDS)
            else:
                return
        said = " / ".join(program.said().splitlines()[-3:]) or "it said nothing"
        self.stop()
        message = f"mosquitto does not run: {said}. See {program.log}, or set CALLOUT_BROKER_URL to use another broker."
        raise EmbeddedError(message)

    def _reload(self) -> None:
        if self._program is not None and self._program.is_running:
            self._program.process.send_signal(signal.SIGHUP)
