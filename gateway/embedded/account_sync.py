"""Keeps the broker's password file equal to the devices' credentials in the database.

Told by the database at each change, and looking by itself every ten seconds, for a word may get lost while the
connection is down. Changes that come together are written together: each makes the broker check all its sessions.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Final

import psycopg

from gateway.admission.broker_accounts import DESK_USER, INGEST_USER, SERVICE_USERS, BrokerAccounts, accounts_at, is_fit
from gateway.embedded.certificate_sync import CertificateSync
from gateway.embedded.keeper import Tell
from gateway.errors import CalloutError, SettingsError
from gateway.settings import Settings
from gateway.storage.connection import Connection, Role, connect

_CHANNEL: Final = "device_credential"
_LOOK_ANYWAY_SECONDS: Final = 10.0
_GATHER_SECONDS: Final = 0.05
_NOTICE_STOP_SECONDS: Final = 0.5
_TRY_AGAIN_SECONDS: Final = 1.0
# The broker reads the file within a turn of its loop after the signal.
_BROKER_READS_SECONDS: Final = 0.05
# One that is not ours is told by somebody who looks at the file some times a second.
OUTSIDE_READS_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Synced:
    """How many accounts are new to the broker, and the user names that it cannot be given."""

    new: int
    refused: frozenset[str]


@dataclass(slots=True)
class AccountSync:
    """A thread that carries credentials from the database to the broker until it is stopped."""

    dsn: str
    accounts: BrokerAccounts
    tell: Tell
    certificates: CertificateSync | None = None
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """What the household calls it."""
        return "broker accounts"

    @property
    def is_running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after what it is at."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        told = ""
        while not self._stopping.is_set():
            try:
                with connect(self.dsn, Role.ADMIN) as connection:
                    self._follow(connection)
            except (CalloutError, psycopg.Error) as error:
                # Once for a trouble that lasts: the database may be away for an hour.
                if str(error) != told:
                    told = str(error)
                    self.tell(f"broker accounts: {' '.join(told.split())}")
                self._stopping.wait(_TRY_AGAIN_SECONDS)

    def _follow(self, connection: Connection) -> None:
        connection.execute(f"LISTEN {_CHANNEL}")
        told: frozenset[str] = frozenset()
        while not self._stopping.is_set():
            refused = sync_once(connection, self.accounts).refused
            for username in sorted(refused - told):
                self.tell(f"broker accounts: {username!r} cannot be given to the broker; enrol it under another name")
            told |= refused
            if self.certificates is not None:
                self.certificates.look(connection)
            self._wait_for_a_word(connection)

    def _wait_for_a_word(self, connection: Connection) -> None:
        deadline_s = time.monotonic() + _LOOK_ANYWAY_SECONDS
        while not self._stopping.is_set() and time.monotonic() < deadline_s:
            if any(True for _ in connection.notifies(timeout=_NOTICE_STOP_SECONDS, stop_after=1)):
                time.sleep(_GATHER_SECONDS)
                for _ in connection.notifies(timeout=0):
                    continue
                return


def outside_accounts(settings: Settings) -> BrokerAccounts:
    """Return the accounts of a broker that is not ours but reads a password file of mosquitto's format.

    Each of our services gets its own password. One that has none gets that of the broker's URL, if the account there
    is one of our services'.

    Raises
    ------
    SettingsError
        The file is not named, or a password is missing and there is no broker.
    """
    if settings.broker_accounts_file is None:
        message = (
            "the setting broker_accounts_file is empty. Set CALLOUT_BROKER_ACCOUNTS_FILE to the password file that "
            "the broker reads; with a broker that keeps accounts in another way, give devices theirs by its own means."
        )
        raise SettingsError(message)
    own = {INGEST_USER: settings.ingest_password, DESK_USER: settings.desk_password}
    passwords = {user: password.get_secret_value() for user, password in own.items()}
    if not all(passwords.values()):
        address = settings.broker
        shared = address.password if address.username in SERVICE_USERS else None
        passwords = {user: password or shared or "" for user, password in passwords.items()}
    given = {user: password for user, password in passwords.items() if password}
    return accounts_at(settings.broker_accounts_file, given, reload=lambda: time.sleep(OUTSIDE_READS_SECONDS))


def sync_once(connection: Connection, accounts: BrokerAccounts) -> Synced:
    """Write the valid credentials to the broker and note that it has them.

    Raises
    ------
    CalloutError
        The broker's file cannot be written.
    """
    rows = connection.execute(
        """SELECT d.partition || '/' || t.name || '/' || d.name, c.password_hash, c.credential_id, c.in_broker_at IS NULL
           FROM callout.device_credential c
           JOIN callout.device d USING (device_id)
           JOIN callout.tenant t ON t.tenant_id = d.tenant_id
           WHERE c.revoked_at IS NULL"""
    ).fetchall()
    fit = [row for row in rows if is_fit(str(row[0]), str(row[1]))]
    refused = {str(row[0]) for row in rows} - {str(row[0]) for row in fit}
    if accounts.write({str(username): str(password_hash) for username, password_hash, _, _ in fit}):
        time.sleep(_BROKER_READS_SECONDS)
    new = [int(credential_id) for _, _, credential_id, is_new in fit if is_new]
    if new:
        connection.execute(
            "UPDATE callout.device_credential SET in_broker_at = now() WHERE credential_id = ANY(%(new)s)", {"new": new}
        )
    return Synced(len(new), frozenset(refused))
