"""The broker outlives a test, and would keep for its sessions what the next one sends: they are ended."""

import time

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.ingest.mqtt import client_id
from gateway.ingest.shares import division
from tests.conftest import BrokerForTests

_PATIENCE_S = 60.0


def forget_sessions(broker: BrokerForTests) -> None:
    """End the sessions of all ranges that tests divide into."""
    for partitions in (*division(1), *division(2), *division(4)):
        client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id(partitions), protocol=MQTTProtocolVersion.MQTTv5
        )
        client.username_pw_set(broker.ingest.username, broker.ingest.password)
        client.connect(broker.host, broker.ingest.port, clean_start=True)
        client.loop_start()
        until_s = time.monotonic() + _PATIENCE_S
        while not client.is_connected():
            assert time.monotonic() < until_s, "the broker does not let ingest in"
            time.sleep(0.05)
        client.disconnect()
        client.loop_stop()
