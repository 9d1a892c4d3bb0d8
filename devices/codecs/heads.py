"""Heads: the boot and seq that a message says which was refused as a whole, where they can be relied on.

Its decoder has refused it, for its values, its form, its size, or because nobody can store it. Sent again it would be
refused again, so its numbers are not missing. Only our own form has numbers, and only text that is whole is believed:
what was cut or garbled may have been so on its way out of the device, and what the device keeps may be sound.
"""

import json
from typing import Final, NamedTuple

import msgspec

from devices.codecs.own_json import MAX_BYTES, MAX_COUNT

_OWN_SCHEMA: Final = "callout."


class Head(NamedTuple):
    """The numbers of a message: its boot, and its seq in that."""

    boot: int
    seq: int


class _Head(msgspec.Struct):
    schema: str
    boot: int
    seq: int


_read = msgspec.json.Decoder(_Head).decode


def read_head(payload: bytes) -> Head | None:
    """Return the numbers of a refused message, or None where it has none or they are not to be relied on; never raises.

    >>> read_head(b'{"schema": "callout.telemetry/9", "boot": 3, "seq": 7, "samples": "none"}')
    Head(boot=3, seq=7)
    >>> read_head(b'{"schema": "callout.telemetry/1", "boot": 3, "seq": 7, "samples": [{"at"') is None
    True
    """
    try:
        head = _read(payload)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        head = _read_leniently(payload)
    if head is None or not head.schema.startswith(_OWN_SCHEMA):
        return None
    return Head(head.boot, head.seq) if 0 <= head.boot <= MAX_COUNT and 0 <= head.seq <= MAX_COUNT else None


def _read_leniently(payload: bytes) -> _Head | None:
    """Read text that is whole, but for NaN and infinities in it: the commonest of all mistakes."""
    if len(payload) > MAX_BYTES:
        return None
    try:
        return msgspec.convert(json.loads(payload), _Head)
    except (ValueError, RecursionError):
        return None
