"""The settings of every process: read once, checked, and handed on as a value.

The environment (`CALLOUT_...`) comes first, then the folder of secrets, then the settings file, then the defaults.

Empty means "bring it along": without `database_url` or `broker_url`, `callout up` starts its own PostgreSQL and
broker in the data folder and hands their addresses on to the processes that it starts.
"""

import os
import ssl
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.errors import SettingsError
from gateway.kafka_address import KafkaAddress
from gateway.settings_sources import (
    ENVIRONMENT_PREFIX,
    SECRETS_DIR,
    SETTINGS_FILE,
    origin,
    read_file,
    read_secrets,
    unknown_variables,
    variable,
)

CHECKOUT: Final = Path(__file__).resolve().parents[1]

_MQTT_PORT: Final = 1883
_MQTTS_PORT: Final = 8883
_SMTP_PORT: Final = 25
_SHORTEST_SECRET: Final = 32
_SHORTEST_KEEP_DAYS: Final = 14
# The partitions are 64, and ranges of one size.
DIVISIONS: Final = (1, 2, 4, 8, 16, 32, 64)


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


ServerUrl = Annotated[str, AfterValidator(_checked_server_url)]
SourceUrl = Annotated[str, AfterValidator(_checked_source_url)]
DatabaseUrl = Annotated[str, AfterValidator(_checked_database_url)]


def _checked_ranges(ranges: int) -> int:
    if ranges not in DIVISIONS:
        message = f"{ranges} ranges cannot be of one size; expected one of {', '.join(map(str, DIVISIONS))}"
        raise ValueError(message)
    return ranges


Port = Annotated[int, Field(ge=1, le=65535)]
OptionalPort = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    """What a process of Callout has to be told; each field is set by ``CALLOUT_<NAME>``."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="ignore", validate_default=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(CHECKOUT / ".callout", description="Folder of the embedded parts, their logs and secrets.")
    database_url: DatabaseUrl = Field("", repr=False, description="PostgreSQL to use; empty: the embedded one.")
    database_ingest_password: SecretStr = Field(
        SecretStr(""), description="Password that `migrate` lets the role callout_ingest log in with; empty: none."
    )
    database_work_password: SecretStr = Field(SecretStr(""), description="The same for callout_work.")
    database_serve_password: SecretStr = Field(SecretStr(""), description="The same for callout_serve.")
    broker_url: ServerUrl = Field(
        "", repr=False, description="MQTT broker and the account of our services; empty: the embedded."
    )
    source_url: SourceUrl = Field(
        "", repr=False, description="Where ingest receives from: kafka[s]://...; empty: the MQTT broker."
    )
    device_broker_url: ServerUrl = Field(
        "", repr=False, description="Broker as devices reach it; empty: the same as broker_url."
    )
    broker_ca_file: Annotated[Path | None, AfterValidator(_checked_ca_file)] = Field(
        None, description="Certificates of the authority that signed the broker's, in PEM; unset: those of the system."
    )
    broker_accounts_file: Path | None = Field(
        None, description="Password file that the broker reads, where Callout keeps it; unset: the embedded broker's."
    )
    certificate_broker_url: ServerUrl = Field(
        "", description="Broker as devices with a certificate reach it, mqtts://; empty: the embedded one."
    )
    authority_dir: Path | None = Field(
        None, description="Folder of the certificate authority; unset: authority in the data folder."
    )
    certificate_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        365, description="For how many days a device's certificate is good."
    )
    ingest_password: SecretStr = Field(
        SecretStr(""), description="Password of callout-ingest in that file; empty: the one in broker_url."
    )
    desk_password: SecretStr = Field(
        SecretStr(""), description="Password of callout-desk in that file; empty: the one in broker_url."
    )
    smtp_url: ServerUrl = Field(
        "", repr=False, description="Mail server, smtp://[user:password@]host:port; empty: no e-mail."
    )
    mail_from: str = Field("Callout <service@callout.example>", description="Sender of e-mails to owners.")
    public_url: str = Field("", description="Where people reach the pages, for links in messages; empty: http_host.")
    trusted_proxies: Annotated[str, AfterValidator(_checked_addresses)] = Field(
        "127.0.0.1",
        description="Addresses or networks of reverse proxies whose word on the caller's address counts; with commas.",
    )
    http_host: str = Field("127.0.0.1", description="Address that `serve` listens on.")
    http_port: Port = Field(8080, description="Port that `serve` listens on.")
    secret: Annotated[SecretStr, AfterValidator(_checked_secret)] = Field(
        SecretStr(""), description="Key that signs links and sessions, 32 characters or more."
    )
    api_token: SecretStr = Field(SecretStr(""), description="Bearer token of the HTTP API for enrolment.")
    payment_key: SecretStr = Field(
        SecretStr(""), description="Secret key at the payment provider; empty: deposits are agreed with a person."
    )
    payment_url: Annotated[str, AfterValidator(_checked_payment_url)] = Field(
        "https://api.stripe.com", description="The payment provider's interface, in the form of Stripe's."
    )
    payment_webhook_secret: SecretStr = Field(
        SecretStr(""), description="Secret that the payment provider signs its messages with; empty: none is taken."
    )
    supplier_secrets: SecretStr = Field(
        SecretStr(""),
        description="Secrets shared with suppliers of parts, tenant/supplier=whsec_..., with commas; empty: none is asked.",
    )
    broker_queue_messages: Annotated[int, Field(ge=1000)] = Field(
        500_000, description="How many messages the broker keeps for ingest; the embedded one is told so."
    )
    broker_queue_bytes: Annotated[int, Field(ge=1_000_000)] = Field(
        536_870_912, description="How many bytes of messages the broker keeps for ingest; likewise."
    )
    metrics_host: str = Field("127.0.0.1", description="Where ingest and work show health and figures.")
    ingest_metrics_port: OptionalPort = Field(0, description="On which port ingest does; 0: nowhere.")
    work_metrics_port: OptionalPort = Field(0, description="On which port work does; 0: nowhere.")
    ingest_workers: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="How many ingest processes `up` starts; one for each processor at most."
    )
    ingest_ranges: Annotated[int, AfterValidator(_checked_ranges)] = Field(
        1,
        description="Into how many ranges ingest divides the 64 partitions: 1, 2, 4, ... 64; no fewer than ingest_workers.",
    )
    gap_patience_s: float = Field(
        20.0,
        gt=0,
        description="Seconds that missing messages may take to come by themselves before they are asked for.",
    )
    keep_readings_days: Annotated[int, AfterValidator(_checked_keep_days)] = Field(
        400, description="Days that readings are kept for, hours and evidence for longer; 14 or more, or 0: for ever."
    )
    replan_routes: bool = Field(
        False, description="Whether each centre's next day is planned anew in the evening; needs the extra `routes`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much the processes say.")
    settings_file: Path | None = Field(None, description="TOML file with settings; the environment counts before it.")
    secrets_dir: Path | None = Field(
        None, description="Folder with a file callout_<name> for each secret; it counts before the settings file."
    )

    @property
    def ranges(self) -> int:
        """Into how many ranges the partitions are divided: as many as are set, and one for each worker at least."""
        return next(each for each in DIVISIONS if each >= max(self.ingest_ranges, self.ingest_workers))

    @property
    def base_url(self) -> str:
        """Where people reach the pages, without a slash at the end."""
        return (self.public_url or f"http://{self.http_host}:{self.http_port}").rstrip("/")

    @property
    def role_passwords(self) -> dict[str, str]:
        """Passwords of the database's roles that are to log in by themselves, by name."""
        words = {
            "callout_ingest": self.database_ingest_password,
            "callout_work": self.database_work_password,
            "callout_serve": self.database_serve_password,
        }
        return {role: word.get_secret_value() for role, word in words.items() if word.get_secret_value()}

    @property
    def authority_folder(self) -> Path:
        """Where the certificate authority is."""
        return (self.authority_dir or self.data_dir / "authority").expanduser().absolute()

    @property
    def broker(self) -> ServerAddress:
        """The broker and our services' account.

        Raises
        ------
        SettingsError
            No broker is set.
        """
        return self._trusting(self.required("broker_url"))

    @property
    def device_broker(self) -> ServerAddress:
        """The broker as devices reach it; the account in it is not theirs.

        Raises
        ------
        SettingsError
            No broker is set.
        """
        return self._trusting(self.device_broker_url or self.required("broker_url"))

    def _trusting(self, broker_url: str) -> ServerAddress:
        ca_file = None if self.broker_ca_file is None else str(self.broker_ca_file)
        return replace(ServerAddress.parse(broker_url), ca_file=ca_file)

    def required(self, name: Literal["database_url", "broker_url", "smtp_url", "secret", "api_token"]) -> str:
        """Return a setting that this process cannot do without.

        Raises
        ------
        SettingsError
            The setting is empty.
        """
        value: str | SecretStr = getattr(self, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not text:
            message = (
                f"the setting {name} is empty. Set {ENVIRONMENT_PREFIX}{name.upper()}, or start `callout up` in another "
                f"terminal: nothing of the kind runs on the data folder {self.data_dir}."
            )
            raise SettingsError(message)
        return text


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that make a child process read just these settings."""
    variables: dict[str, str] = {}
    for name in Settings.model_fields:
        value: object = getattr(settings, name)
        shown = value.get_secret_value() if isinstance(value, SecretStr) else value
        # An empty variable would be read as a path, not as an unset one.
        if shown is not None:
            variables[f"{ENVIRONMENT_PREFIX}{name.upper()}"] = str(shown)
    return variables


def load_settings() -> Settings:
    """Read the settings from the environment, and from the places that it names.

    Raises
    ------
    SettingsError
        A value cannot be used, or a name is no setting; the message names each one, where it stands, and what was
        expected.
    """
    known = Settings.model_fields
    present = {name.upper() for name in os.environ}
    problems = unknown_variables(os.environ, known)
    named = {name: _place(name) for name in (SECRETS_DIR, SETTINGS_FILE)}
    readers = {SECRETS_DIR: read_secrets, SETTINGS_FILE: read_file}
    places = {str(path): readers[name](path, known) for name, path in named.items() if path is not None}
    given = {name: value for place in reversed(places.values()) for name, value in place.items()}
    try:
        settings = Settings(**{name: value for name, value in given.items() if variable(name) not in present})  # pyright: ignore[reportArgumentType]  # the model checks them
    except ValidationError as error:
        problems += [
            f"{origin(str(problem['loc'][0]), present, places)}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        settings = None
    if problems or settings is None:
        message = f"settings cannot be used: {'; '.join(problems)}. Correct or unset them and start again."
        raise SettingsError(message)
    return settings.model_copy(update={"data_dir": settings.data_dir.expanduser().absolute(), **named})


def _place(name: str) -> Path | None:
    """Return the absolute path in a variable; None for one that is empty or not there."""
    place = os.environ.get(variable(name), "")
    return Path(place).expanduser().absolute() if place else None
