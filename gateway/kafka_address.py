"""Where a Kafka topic is, as one URL says it. It reads text, and knows no client."""

from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

_PORT: Final = 9092
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_FORM: Final = "expected kafka[s]://[user:password@]host[:port][,host...]/topic[?sasl=...][&ca=FILE]"


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """Servers, topic and account.

    Examples
    --------
    >>> KafkaAddress.parse("kafka://one.example,two.example:9093/callout")
    KafkaAddress(servers='one.example:9092,two.example:9093', topic='callout', username=None, mechanism='', tls=False, ca='')
    >>> KafkaAddress.parse("kafkas://ingest:s3cret@one.example/callout?sasl=plain&ca=/etc/ca.crt").client_settings()["sasl.mechanism"]
    'PLAIN'
    """

    servers: str
    topic: str
    username: str | None
    password: str | None = field(repr=False)
    mechanism: str
    tls: bool
    ca: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``kafka[s]://[user:password@]host[:port][,host...]/topic``; SCRAM-SHA-512 unless ``?sasl=`` says another.

        Raises
        ------
        ValueError
            The URL has another form, or an option that is not known. The password is never repeated.
        """
        parts = urlsplit(url)
        account, _, hosts = parts.netloc.rpartition("@")
        topic = parts.path.strip("/")
        if parts.scheme not in ("kafka", "kafkas") or not hosts or not topic or "/" in topic:
            raise ValueError(_FORM)
        options = dict(parse_qsl(parts.query))
        if unknown := options.keys() - {"sasl", "ca"}:
            raise ValueError(f"{_FORM}; {', '.join(sorted(unknown))} is no option of it")
        mechanism = options.get("sasl", _MECHANISMS[-1] if account else "").upper()
        if mechanism and mechanism not in _MECHANISMS:
            raise ValueError(f"sasl={mechanism} is none of {', '.join(_MECHANISMS)}")
        username, _, password = account.partition(":")
        return cls(
            ",".join(host if ":" in host else f"{host}:{_PORT}" for host in hosts.split(",")),
            topic,
            unquote(username) or None,
            unquote(password) or None,
            mechanism,
            parts.scheme == "kafkas",
            options.get("ca", ""),
        )

    def client_settings(self) -> dict[str, str]:
        """Return the servers and the account in the words of librdkafka."""
        told = {"bootstrap.servers": self.servers}
        protocol = "ssl" if self.tls else "plaintext"
        if self.ca:
            told["ssl.ca.location"] = self.ca
        if self.username:
            protocol = f"sasl_{protocol}"
            told |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password or "",
            }
        return {**told, "security.protocol": protocol}
