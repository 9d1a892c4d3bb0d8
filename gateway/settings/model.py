"""All settings by name, with their defaults and what they mean; what several of them say together is a property."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.errors import SettingsError
from gateway.kafka_address import KafkaAddress
from gateway.settings.addresses import ServerAddress
from gateway.settings.checks import (
    DIVISIONS,
    CaFile,
    DatabaseUrl,
    KeepDays,
    Networks,
    OptionalPort,
    PaymentUrl,
    Port,
    Ranges,
    ServerUrl,
    SigningSecret,
    SourceUrl,
)
from gateway.settings.sources import ENVIRONMENT_PREFIX

CHECKOUT: Final = Path(__file__).resolve().parents[2]


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
    source_password: SecretStr = Field(
        SecretStr(""), description="Password of the account in source_url, where it is not to stand in it."
    )
    device_broker_url: ServerUrl = Field(
        "", repr=False, description="Broker as devices reach it; empty: the same as broker_url."
    )
    broker_ca_file: CaFile = Field(
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
    trusted_proxies: Networks = Field(
        "127.0.0.1",
        description="Addresses or networks of reverse proxies whose word on the caller's address counts; with commas.",
    )
    http_host: str = Field("127.0.0.1", description="Address that `serve` listens on.")
    http_port: Port = Field(8080, description="Port that `serve` listens on.")
    secret: SigningSecret = Field(
        SecretStr(""), description="Key that signs links and sessions, 32 characters or more."
    )
    api_token: SecretStr = Field(SecretStr(""), description="Bearer token of the HTTP API for enrolment.")
    payment_key: SecretStr = Field(
        SecretStr(""), description="Secret key at the payment provider; empty: deposits are agreed with a person."
    )
    payment_url: PaymentUrl = Field(
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
    ingest_ranges: Ranges = Field(
        1,
        description="Into how many ranges ingest divides the 64 partitions: 1, 2, 4, ... 64; no fewer than ingest_workers.",
    )
    gap_patience_s: float = Field(
        20.0,
        gt=0,
        description="Seconds that missing messages may take to come by themselves before they are asked for.",
    )
    keep_readings_days: KeepDays = Field(
        400, description="Days that readings are kept for, evidence for longer; 14 or more, or 0: for ever."
    )
    keep_hours_days: Annotated[int, Field(ge=0)] = Field(
        1830, description="Days that hours are kept for, never fewer than readings; evidence for longer; 0: for ever."
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
    def source(self) -> KafkaAddress:
        """The topic that ingest receives from, and our account; `source_url` must be set."""
        address = KafkaAddress.parse(self.source_url)
        return replace(address, password=self.source_password.get_secret_value() or address.password)

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
