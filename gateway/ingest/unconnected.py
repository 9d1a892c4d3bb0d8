"""Why the broker does not have the session of ingest: in words, with the next move, and for how long.

It knows no connection; it is told.
"""

import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.settings import ServerAddress

_ACCOUNT: Final = "Check the account and its rights in CALLOUT_BROKER_URL."
_LATER: Final = "Nothing is lost meanwhile: the broker keeps what comes. Look at its log and its limits."
_ELSEWHERE: Final = "Name the server that it means in CALLOUT_BROKER_URL."
# By the names that MQTT 5 gives to reason codes.
_MOVES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Unsupported protocol version": "Ingest needs MQTT 5, devices do not: name a broker that speaks it.",
        "Server unavailable": _LATER,
        "Server busy": _LATER,
        "Quota exceeded": _LATER,
        "Connection rate exceeded": _LATER,
        "Use another server": _ELSEWHERE,
        "Server moved": _ELSEWHERE,
        "Banned": "Lift the ban at the broker.",
    }
)


def told_refusal(reason: str) -> str:
    """Say what a broker that refuses has said, and the next move.

    Examples
    --------
    >>> told_refusal("Not authorized")
    'the broker refuses ingest: Not authorized. Check the account and its rights in CALLOUT_BROKER_URL.'
    """
    return f"the broker refuses ingest: {reason}. {_MOVES.get(reason, _ACCOUNT)}"


def told_unreachable(broker: ServerAddress, error: BaseException | None) -> str:
    """Say why a broker cannot be reached, and the next move.

    Examples
    --------
    >>> told_unreachable(ServerAddress.parse("mqtt://broker.example"), ConnectionRefusedError("Connection refused"))
    'the broker at broker.example:1883 does not answer (Connection refused). Start it, or set CALLOUT_BROKER_URL to one that runs.'
    """
    where = f"{broker.host}:{broker.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        move = (
            "Write its name in CALLOUT_BROKER_URL as its certificate has it."
            if "match" in error.verify_message
            else "Name the file of the authority that signed it in CALLOUT_BROKER_CA_FILE."
        )
        return f"the broker at {where} shows a certificate that is not trusted ({error.verify_message}). {move}"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or error
        return f"TLS with the broker at {where} fails ({reason}). Does it speak TLS there? mqtt:// means without."
    told = f" ({error})" if error is not None and str(error) else ""
    return f"the broker at {where} does not answer{told}. Start it, or set CALLOUT_BROKER_URL to one that runs."


class Away:
    """For how long the broker has not had our session.

    Examples
    --------
    >>> away = Away()
    >>> away.seen(is_connected=False, now_s=5.0), away.seen(is_connected=False, now_s=35.0)
    (0.0, 30.0)
    >>> away.seen(is_connected=True, now_s=40.0), away.seen(is_connected=False, now_s=41.0)
    (0.0, 0.0)
    """

    def __init__(self) -> None:
        self._since_s: float | None = None

    def seen(self, *, is_connected: bool, now_s: float) -> float:
        """Take a look in, by a clock that only goes forward, and return the seconds."""
        if is_connected:
            self._since_s = None
            return 0.0
        if self._since_s is None:
            self._since_s = now_s
        return now_s - self._since_s
