"""Where a server is and who we are to it, as one URL says it. It reads text, and connects to nobody."""

from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import unquote, urlsplit

_MQTT_PORT: Final = 1883
_MQTTS_PORT: Final = 8883
_SMTP_PORT: Final = 25


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server listens and who we are to it, as one URL says it.

    Examples
    --------
    >>> ServerAddress.parse("mqtt://0%2Facme%2Fev-1:s3cret@broker.example:1884")
    ServerAddress(host='broker.example', port=1884, username='0/acme/ev-1', tls=False, ca_file=None)
    >>> ServerAddress.parse("mqtts://broker.example").port
    8883
    """

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    tls: bool
    # Who signed the server's certificate, in PEM; the authorities of the system when None.
    ca_file: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``mqtt[s]://[user[:password]@]host[:port]``, or the same with ``smtp``.

        Raises
        ------
        ValueError
            The scheme is another one, the host is missing, or the port is no port. The password is never repeated.
        """
        parts = urlsplit(url)
        default_ports = {"mqtt": _MQTT_PORT, "mqtts": _MQTTS_PORT, "smtp": _SMTP_PORT}
        if parts.scheme not in default_ports or not parts.hostname:
            message = f"expected scheme://user:password@host:port with one of {', '.join(default_ports)} as scheme"
            raise ValueError(message)
        return cls(
            host=parts.hostname,
            port=parts.port or default_ports[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=parts.scheme == "mqtts",
        )
