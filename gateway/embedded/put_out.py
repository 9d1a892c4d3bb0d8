"""Makes a broker drop the connections of devices: by coming in under their client ids, which are their user names.

A broker reads its revocation list when a connection is made, and no broker looks at it again while one lasts. That a
second connection under a client id ends the first is a promise of MQTT itself, so this works with any broker.
"""

import time
from collections.abc import Iterable
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.errors import CalloutError
from gateway.settings import ServerAddress

_ANSWER_S: Final = 5.0
_KEEPALIVE_S: Final = 10


def put_out(address: ServerAddress, usernames: Iterable[str]) -> None:
    """Drop the connections and sessions of these devices; nothing happens where there is none.

    Parameters
    ----------
    address
        The services' door of the broker, with an account of ours.
    usernames
        ``{partition}/{tenant}/{device}`` each.

    Raises
    ------
    CalloutError
        The broker does not answer, or refuses us.
    """
    for username in usernames:
        try:
            _take_over(address, username)
        except OSError as error:
            message = (
                f"{username} could not be put out: the broker at {address.host}:{address.port} does not answer ({error}). "
                "It is tried again by itself."
            )
            raise CalloutError(message) from error


def _take_over(address: ServerAddress, username: str) -> None:
    answers: list[ReasonCode] = []

    def connected(
        _client: Client, _userdata: Any, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        answers.append(code)

    client = Client(CallbackAPIVersion.VERSION2, client_id=username, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect_timeout = _ANSWER_S
    client.username_pw_set(address.username, address.password)
    if address.tls:
        client.tls_set(ca_certs=address.ca_file)  # pyright: ignore[reportUnknownMemberType]  # half typed by the library
    client.on_connect = connected
    client.connect(address.host, address.port, _KEEPALIVE_S, clean_start=True)
    until_s = time.monotonic() + _ANSWER_S
    code = MQTTErrorCode.MQTT_ERR_SUCCESS
    while not answers and code == MQTTErrorCode.MQTT_ERR_SUCCESS and time.monotonic() < until_s:
        code = client.loop(0.5)
    client.disconnect()
    # Lets the farewell out.
    client.loop(0.0)
    if not answers:
        raise TimeoutError(f"no answer within {_ANSWER_S:.0f} s")
    if answers[0].is_failure:
        raise ConnectionRefusedError(f"it refuses {address.username}: {answers[0]}")
