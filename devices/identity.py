"""Identities, partitions and topics: how a device is named at the door.

The MQTT user name is ``{partition}/{tenant}/{device}`` and every topic of a device begins with
``callout/v1/{partition}/{tenant}/{device}/``, so that one broker rule binds all three.
"""

import re
import zlib
from dataclasses import dataclass
from typing import Final

PARTITIONS: Final = 64
EVERY_PARTITION: Final = range(PARTITIONS)
ROOT: Final = "callout/v1"
CHANNELS: Final = ("telemetry", "event", "state", "command", "answer")

# One way to write each: "07" would be another topic with rights of its own.
_PARTITION_NAMED: Final = {str(partition): partition for partition in range(PARTITIONS)}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class IdentityError(ValueError):
    """A name that cannot be part of a topic, or a topic that is not one of ours."""


def checked_name(name: str, what: str) -> str:
    """Return `name` when it can be part of a topic.

    Raises
    ------
    IdentityError
        When it is empty, longer than 64 characters, or has other characters than letters, digits, dot, dash and
        underscore (so ``+``, ``#``, ``/`` and control characters are refused).

    Examples
    --------
    >>> checked_name("ev-0001", "device")
    'ev-0001'
    >>> checked_name("a/b", "device")
    Traceback (most recent call last):
    devices.identity.IdentityError: device 'a/b' is not a usable name: use 1 to 64 letters, digits, '.', '-' or '_'
    """
    if _NAME.fullmatch(name) is None:
        raise IdentityError(f"{what} {name!r} is not a usable name: use 1 to 64 letters, digits, '.', '-' or '_'")
    return name


def partition_of(tenant: str, device: str) -> int:
    """Return the partition that a new device gets, 0 to 63.

    It is computed once, at enrolment, and stored; it never depends on the number of workers.

    >>> partition_of("hanbit", "ev-0001")
    38
    """
    return zlib.crc32(f"{tenant}/{device}".encode()) % PARTITIONS


@dataclass(frozen=True, slots=True)
class Identity:
    """A device's place at the door."""

    partition: int
    tenant: str
    device: str

    @property
    def username(self) -> str:
        """The MQTT user name."""
        return f"{self.partition}/{self.tenant}/{self.device}"

    def topic(self, channel: str) -> str:
        """Return the topic of one channel, such as "telemetry"."""
        return f"{ROOT}/{self.username}/{channel}"

    def topics(self) -> dict[str, str]:
        """Return all topics by channel."""
        return {channel: self.topic(channel) for channel in CHANNELS}


def parse_topic(topic: str) -> tuple[Identity, str]:
    """Read a topic back into the device's identity and the channel.

    Raises
    ------
    IdentityError
        When it is not of the form ``callout/v1/{0..63}/{tenant}/{device}/{channel}``.

    >>> parse_topic("callout/v1/7/hanbit/ev-0001/event")
    (Identity(partition=7, tenant='hanbit', device='ev-0001'), 'event')
    """
    parts = topic.split("/")
    if len(parts) != 6 or f"{parts[0]}/{parts[1]}" != ROOT or parts[5] not in CHANNELS:
        raise IdentityError(f"topic {topic!r} is not of the form {ROOT}/PARTITION/TENANT/DEVICE/CHANNEL")
    if (partition := _PARTITION_NAMED.get(parts[2])) is None:
        raise IdentityError(f"topic {topic!r} names partition {parts[2]!r}, which is not 0 to {PARTITIONS - 1}")
    return Identity(partition, checked_name(parts[3], "tenant"), checked_name(parts[4], "device")), parts[5]
