"""Whether a message is the payment provider's: its signature, `t=...,v1=...`, over time and body, and its age."""

import hashlib
import hmac
from datetime import datetime
from typing import Final

TOLERANCE_S: Final = 300.0


def is_signed(header: str, body: bytes, secret: str, now: datetime) -> bool:
    """Say whether a message was signed with the secret, no more than five minutes ago or ahead.

    Parameters
    ----------
    header : str
        Several `v1` may stand in it while the secret is being changed.
    body : bytes
        As it came.
    secret : str
        Shared with the provider.
    now : datetime
        Aware.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 22, tzinfo=UTC)
    >>> header = signed(b"{}", "whsec_1", at)
    >>> is_signed(header, b"{}", "whsec_1", at), is_signed(header, b"{ }", "whsec_1", at)
    (True, False)
    """
    pairs = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name.strip() == "t"]
    if not secret or len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) < 12):
        return False
    expected = _signature(times[0], body, secret)
    is_ours = any(
        hmac.compare_digest(value.strip().encode(), expected.encode())
        for name, _, value in pairs
        if name.strip() == "v1"
    )
    return is_ours and abs(now.timestamp() - int(times[0])) <= TOLERANCE_S


def signed(body: bytes, secret: str, at: datetime) -> str:
    """Return the header of a message that is signed at an instant."""
    moment = str(int(at.timestamp()))
    return f"t={moment},v1={_signature(moment, body, secret)}"


def _signature(moment: str, body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
