"""Our own JSON payload: schema id, boot, seq, and one or many samples each with its event time.

A message that is not readable is one refusal. In a readable message each bad sample and each bad value is a refusal of
its own that names its place, and the rest of the message lives. Knows the declared signals, but no product.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from devices.product import Decode, MessageKind
from devices.readings import Envelope, Refusal, Sample, Value
from devices.signals import Kind, Signal

TELEMETRY_SCHEMA: Final = "callout.telemetry/1"
EVENT_SCHEMA: Final = "callout.event/1"
MAX_BYTES: Final = 256 * 1024
MAX_SAMPLES: Final = 1000
MAX_CODES: Final = 256
# The longest of the DLMS lists' names has 35.
MAX_CODE_CHARS: Final = 64
MAX_OTHER_BYTES: Final = 8 * 1024
MAX_OTHER_DEPTH: Final = 32
MAX_COUNT: Final = 2**63 - 1
MAX_LEVEL: Final = 32_767
MAX_SINGLE: Final = 3.0e38
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER_TYPES: Final = {int, float, type(None)}


class _Telemetry(msgspec.Struct):
    schema: str
    boot: int
    seq: int
    samples: list[Any]
    backfill: bool = False


class _Event(msgspec.Struct):
    schema: str
    boot: int
    seq: int
    at: str
    codes: list[Any]
    backfill: bool = False


_read_telemetry = msgspec.json.Decoder(_Telemetry).decode
_read_event = msgspec.json.Decoder(_Event).decode


def decoder(signals: Mapping[str, Signal]) -> Decode:
    """Return the decode function of a product type with these signals.

    Parameters
    ----------
    signals : mapping of str to Signal
        Declared signals by JSON name. At most one is of kind CODES; events fill it.

    Returns
    -------
    callable
        ``(payload, kind) -> Envelope | Refusal``; never raises on any bytes.
    """
    readers = {name: _READERS[signal.kind] for name, signal in signals.items()}
    codes_signal = next((signal for signal in signals.values() if signal.kind is Kind.CODES), None)

    def decode(payload: bytes, kind: MessageKind) -> Envelope | Refusal:
        if len(payload) > MAX_BYTES:
            return Refusal(
                "oversized", f"{len(payload)} bytes; at most {MAX_BYTES} are read: send fewer samples a message"
            )
        try:
            if kind == "telemetry":
                return _from_telemetry(_read_telemetry(payload), signals, readers)
            return _from_event(_read_event(payload), codes_signal)
        except msgspec.ValidationError as error:
            return Refusal("wrong_form", f"{error}; the form is that of schema {_schema(kind)}")
        except msgspec.DecodeError as error:
            hint = " (NaN is not JSON: send null for 'no value')" if b"NaN" in payload else ""
            return Refusal("not_json", f"{error}{hint}")
        except (UnicodeDecodeError, RecursionError) as error:
            return Refusal("not_json", f"{type(error).__name__}: {error}")

    return decode


def _schema(kind: MessageKind) -> str:
    return TELEMETRY_SCHEMA if kind == "telemetry" else EVENT_SCHEMA


def _checked_head(message: _Telemetry | _Event, schema: str) -> Refusal | None:
    if message.schema != schema:
        return Refusal("unknown_schema", f"schema {message.schema[:80]!r} is not {schema!r}", "schema")
    for place, number in (("boot", message.boot), ("seq", message.seq)):
        if not 0 <= number <= MAX_COUNT:
            return Refusal("wrong_form", f"{place} {_short(number)} is not between 0 and 2^63 - 1", place)
    return None


def _from_telemetry(
    message: _Telemetry, signals: Mapping[str, Signal], readers: Mapping[str, "_Reader"]
) -> Envelope | Refusal:
    if (refusal := _checked_head(message, TELEMETRY_SCHEMA)) is not None:
        return refusal
    if not 1 <= len(message.samples) <= MAX_SAMPLES:
        return Refusal("wrong_form", f"{len(message.samples)} samples; 1 to {MAX_SAMPLES} are read", "samples")
    refusals: list[Refusal] = []
    samples: list[Sample] = []
    for number, fields in enumerate(cast("list[object]", message.samples)):
        if not isinstance(fields, dict):
            _refuse(fields, "an object with 'at' and signals", f"samples[{number}]", refusals)
            continue
        named = cast("dict[str, object]", fields)
        at_us = instant_us(named.pop("at", None))
        if isinstance(at_us, str):
            refusals.append(Refusal("bad_time", at_us, f"samples[{number}].at"))
        else:
            samples.append(_sample(at_us, number, named, signals, readers, refusals))
    return Envelope(message.boot, message.seq, message.backfill, samples, refusals)


def _from_event(message: _Event, codes_signal: Signal | None) -> Envelope | Refusal:
    if (refusal := _checked_head(message, EVENT_SCHEMA)) is not None:
        return refusal
    if codes_signal is None:
        return Refusal("no_codes_here", "this product type declares no trouble codes, so it has no events")
    at_us = instant_us(message.at)
    if isinstance(at_us, str):
        return Refusal("bad_time", at_us, "at")
    refusals: list[Refusal] = []
    codes = _read_codes(message.codes, codes_signal, "codes", refusals)
    return Envelope(
        message.boot, message.seq, message.backfill, [Sample(at_us, 0, {codes_signal.name: codes})], refusals
    )


def _sample(
    at_us: int,
    number: int,
    fields: Mapping[str, object],
    signals: Mapping[str, Signal],
    readers: Mapping[str, "_Reader"],
    refusals: list[Refusal],
) -> Sample:
    values: dict[str, Value] = {}
    other: dict[str, object] = {}
    for name, raw in fields.items():
        reader = readers.get(name)
        if reader is None:
            other[name] = raw
        elif raw is not None:
            values[name] = reader(raw, signals[name], f"samples[{number}].{name}", refusals)
    return Sample(at_us, number, values, storable(other, f"samples[{number}]", refusals) if other else None)


_Reader = Callable[[object, Signal, str, list[Refusal]], Value]


def _refuse(raw: object, wanted: str, place: str, refusals: list[Refusal]) -> None:
    refusals.append(Refusal("wrong_type", f"{_short(raw)} is not {wanted}", place))


def _read_scalar(raw: object, signal: Signal, place: str, refusals: list[Refusal]) -> Value:
    if type(raw) is not float and type(raw) is not int:
        return _refuse(raw, "a number", place, refusals)
    if not -MAX_SINGLE < raw < MAX_SINGLE:
        return _refuse(raw, "a number that single precision can hold", place, refusals)
    return None if raw in signal.no_value else raw


def _read_whole(raw: object, signal: Signal, place: str, refusals: list[Refusal]) -> Value:
    limit = MAX_COUNT if signal.kind is Kind.COUNTER else MAX_LEVEL
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw != raw // 1:
        return _refuse(raw, "a whole number", place, refusals)
    if not -limit <= raw <= limit:
        return _refuse(raw, f"within ±{limit}", place, refusals)
    return None if raw in signal.no_value else int(raw)


def _read_flag(raw: object, _signal: Signal, place: str, refusals: list[Refusal]) -> Value:
    return raw if isinstance(raw, bool) else _refuse(raw, "true or false", place, refusals)


def _read_vector(raw: object, signal: Signal, place: str, refusals: list[Refusal]) -> Value:
    elements = _as_list(raw)
    if elements is None or not 1 <= len(elements) <= signal.most_elements:
        return _refuse(raw, f"a list of 1 to {signal.most_elements} numbers", place, refusals)
    if set(map(type, elements)) <= _NUMBER_TYPES:
        numbers = cast("list[float | None]", elements)
        known = [number for number in numbers if number is not None]
        if not known or (max(known) < MAX_SINGLE and min(known) > -MAX_SINGLE):
            if signal.no_value and not set(signal.no_value).isdisjoint(known):
                return [None if number in signal.no_value else number for number in numbers]
            return numbers
    return [
        cast("float | None", None if element is None else _read_scalar(element, signal, f"{place}[{index}]", refusals))
        for index, element in enumerate(elements)
    ]


def _read_codes(raw: object, _signal: Signal, place: str, refusals: list[Refusal]) -> list[str] | None:
    items = _as_list(raw)
    if items is None or len(items) > MAX_CODES:
        return _refuse(raw, f"a list of at most {MAX_CODES} codes", place, refusals)
    codes: list[str] = []
    for index, item in enumerate(items):
        if isinstance(item, str) and 1 <= len(item) <= MAX_CODE_CHARS and item.isascii() and item.isprintable():
            codes.append(item.strip().upper())
        else:
            _refuse(item, f"a code of 1 to {MAX_CODE_CHARS} printable characters", f"{place}[{index}]", refusals)
    return sorted(set(codes))


_READERS: Final[Mapping[Kind, _Reader]] = {
    Kind.SCALAR: _read_scalar,
    Kind.COUNTER: _read_whole,
    Kind.LEVEL: _read_whole,
    Kind.FLAG: _read_flag,
    Kind.VECTOR: _read_vector,
    Kind.CODES: _read_codes,
}


def read_value(raw: object, signal: Signal, place: str, refusals: list[Refusal]) -> Value:
    """Return a raw JSON value as its signal's, or None; what is wrong with it is added to `refusals` under `place`."""
    return _READERS[signal.kind](raw, signal, place, refusals)


def storable(other: dict[str, object], place: str, refusals: list[Refusal]) -> bytes | None:
    """Return values of undeclared signals as JSON, or None with a refusal when the database cannot hold them."""
    why = ""
    text = b""
    try:
        text = b"" if _is_deeper(other, MAX_OTHER_DEPTH) else msgspec.json.encode(other)
    except OverflowError as error:
        why = f"a number that cannot be kept ({error})"
    if why := why or _trouble(text):
        refusals.append(Refusal("unknown_signals", f"signals that are not declared hold {why}", place))
        return None
    return text


def _trouble(text: bytes) -> str:
    if not text:
        return f"lists or objects nested deeper than {MAX_OTHER_DEPTH}"
    if len(text) > MAX_OTHER_BYTES:
        return f"{len(text)} bytes, over {MAX_OTHER_BYTES}"
    return "a NUL character" if rb"\u0000" in text else ""


def _is_deeper(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        children = list(cast("dict[str, object]", value).values())
    elif isinstance(value, list):
        children = cast("list[object]", value)
    else:
        return False
    return depth == 0 or any(_is_deeper(child, depth - 1) for child in children)


def instant_us(text: object) -> int | str:
    """Return microseconds since 1970 UTC of an ISO 8601 text with offset, or what is wrong with it."""
    if not isinstance(text, str):
        return f"'at' is {_short(text)}; it has to be a text such as '2026-01-31T12:00:00.250Z'"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return f"{text[:80]!r} is not an ISO 8601 instant such as '2026-01-31T12:00:00.250Z'"
    if at.tzinfo is None:
        return f"{text[:80]!r} has no offset: end it in 'Z' for UTC"
    try:
        since = at - _EPOCH
    except OverflowError:
        return f"{text[:80]!r} is outside of the calendar"
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _as_list(raw: object) -> list[object] | None:
    return cast("list[object]", raw) if isinstance(raw, list) else None


def _short(raw: object) -> str:
    if isinstance(raw, int) and not isinstance(raw, bool) and raw.bit_length() > 128:
        return f"a whole number of {raw.bit_length()} bits"
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}..."
