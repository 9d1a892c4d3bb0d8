"""The fall-back broker: enough of MQTT 5 to see Callout work where no mosquitto can be had."""

from gateway.embedded.folder import DataFolder
from gateway.embedded.plain_broker import PlainBroker
from gateway.settings import ServerAddress
from tests.conftest import free_port
from tests.gateway.embedded.test_broker import DEVICE, connected


def test_what_a_device_says_reaches_a_receiver_also_while_that_one_is_away(data_folder: DataFolder) -> None:
    with PlainBroker(data_folder, free_port()) as server:
        receiver = ServerAddress.parse(server.service_url("callout-ingest"))
        device = ServerAddress("127.0.0.1", server.port, DEVICE, "any", tls=False)
        with connected(receiver, "receiver", session_s=3600) as ingest, connected(device, "device") as vehicle:
            ingest.subscribe("callout/v1/7/+/+/telemetry")
            vehicle.publish(f"callout/v1/{DEVICE}/telemetry")
            assert ingest.topics(0.5) == [f"callout/v1/{DEVICE}/telemetry"]
        with connected(device, "device") as vehicle:
            for _ in range(10):
                vehicle.publish(f"callout/v1/{DEVICE}/telemetry")
        with connected(receiver, "receiver", session_s=3600) as ingest:
            assert len(ingest.topics(1.0)) == 10
