"""Kinds of values that settings have, each with its check: what cannot be used is told before anything is started."""

import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from gateway.kafka_address import KafkaAddress
from gateway.settings.addresses import ServerAddress

_SHORTEST_SECRET: Final = 32
_SHORTEST_KEEP_DAYS: Final = 14
# The partitions are 64, and ranges of one size.
DIVISIONS: Final = (1, 2, 4, 8, 16, 32, 64)


def _checked_server_url(url: str) -> str:
    if url:
        ServerAddress.parse(url)
    return url


def _checked_source_url(url: str) -> str:
    if url:
        KafkaAddress.parse(url)
    return url


def _checked_payment_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        message = "expected https://host: a secret key goes there"
        raise ValueError(message)
    return url


def _checked_database_url(url: str) -> str:
    if url and not url.startswith(("postgresql://", "postgres://")) and "=" not in url:
        message = "expected postgresql://user:password@host:port/database"
        raise ValueError(message)
    return url


def _checked_ca_file(path: Path | None) -> Path | None:
    if path is not None:
        try:
            ssl.create_default_context(cafile=path.expanduser())
        except OSError as error:
            message = f"{path} is no file with certificates in PEM ({error.strerror or error})"
            raise ValueError(message) from error
        return path.expanduser().absolute()
    return None


def _checked_secret(secret: SecretStr) -> SecretStr:
    length = len(secret.get_secret_value())
    if 0 < length < _SHORTEST_SECRET:
        message = f"it has {length} characters; a key that signs links needs {_SHORTEST_SECRET} or more"
        raise ValueError(message)
    return secret


def _checked_keep_days(days: int) -> int:
    if days != 0 and days < _SHORTEST_KEEP_DAYS:
        message = f"{days} days; detectors need {_SHORTEST_KEEP_DAYS} or more to take late readings in, and 0 keeps them for ever"
        raise ValueError(message)
    return days


def _checked_addresses(addresses: str) -> str:
    for address in addresses.split(","):
        # Raises a ValueError that names the address.
        ip_network(address.strip())
    return addresses


def _checked_ranges(ranges: int) -> int:
    if ranges not in DIVISIONS:
        message = f"{ranges} ranges cannot be of one size; expected one of {', '.join(map(str, DIVISIONS))}"
        raise ValueError(message)
    return ranges


CaFile = Annotated[Path | None, AfterValidator(_checked_ca_file)]
Networks = Annotated[str, AfterValidator(_checked_addresses)]
SigningSecret = Annotated[SecretStr, AfterValidator(_checked_secret)]
PaymentUrl = Annotated[str, AfterValidator(_checked_payment_url)]
Ranges = Annotated[int, AfterValidator(_checked_ranges)]
KeepDays = Annotated[int, AfterValidator(_checked_keep_days)]
ServerUrl = Annotated[str, AfterValidator(_checked_server_url)]
SourceUrl = Annotated[str, AfterValidator(_checked_source_url)]
DatabaseUrl = Annotated[str, AfterValidator(_checked_database_url)]
Port = Annotated[int, Field(ge=1, le=65535)]
OptionalPort = Annotated[int, Field(ge=0, le=65535)]
