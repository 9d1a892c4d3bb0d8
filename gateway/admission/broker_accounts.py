"""Who may speak to the broker: the password file and the access rules of an MQTT broker that reads mosquitto's formats.

Passwords reach this module once, to be hashed. A hash says nothing of the device: the rules bind a device to its own
topics by its user name, ``{partition}/{tenant}/{device}``.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import CalloutError

# Our passwords are random and of 256 bits: nobody tries them out, so more rounds would only slow a fleet's reconnect,
# which the broker does one by one. 101 is what mosquitto_passwd writes.
_ROUNDS: Final = 101
_SALT_BYTES: Final = 12
_HASH_BYTES: Final = 64
_HASH: Final = re.compile(r"\$7\$[0-9]{1,7}\$[A-Za-z0-9+/=]{4,}\$[A-Za-z0-9+/=]{8,}")
_DEVICE_NAME: Final = re.compile(r"[0-9]+/[^/]+/[^/]+")
_FORBIDDEN_IN_NAMES: Final = re.compile(r"[:+#\x00-\x1f\x7f]")

INGEST_USER: Final = "callout-ingest"
DESK_USER: Final = "callout-desk"
SERVICE_USERS: Final = (INGEST_USER, DESK_USER)

ACCESS_RULES: Final = f"""\
# Written at each start of Callout. %u is the user name, {{partition}}/{{tenant}}/{{device}}: a device has its own root only.
pattern write callout/v1/%u/telemetry
pattern write callout/v1/%u/event
pattern write callout/v1/%u/state
pattern write callout/v1/%u/answer
pattern read callout/v1/%u/command

# Receives what devices say, and asks them for what is missing.
user {INGEST_USER}
topic read callout/v1/#
# And how full its own queue is.
topic read $SYS/broker/#
topic write callout/v1/+/+/+/command

# Asks devices, and hears their answers.
user {DESK_USER}
topic write callout/v1/+/+/+/command
topic read callout/v1/+/+/+/answer
topic read callout/v1/+/+/+/state
"""


def hash_password(password: str) -> str:
    """Hash a password as mosquitto 2 does: ``$7$rounds$salt$hash``, PBKDF2 with SHA-512.

    Examples
    --------
    >>> hash_password("s3cret").split("$")[1:3]
    ['7', '101']
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    derived = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, _HASH_BYTES)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(derived).decode()}"


def password_matches(password: str, password_hash: str) -> bool:
    """Tell whether a password has the hash, in a time that does not depend on where they differ.

    Raises
    ------
    ValueError
        The hash is not one of `hash_password`.

    Examples
    --------
    >>> password_matches("s3cret", hash_password("s3cret")), password_matches("other", hash_password("s3cret"))
    (True, False)
    """
    if not _HASH.fullmatch(password_hash):
        message = "expected a hash of the form $7$rounds$salt$hash"
        raise ValueError(message)
    _, _, rounds, salt, wanted = password_hash.split("$")
    wanted_bytes = base64.b64decode(wanted)
    derived = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(rounds), len(wanted_bytes))
    return hmac.compare_digest(derived, wanted_bytes)


def _no_reload() -> None:
    """Do nothing: a broker that looks at its files by itself needs no word."""


@dataclass(frozen=True, slots=True)
class BrokerAccounts:
    """The password file of one broker.

    Parameters
    ----------
    path
        The file.
    services
        Hashes of the passwords of all who are no devices, by user name; they are always in the file.
    reload
        Tells the broker to read the file again; it also cuts the sessions of those who are no longer in it.
    own
        Gives the new file to the account that the broker runs under, before it takes its place.
    """

    path: Path
    services: Mapping[str, str]
    reload: Callable[[], None] = _no_reload
    own: Callable[[Path], None] = lambda _: None

    def write(self, accounts: Mapping[str, str]) -> bool:
        """Let exactly these devices in, besides our services; return whether anything has changed.

        Parameters
        ----------
        accounts
            Password hashes by user name.

        Raises
        ------
        CalloutError
            A name or hash could be read as more than one line says, or the file cannot be written.
        """
        text = "".join(f"{_checked(name, value)}\n" for name, value in sorted({**accounts, **self.services}.items()))
        try:
            if self.path.exists() and self.path.read_text(encoding="utf-8") == text:
                return False
            self._replace(text)
        except OSError as error:
            message = (
                f"the broker's accounts cannot be written to {self.path} ({error.strerror}). New devices cannot "
                "connect and revoked ones still can: make the file writable, it is tried again by itself."
            )
            raise CalloutError(message) from error
        self.reload()
        return True

    def _replace(self, text: str) -> None:
        beside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        self.own(beside)
        beside.replace(self.path)


def accounts_at(
    path: Path,
    passwords: Mapping[str, str],
    reload: Callable[[], None] = _no_reload,
    own: Callable[[Path], None] = lambda _: None,
) -> BrokerAccounts:
    """Return a broker's accounts in which services have these passwords, and lines of an operator's own stay.

    A hash in the file that still fits its password is kept, so that a restart does not change the file.
    """
    written = read_accounts(path)
    services = {name: value for name, value in written.items() if not _DEVICE_NAME.fullmatch(name)}
    for name, password in passwords.items():
        old = services.get(name, "")
        if not _HASH.fullmatch(old) or not password_matches(password, old):
            services[name] = hash_password(password)
    return BrokerAccounts(path, services, reload, own)


def read_accounts(path: Path) -> dict[str, str]:
    """Return the hashes in a password file by user name; none when there is no file."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: value for name, _, value in (line.partition(":") for line in lines if ":" in line)}


def device_accounts(path: Path) -> dict[str, str]:
    """Return the hashes of devices in a password file by user name."""
    return {name: value for name, value in read_accounts(path).items() if _DEVICE_NAME.fullmatch(name)}


def is_fit(name: str, password_hash: str) -> bool:
    """Tell whether an account can stand on a line of the file and its name cannot be read as a pattern of topics.

    Examples
    --------
    >>> is_fit("7/acme/ev-1", hash_password("s3cret")), is_fit("7/acme/+", hash_password("s3cret"))
    (True, False)
    """
    return bool(name and not _FORBIDDEN_IN_NAMES.search(name) and _HASH.fullmatch(password_hash))


def _checked(name: str, password_hash: str) -> str:
    if not is_fit(name, password_hash):
        message = (
            f"the account {name!r} cannot be given to the broker: its name has a character of : + # or a control "
            "character, or its hash is not $7$rounds$salt$hash. Enrol the device again under another name."
        )
        raise CalloutError(message)
    return f"{name}:{password_hash}"
