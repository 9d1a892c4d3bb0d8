"""The MQTT client of ingest by paho's public methods alone: each message is read and acknowledged by itself.

It is what ingest falls back on when paho is not the version that `fast_client` knows. It knows no worker and no topic.
"""

import contextlib
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from gateway.ingest.frames import NO_RECEIPT
from gateway.ingest.inbox import Inbox
from gateway.ingest.source import Message

_log = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S: Final = 10.0
_PAUSE_S: Final = 1.0
# Commands and keepalive are written between two looks.
LOOK_AGAIN_S: Final = 0.5


class PlainClient(Client):
    """A client that hands over what is published, and acknowledges it when it is told to.

    Parameters
    ----------
    name : str
        The client id, and so the session.
    inbox : Inbox
        Where what is published is put, by the thread that reads; it reads only while there is room.
    """

    def __init__(self, name: str, inbox: Inbox) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        # A broker behind a filter that swallows what is sent would hold us as long as the system likes.
        self.connect_timeout = _CONNECT_TIMEOUT_S
        self._inbox = inbox
        self.on_message = self._on_single_message

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Acknowledge messages of QoS 1 by their ids, in the order in which they came."""
        for mid in mids:
            self.ack(mid, 1)

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """Read and write until the client is told to stop; bytes that cannot be read end a connection, never the thread."""
        while True:
            try:
                return super().loop_forever(timeout, retry_first_connection)
            except Exception:  # noqa: BLE001  # paho raises whatever its parts raise over bytes that are no MQTT
                _log.exception("what the broker sent cannot be read: the connection is made anew")
                time.sleep(_PAUSE_S)
                # One that fails is tried again by the loop itself.
                with contextlib.suppress(OSError):
                    self.reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read when there is room; else the network, and then the broker, keep what comes."""
        if not self._inbox.has_room(LOOK_AGAIN_S):
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super().loop_read(max_packets)

    def _on_single_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        receipt = (self._inbox.generation, message.mid) if message.qos == 1 else NO_RECEIPT
        at = datetime.now(UTC)
        self._inbox.take([Message(_topic(message), bytes(message.payload), at, receipt, message.dup, message.retain)])


def _topic(message: MQTTMessage) -> str:
    try:
        return message.topic
    except UnicodeDecodeError as error:
        # What is no UTF-8 is no topic of a device either, and is refused as such further on.
        return error.object.decode(errors="replace")
