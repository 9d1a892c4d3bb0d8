"""P1 telegrams of meters after DSMR and ESMR 4 and 5: frame and CRC checked, OBIS lines taken in by `Signal.standard`.

Lines are read by `dsmr-parser`. A telegram is identified by its own clock, which ticks in seconds: its boot is
`UNNUMBERED` and its seq 0, so that the value of a meter on the M-Bus, which a telegram repeats until there is a newer
one, is stored once for the time at which it was captured. Telegrams without a CRC (before DSMR 4) are refused: nobody
could tell a damaged one. Times are those of the Netherlands, Belgium and Luxembourg, as the library reads them.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple, TypedDict, cast

from dsmr_parser.exceptions import ParseError
from dsmr_parser.parsers import CosemParser, MBusParser, TelegramParser, ValueParser
from dsmr_parser.value_types import timestamp

from devices.codecs.foreign import UNNUMBERED, Place, by_code, element_of, value_of, with_element
from devices.codecs.own_json import storable
from devices.instants import to_us
from devices.product import Decode, MessageKind
from devices.readings import Envelope, Refusal, Sample, Value
from devices.signals import Kind, Signal

_FRAME: Final = re.compile(r"\s*(/[^\r\n]{5,}\r?\n.*!)([0-9A-Fa-f]{4})?\s*", re.DOTALL)
_LINE: Final = re.compile(r"(\d{1,3}-(\d{1,3}):(\d{1,3}\.\d{1,3}\.\d{1,3}))(?:\*\d{1,3})?(\(.*\))")
_CLOCK: Final = "0-0:1.0.0"
# Telegrams give power used and power fed in apart; the code for their difference is that of IEC 62056-61.
_POWER: Final = "1-0:16.7.0"
_POWER_USED: Final = "1-0:1.7.0"
_POWER_FED_IN: Final = "1-0:2.7.0"
_MBUS_TYPE: Final = "24.1.0"
_MBUS_VALUES: Final = {"24.2.1", "24.2.3"}
# Kind of a device on the M-Bus -> the first group of OBIS codes for its medium.
_MEDIUM: Final = {3: "7", 4: "6", 6: "9", 7: "8"}
_BROKEN_LINE: Final = (ParseError, ValueError, IndexError, InvalidOperation)

# A real telegram has one or two kilobytes; the library's checksum is slow on what only pretends to be one.
MAX_TELEGRAM_BYTES: Final = 16 * 1024

_text_parser = CosemParser(ValueParser(str))
_mbus_parser = MBusParser(ValueParser(timestamp), ValueParser(str))


class _Part(TypedDict):
    """A value in brackets as the library returns it."""

    value: object
    unit: str | None


def _read_text(line: str) -> list[_Part]:
    return cast("list[_Part]", _text_parser.parse(line).values)  # pyright: ignore[reportUnknownMemberType]


def _read_mbus(line: str) -> list[_Part]:
    return cast("list[_Part]", _mbus_parser.parse(line).values)  # pyright: ignore[reportUnknownMemberType]


def _crc16(text: str) -> int:
    return TelegramParser.crc16(text)  # pyright: ignore[reportUnknownMemberType]


class _Line(NamedTuple):
    number: int
    obis: str
    channel: int
    group: str
    text: str


def decoder(signals: Mapping[str, Signal]) -> Decode:
    """Return the decode function of a product type for P1 telegrams.

    Parameters
    ----------
    signals : mapping of str to Signal
        Declared signals by name; `standard` is the OBIS code, as ``1-0:1.8.1*255``. The value of a meter on the M-Bus is
        that of the counter with the code of its channel (``0-1:24.2.1``), or with the first one of its medium
        (``7-...`` gas, ``8-...`` water, ``9-...`` warm water, ``6-...`` heat). A vector has a code for each element, as
        its phases have. Where ``1-0:16.7.0`` is declared and not sent, it is power used less power fed in.

    Returns
    -------
    callable
        ``(payload, kind) -> Envelope | Refusal``; never raises on any bytes.
    """
    by_obis = by_code(signals)

    def decode(payload: bytes, kind: MessageKind) -> Envelope | Refusal:
        if kind != "telemetry":
            return Refusal("wrong_form", "a P1 telegram belongs on the telemetry topic")
        if len(payload) > MAX_TELEGRAM_BYTES:
            return Refusal("oversized", f"{len(payload)} bytes; a telegram has at most {MAX_TELEGRAM_BYTES}")
        body = _checked(payload)
        return body if isinstance(body, Refusal) else _from_telegram(body, by_obis)

    return decode


def _checked(payload: bytes) -> str | Refusal:
    """Return the telegram when its frame and its checksum are sound."""
    frame = _FRAME.fullmatch(payload.decode("latin-1"))
    if frame is None:
        return Refusal(
            "wrong_form", "this is no P1 telegram: it runs from '/' and a header line to '!' and four digits"
        )
    text, told = cast("str", frame[1]), cast("str | None", frame[2])
    if told is None:
        return Refusal("no_checksum", "the telegram has no CRC after '!'; meters before DSMR 4 are not read", "!")
    computed = _crc16(text)
    if computed == int(told, 16):
        return text
    detail = f"the telegram says CRC {told.upper()}, its bytes have {computed:04X}: it was damaged on its way"
    if "\r\n" not in text and _crc16(text.replace("\n", "\r\n")) == int(told, 16):
        detail = f"{detail}; with CR LF at its line ends it would fit: pass the meter's bytes on unchanged"
    return Refusal("bad_checksum", detail, "!")


def _lines(text: str) -> Iterator[_Line]:
    for number, line in enumerate(text.splitlines(), start=1):
        if (found := _LINE.fullmatch(line.strip())) is not None:
            yield _Line(number, found[1], int(found[2]), found[3], f"{found[1]}{found[4]}")


def _from_telegram(text: str, by_obis: Mapping[str, Place]) -> Envelope | Refusal:
    lines = list(_lines(text))
    clock = [line for line in lines if line.obis == _CLOCK]
    at = _time_of(clock[0]) if clock else None
    if at is None:
        said = f"{clock[0].text!r:.60}" if clock else "missing"
        return Refusal("bad_time", f"the telegram's time {_CLOCK} is {said}, not YYMMDDhhmmss with S or W", _CLOCK)
    refusals: list[Refusal] = []
    values: dict[str, Value] = {}
    other: dict[str, object] = {}
    captured: list[Sample] = []
    media = _media(lines)
    for line in lines:
        if line.group in _MBUS_VALUES and line.channel:
            captured += _captured(line, by_obis, media, other, refusals)
        elif line.obis == _CLOCK:
            continue
        elif (known := by_obis.get(line.obis)) is not None:
            _take(line, known, values, refusals)
        else:
            other[line.obis] = line.text[len(line.obis) :]
    if (power := by_obis.get(_POWER)) is not None and power.signal.name not in values:
        values[power.signal.name] = _power(lines, power.signal, refusals)
    kept = storable(other, "telegram", refusals) if other else None
    read = {name: value for name, value in values.items() if value is not None}
    samples = [Sample(to_us(at), 0, read, kept), *captured]
    return Envelope(UNNUMBERED, 0, is_backfill=False, samples=samples, refusals=refusals)


def _take(line: _Line, known: Place, values: dict[str, Value], refusals: list[Refusal]) -> None:
    signal, index = known
    if index is None:
        values[signal.name] = _value(line, signal, refusals)
    else:
        value = _value(line, element_of(signal), refusals)
        values[signal.name] = with_element(values.get(signal.name), index, value)


def _power(lines: list[_Line], signal: Signal, refusals: list[Refusal]) -> Value:
    """Power used less power fed in; None where the telegram has neither."""
    found = {line.obis: line for line in lines if line.obis in {_POWER_USED, _POWER_FED_IN}}
    read = {obis: _value(line, signal, refusals) for obis, line in found.items()}
    if not any(isinstance(value, int | float) for value in read.values()):
        return None
    used, fed_in = (read.get(obis) for obis in (_POWER_USED, _POWER_FED_IN))
    return (used if isinstance(used, int | float) else 0.0) - (fed_in if isinstance(fed_in, int | float) else 0.0)


def _time_of(line: _Line) -> datetime | None:
    try:
        return timestamp(str(_read_text(line.text)[0]["value"]))
    except (*_BROKEN_LINE, OverflowError):
        return None


def _media(lines: list[_Line]) -> dict[int, str]:
    """First OBIS group of the medium by M-Bus channel."""
    found: dict[int, str] = {}
    for line in lines:
        digits = line.text[len(line.obis) :].strip("()")
        if line.group == _MBUS_TYPE and digits.isascii() and digits.isdigit() and int(digits[:6]) in _MEDIUM:
            found[line.channel] = _MEDIUM[int(digits[:6])]
    return found


def _captured(
    line: _Line,
    by_obis: Mapping[str, Place],
    media: Mapping[int, str],
    other: dict[str, object],
    refusals: list[Refusal],
) -> list[Sample]:
    """The last value of a meter on the M-Bus, at the time at which it was captured."""
    prefix = f"{media.get(line.channel)}-"
    of_medium = (
        known for code, known in by_obis.items() if code.startswith(prefix) and known.signal.kind is Kind.COUNTER
    )
    known = by_obis.get(line.obis) or next(of_medium, None)
    if known is None:
        other[line.obis] = line.text[len(line.obis) :]
        return []
    place = f"line {line.number}"
    try:
        captured, read = _read_mbus(line.text)
    except (*_BROKEN_LINE, OverflowError) as error:
        refusals.append(Refusal("wrong_type", f"{line.text!r:.80} cannot be read: {error!r:.80}", place))
        return []
    at = captured["value"]
    if not isinstance(at, datetime):
        refusals.append(Refusal("bad_time", f"{line.text!r:.80} has no time of capture", place))
        return []
    value = value_of(_number(read["value"]), read["unit"] or "", known.signal, place, refusals)
    return [] if value is None else [Sample(to_us(at), line.channel, {known.signal.name: value})]


def _value(line: _Line, signal: Signal, refusals: list[Refusal]) -> Value:
    place = f"line {line.number}"
    try:
        read = _read_text(line.text)[0]
    except _BROKEN_LINE as error:
        refusals.append(Refusal("wrong_type", f"{line.text!r:.80} cannot be read: {error!r:.80}", place))
        return None
    if read["value"] is None:
        return None
    raw = _number(read["value"])
    if signal.kind is Kind.FLAG and raw in (0, 1):
        raw = bool(raw)
    elif signal.kind is Kind.CODES:
        raw = [str(read["value"])]
    return value_of(raw, read["unit"] or "", signal, place, refusals)


def _number(text: object) -> object:
    """A Decimal where the text is one; else the text, which no signal takes."""
    try:
        return Decimal(str(text))
    except InvalidOperation:
        return text
