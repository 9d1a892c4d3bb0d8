"""What foreign payload forms share: an identity for messages that bring none, and numbers made fit for our signals.

Foreign messages have no boot and no seq. Their boot is `UNNUMBERED`, which our own form cannot say, so that they are
never taken for a gap in a numbering; their seq is a fingerprint of all their bytes. The key of a reading being device,
claimed time, boot, seq and sample, a message that is published twice is stored once, as long as it says its own time.
One that has no time is given the time of its receipt; published twice, it is two readings, for nothing tells them apart.
"""

import hashlib
from decimal import Decimal
from fractions import Fraction
from typing import Final

from devices.codecs.own_json import MAX_BYTES, read_value
from devices.codecs.units import UnitError, convert
from devices.readings import Refusal, Value
from devices.signals import Kind, Signal

UNNUMBERED: Final = -1
_LARGEST_POWER: Final = 38
_LARGEST_BITS: Final = 128


def fingerprint(payload: bytes) -> int:
    """Return 63 bits of the SHA-256 of a payload, the seq of messages that have none.

    >>> fingerprint(b"[]")
    2858069222894195974
    """
    return int.from_bytes(hashlib.sha256(payload).digest()[:8], "big") >> 1


def oversized(payload: bytes) -> Refusal | None:
    """Return the refusal of a payload that is too long to be read, or None."""
    if len(payload) <= MAX_BYTES:
        return None
    return Refusal("oversized", f"{len(payload)} bytes; at most {MAX_BYTES} are read: send fewer records a message")


def sane(raw: object) -> bool:
    """Tell whether something is a number that can be computed with: finite and below 10^38 in magnitude."""
    if type(raw) is int:
        return raw.bit_length() <= _LARGEST_BITS
    return isinstance(raw, Decimal) and raw.is_finite() and abs(raw.adjusted()) <= _LARGEST_POWER


def value_of(raw: object, unit: str, signal: Signal, place: str, refusals: list[Refusal]) -> Value:
    """Return a raw value as its signal's, or None with a refusal.

    Numbers are converted from `unit`. A counter or level counts whole steps of its resolution: what is finer is cut
    off, as the display of a register does.
    """
    if type(raw) is int or isinstance(raw, Decimal):
        if not sane(raw):
            refusals.append(Refusal("wrong_type", "a number beyond 10^38 in magnitude is no measurement", place))
            return None
        try:
            number = convert(raw, unit, signal.unit)
        except UnitError as error:
            refusals.append(Refusal(error.reason, f"{signal.name}: {error}", place))
            return None
        return read_value(_as_json(number, signal), signal, place, refusals)
    if unit and unit != signal.unit:
        refusals.append(Refusal("wrong_unit", f"{signal.name}: {raw!r:.60} is no number and has no unit", place))
        return None
    return read_value(raw, signal, place, refusals)


def _as_json(number: Fraction, signal: Signal) -> int | float:
    return number.numerator // number.denominator if signal.kind in {Kind.COUNTER, Kind.LEVEL} else float(number)
