"""Our own JSON read by types that are made from the declared signals: what is as it should be, in one step.

A message that these types do not accept is not refused here: `own_json` reads it again, slowly, and says what is wrong
with which of its values. So both have to mean the same by what they accept, and tests hold them to that.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta

from devices.codecs.own_json import MAX_BYTES, MAX_COUNT, MAX_LEVEL, MAX_SAMPLES, MAX_SINGLE
from devices.readings import Value
from devices.signals import Kind, Signal

_Scalar = Annotated[float, Meta(gt=-MAX_SINGLE, lt=MAX_SINGLE)]
_KINDS: Final[Mapping[Kind, Any]] = {
    Kind.SCALAR: _Scalar,
    Kind.COUNTER: Annotated[int, Meta(ge=-MAX_COUNT, le=MAX_COUNT)],
    Kind.LEVEL: Annotated[int, Meta(ge=-MAX_LEVEL, le=MAX_LEVEL)],
    Kind.FLAG: bool,
}
_Number = Annotated[int, Meta(ge=0, le=MAX_COUNT)]


class Telemetry(msgspec.Struct):
    """A message as it came: each sample has `at`, then a field for each signal in the order of declaration."""

    schema: Literal["callout.telemetry/1"]
    boot: _Number
    seq: _Number
    samples: Sequence[Any]
    backfill: bool = False


Read = Callable[[bytes], Telemetry | None]


def names(signals: Mapping[str, Signal]) -> list[str]:
    """Return the signals that are read here, in the order of their fields."""
    return [name for name, signal in signals.items() if signal.kind is not Kind.CODES]


def reader(signals: Mapping[str, Signal]) -> Read:
    """Return the function that reads a product type's telemetry.

    Parameters
    ----------
    signals : mapping of str to Signal
        Declared signals by JSON name. Trouble codes are not read here: a message that holds some is left to `own_json`.

    Returns
    -------
    callable
        ``payload -> Telemetry``, or None for all that is not just as it should be.

    Examples
    --------
    >>> read = reader({"soc_pct": Signal("soc_pct", "Charge", "%", Kind.SCALAR, (0, 100))})
    >>> head = b'{"schema": "callout.telemetry/1", "boot": 1, "seq": 7, "samples": '
    >>> message = read(head + b'[{"at": "2026-01-31T12:00:00Z", "soc_pct": 61}]}')
    >>> values(message.samples[0])
    (datetime.datetime(2026, 1, 31, 12, 0, tzinfo=datetime.timezone.utc), 61.0)
    >>> read(head + b'[{"at": "2026-01-31T12:00:00Z", "soc_pct": "61"}]}') is None
    True
    """
    fields = [("at", Annotated[datetime, Meta(tz=True)])]
    fields += [(name, _type(signals[name]) | None, None) for name in names(signals)]
    sample = msgspec.defstruct("Sample", fields, forbid_unknown_fields=True, gc=False)
    message = msgspec.defstruct(
        "Message",
        [("samples", Annotated[list[sample], Meta(min_length=1, max_length=MAX_SAMPLES)])],
        bases=(Telemetry,),
        kw_only=True,
        gc=False,
    )
    decode = msgspec.json.Decoder(message).decode

    def read(payload: bytes) -> Telemetry | None:
        if len(payload) > MAX_BYTES:
            return None
        try:
            return cast("Telemetry", decode(payload))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    return read


def _type(signal: Signal) -> Any:
    if signal.kind is Kind.VECTOR:
        return Annotated[list[_Scalar | None], Meta(min_length=1, max_length=signal.most_elements)]
    return _KINDS[signal.kind]


values: Final[Callable[[Any], tuple[Any, ...]]] = msgspec.structs.astuple


def without_no_values(signal: Signal, column: Sequence[Value]) -> Sequence[Value]:
    """Return a column in which what the device declares to be no value is none.

    >>> level = Signal("level", "Level", "", Kind.LEVEL, (0, 3), no_value=(255,))
    >>> without_no_values(level, [1, 255, None])
    [1, None, None]
    """
    nothing = frozenset(signal.no_value)
    if not nothing:
        return column
    if signal.kind is Kind.VECTOR:
        return [
            [None if number in nothing else number for number in cast("Sequence[float | None]", each)]
            if isinstance(each, list) and not nothing.isdisjoint(each)
            else each
            for each in column
        ]
    return column if nothing.isdisjoint(column) else [None if value in nothing else value for value in column]
