"""What foreign payload forms share: an identity for messages that bring none, and numbers made fit for our signals.

Foreign messages have no boot and no seq. Their boot is `UNNUMBERED`, which our own form cannot say, so that they are
never taken for a gap in a numbering; their seq is a fingerprint of all their bytes. The key of a reading being device,
claimed time, boot, seq and sample, a message that is published twice is stored once, as long as it says its own time.
One that has no time is given the time of its receipt; published twice, it is two readings, for nothing tells them apart.
"""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from devices.codecs.own_json import MAX_BYTES, read_value
from devices.codecs.units import UnitError, convert
from devices.readings import Refusal, Value
from devices.signals import Kind, Signal

UNNUMBERED: Final = -1
_LARGEST_POWER: Final = 38
_LARGEST_BITS: Final = 128
# The last group of an OBIS code is a billing period; 255 is the present one.
_ANY_TIME: Final = "*255"


class Place(NamedTuple):
    """What a code of a standard stands for: a signal, or one element of a vector, counted from 0."""

    signal: Signal
    element: int | None


def by_code(signals: Mapping[str, Signal]) -> dict[str, Place]:
    """Return what each code in the signals' `standard` stands for, OBIS codes without ``*255``.

    A vector whose standard lists several codes has one for each of its elements, in their order.
    """
    found: dict[str, Place] = {}
    for signal in signals.values():
        codes = [code.removesuffix(_ANY_TIME) for code in signal.standard.split(", ") if code]
        is_listed = signal.kind is Kind.VECTOR and len(codes) > 1
        found |= {code: Place(signal, index if is_listed else None) for index, code in enumerate(codes)}
    return found


def element_of(signal: Signal) -> Signal:
    """Return the signal that one element of a vector is."""
    return Signal(signal.name, signal.title, signal.unit, Kind.SCALAR, signal.plausible, signal.no_value)


def with_element(vector: Value, index: int, value: Value) -> Value:
    """Return a vector with one of its elements set; those before it that are not known yet have no value.

    >>> with_element(None, 1, 230.5)
    [None, 230.5]
    """
    known = [each if isinstance(each, int | float) else None for each in vector] if isinstance(vector, list) else []
    element = value if isinstance(value, int | float) else None
    return [*known[:index], *[None] * (index - len(known)), element, *known[index + 1 :]]


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
