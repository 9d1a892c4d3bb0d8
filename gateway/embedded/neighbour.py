"""The settings of a command that is called beside a running household: what the environment leaves open, it knows.

So `callout enrol` in a second terminal reaches the embedded database without being told its port and password.
"""

from pydantic import SecretStr

from gateway.admission.broker_accounts import DESK_USER
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import DataFolder
from gateway.embedded.ports import LOOPBACK
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.settings import Settings


def fill_in(settings: Settings) -> Settings:
    """Return the settings with what the household of the same data folder has chosen at its first start.

    What the environment says stays; without a household everything does.
    """
    folder = DataFolder(settings.data_dir)
    ports = folder.remembered_ports()
    found: dict[str, object] = {}
    if not settings.database_url and "postgres" in ports:
        found["database_url"] = EmbeddedPostgres(folder, ports["postgres"]).dsn
    if not settings.broker_url and "broker for services" in ports:
        broker = EmbeddedBroker(folder, ports["broker"], ports["broker for services"])
        found["broker_url"] = broker.service_url(DESK_USER)
        if "broker for certificates" in ports and not settings.certificate_broker_url:
            found["certificate_broker_url"] = f"mqtts://{LOOPBACK}:{ports['broker for certificates']}"
        found["device_broker_url"] = settings.device_broker_url or broker.device_url
    if "http_port" not in settings.model_fields_set and "http" in ports:
        found["http_port"] = ports["http"]
    for name in ("ingest", "work"):
        if not getattr(settings, f"{name}_metrics_port") and f"{name} metrics" in ports:
            found[f"{name}_metrics_port"] = ports[f"{name} metrics"]
    if ports:
        found["secret"] = SecretStr(settings.secret.get_secret_value() or folder.secret("signing"))
        found["api_token"] = SecretStr(settings.api_token.get_secret_value() or folder.secret("api-token"))
    return settings.model_copy(update=found)
