"""Signatures of messages between us and a supplier, by Standard Webhooks: identity, time and body are signed together."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from gateway.errors import SettingsError
from gateway.settings import Settings

_TOLERANCE: Final = timedelta(minutes=5)
_SHORTEST_KEY_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Genuine:
    """The supplier has signed it; `message_id` is the same each time that he sends it."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Forged:
    """It is not to be believed, and why."""

    why: str


def secret_of(settings: Settings, tenant: str, supplier: str) -> str | None:
    """Return the secret that is shared with a supplier, or None when none is set.

    Raises
    ------
    SettingsError
        The setting cannot be read, or the secret is too short to be one.
    """
    for entry in filter(None, (part.strip() for part in settings.supplier_secrets.get_secret_value().split(","))):
        name, is_there, secret = entry.partition("=")
        if not is_there:
            raise SettingsError(
                "the setting supplier_secrets has an entry without '=': expected tenant/supplier=whsec_..., with commas"
            )
        if name == f"{tenant}/{supplier}":
            _checked(secret, name)
            return secret
    return None


def _checked(secret: str, name: str) -> None:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_") + "==", validate=False)
    except binascii.Error:
        key = b""
    if len(key) < _SHORTEST_KEY_BYTES:
        raise SettingsError(
            f"the secret of {name} in supplier_secrets is no base64 of {_SHORTEST_KEY_BYTES} bytes or more: make one with "
            "'openssl rand -base64 32'"
        )


def signed(secret: str, message_id: str, body: str, now: datetime) -> dict[str, str]:
    """Return the headers that make a message ours."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, _whole(now), body),
    }


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Genuine | Forged:
    """Say whether a supplier has sent this message just now.

    Parameters
    ----------
    secret : str
        What is shared with him.
    headers : mapping of str to str
        With names in small letters.
    body : bytes
        As it came.
    now : datetime
        Aware. The library would look at the machine's clock; here time is given, and only its signing is used.
    """
    message_id, sent, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (message_id and sent and given):
        return Forged("a header of the signature is missing")
    if not (sent.isdecimal() and sent.isascii() and len(sent) < 12) or len(message_id) > 200:
        return Forged("a header of the signature cannot be read")
    sent_at = datetime.fromtimestamp(int(sent), UTC)
    if abs(now - sent_at) > _TOLERANCE:
        return Forged("it was sent too long ago, or a clock is wrong")
    try:
        expected = Webhook(secret).sign(message_id, sent_at, body.decode())
    except (UnicodeDecodeError, EmptyWebhookSecretError):
        return Forged("the body is no text")
    # Several signatures may stand there, while a secret is being changed.
    if not any(hmac.compare_digest(expected.encode(), each.encode()) for each in given.split(" ")):
        return Forged("no signature fits")
    return Genuine(message_id)


def _whole(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
