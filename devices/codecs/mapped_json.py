"""Plain JSON of other makers, as Tasmota's, by a mapping file instead of code.

A mapping is TOML: where the time is, and for each signal a path, with unit, scale and offset. One that maps nothing, or
names what is not declared, is refused when it is loaded. A product type's mappings are the files in its folder
`mappings`: the one of which a message has most paths reads it. Such messages have no boot and no seq: see
`devices.codecs.foreign`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Annotated, Any, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from devices.codecs.foreign import UNNUMBERED, element_of, fingerprint, oversized, sane, value_of
from devices.codecs.units import UnitError, convert
from devices.instants import to_us
from devices.product import Decode, MessageKind
from devices.readings import Envelope, Refusal, Sample, Value
from devices.signals import Kind, Signal

_read = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_NOWHERE: Final = object()

Path = Annotated[str | list[str], Field(min_length=1)]


class MappingError(ValueError):
    """A mapping file that cannot be used; the message says which line of it, and why."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimeAt(_Strict):
    """Where the time is: a path with its format, or the time of receipt.

    `format` is "iso", "unix_s", "unix_ms", or a pattern of strptime; `zone` is that of texts without an offset.
    """

    path: Path | None = None
    format: Annotated[str, Field(min_length=1)] = "iso"
    zone: str = "UTC"
    receipt: bool = False


class SignalAt(_Strict):
    """Where a signal is: value x scale + offset, in `unit` (empty: the signal's own); `values` translates texts."""

    path: Path
    unit: str = ""
    scale: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    no_value: tuple[Decimal | str, ...] = ()
    values: Mapping[str, bool | int] | None = None


class _File(_Strict):
    title: str = ""
    time: TimeAt
    signals: Mapping[str, SignalAt] = {}


@dataclass(frozen=True, slots=True)
class Correspondence:
    """A mapping that was found sound: the time, and what each signal is read from."""

    time: TimeAt
    zone: ZoneInfo
    signals: Sequence[tuple[Signal, SignalAt]]


def load(text: str, signals: Mapping[str, Signal], name: str = "mapping") -> Correspondence:
    """Return the mapping that a TOML text declares for a product type's signals.

    Raises
    ------
    MappingError
        When it is no mapping, maps nothing, names a signal that is not declared, or a unit that does not fit.
    """
    try:
        file = _File.model_validate(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise MappingError(f"{name}: {where}: {first['msg']}") from None
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{name} is not TOML: {error}") from error
    if not file.signals:
        raise MappingError(f"{name} maps nothing: give it a table [signals.X] with a path for at least one signal X")
    if (file.time.path is None) is not file.time.receipt:
        raise MappingError(f"{name}: time: give either a path, or receipt = true for the time at which it is received")
    for wanted, at in file.signals.items():
        _check(wanted, at, signals, name)
    try:
        zone = ZoneInfo(file.time.zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise MappingError(f"{name}: time.zone: {file.time.zone!r} is not a time zone such as 'Asia/Seoul'") from error
    return Correspondence(file.time, zone, [(signals[wanted], at) for wanted, at in file.signals.items()])


def _check(wanted: str, at: SignalAt, signals: Mapping[str, Signal], name: str) -> None:
    if wanted not in signals:
        known = ", ".join(signals)
        raise MappingError(f"{name}: signals.{wanted} is not declared; there are: {known}")
    try:
        convert(1, at.unit, signals[wanted].unit)
    except UnitError as error:
        raise MappingError(f"{name}: signals.{wanted}.unit: {error}") from error
    if not (sane(at.scale) and at.scale) or not sane(at.offset):
        raise MappingError(f"{name}: signals.{wanted}: scale {at.scale} or offset {at.offset} is no usable number")


def in_folder(package: str, signals: Mapping[str, Signal]) -> Decode | None:
    """Return the decode function of the mapping files in a product type's package; None where there are none.

    A file that cannot be used stops nobody else: what is for it is refused with what is wrong in the file, and can be
    replayed when that is mended. The conformance suite fails on such a file.
    """
    mappings: list[Correspondence] = []
    troubles: list[str] = []
    folder = files(package).joinpath("mappings")
    for file in sorted(folder.iterdir(), key=lambda file: file.name) if folder.is_dir() else ():
        if file.name.endswith(".toml"):
            try:
                mappings.append(load(file.read_text("utf-8"), signals, f"mappings/{file.name}"))
            except (MappingError, UnicodeDecodeError) as error:
                troubles.append(str(error))
    return decoder(*mappings, troubles=troubles) if mappings or troubles else None


def decoder(*mappings: Correspondence, troubles: Sequence[str] = ()) -> Decode:
    """Return the decode function of mappings: ``(payload, kind) -> Envelope | Refusal``; never raises on any bytes.

    `troubles` says what is wrong with mappings that cannot be used, for messages that no other one reads.
    """

    def decode(payload: bytes, kind: MessageKind) -> Envelope | Refusal:
        if kind != "telemetry":
            return Refusal("wrong_form", "mapped JSON belongs on the telemetry topic")
        if (refusal := oversized(payload)) is not None:
            return refusal
        try:
            message = _read(payload)
        except msgspec.ValidationError as error:
            return Refusal("wrong_form", f"{error}; a mapping reads objects")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
            return Refusal("not_json", f"{type(error).__name__}: {error}")
        fitting = max(mappings, key=lambda mapping: _paths_found(message, mapping), default=None)
        if fitting is None or not _paths_found(message, fitting):
            return _nothing_mapped(mappings, troubles)
        return _from_message(message, fitting, fingerprint(payload))

    return decode


def _paths_found(message: Mapping[str, object], mapping: Correspondence) -> int:
    return sum(_find(message, at.path) is not _NOWHERE for _, at in mapping.signals)


def _nothing_mapped(mappings: Sequence[Correspondence], troubles: Sequence[str]) -> Refusal:
    wanted = ", ".join(_shown(at.path) for mapping in mappings for _, at in mapping.signals[:5])
    told = f"the message has none of the mapped paths ({wanted}), and no schema of ours"
    if not wanted:
        told = "the message has no schema of ours, and the product type has no mapping that reads it"
    return Refusal("nothing_mapped", "; ".join([told, *(f"{trouble}: mend it, then replay" for trouble in troubles)]))


def _from_message(message: Mapping[str, object], mapping: Correspondence, seq: int) -> Envelope | Refusal:
    at_us = 0 if mapping.time.path is None else _time_us(_find(message, mapping.time.path), mapping)
    if isinstance(at_us, Refusal):
        return at_us
    refusals: list[Refusal] = []
    values: dict[str, Value] = {}
    for signal, at in mapping.signals:
        raw = _find(message, at.path)
        if raw is not _NOWHERE:
            value = _value(raw, at, signal, refusals)
            if value is not None:
                values[signal.name] = value
    sample = Sample(at_us, 0, values, counts_from_receipt=mapping.time.path is None)
    return Envelope(UNNUMBERED, seq, is_backfill=False, samples=[sample], refusals=refusals)


def _find(message: object, path: str | list[str]) -> object:
    """Walk down objects by key and lists by index."""
    for step in path.split(".") if isinstance(path, str) else path:
        if isinstance(message, dict):
            message = cast("dict[str, object]", message).get(step, _NOWHERE)
        elif isinstance(message, list) and step.isascii() and step.isdigit() and len(step) < 5:
            elements = cast("list[object]", message)
            message = elements[int(step)] if int(step) < len(elements) else _NOWHERE
        else:
            return _NOWHERE
    return message


def _shown(path: str | list[str]) -> str:
    return path if isinstance(path, str) else ".".join(path)


def _time_us(raw: object, mapping: Correspondence) -> int | Refusal:
    form, place = mapping.time.format, _shown(mapping.time.path or "")
    if form in {"unix_s", "unix_ms"}:
        if not sane(raw):
            return _bad_time(raw, f"a number ({form})", place)
        return int(cast("int | Decimal", raw) * (1_000_000 if form == "unix_s" else 1000))
    if not isinstance(raw, str):
        return _bad_time(raw, f"a text of the form {form!r}", place)
    try:
        at = datetime.fromisoformat(raw) if form == "iso" else datetime.strptime(raw, form)  # noqa: DTZ007  # below
        return to_us((at if at.tzinfo else at.replace(tzinfo=mapping.zone)).astimezone(UTC))
    except (ValueError, OverflowError):
        return _bad_time(raw, f"a text of the form {form!r}", place)


def _bad_time(raw: object, wanted: str, place: str) -> Refusal:
    said = "missing" if raw is _NOWHERE else f"{raw!r:.60}"
    return Refusal("bad_time", f"the time at {place!r} is {said}; the mapping wants {wanted}", place)


def _value(raw: object, at: SignalAt, signal: Signal, refusals: list[Refusal]) -> Value:
    place = _shown(at.path)
    if signal.kind is Kind.VECTOR and raw is not None:
        # Makers with one phase send a number where those with three send a list.
        elements = cast("list[object]", raw)[:1024] if isinstance(raw, list) else [raw]
        return [
            cast("float | None", _single(element, at, element_of(signal), f"{place}[{index}]", refusals))
            for index, element in enumerate(elements)
        ]
    return _single(cast("object", raw), at, signal, place, refusals)


def _single(raw: object, at: SignalAt, signal: Signal, place: str, refusals: list[Refusal]) -> Value:
    if raw is None or (isinstance(raw, str | int | Decimal) and raw in at.no_value):
        return None
    if at.values is not None:
        key = str(raw).lower() if isinstance(raw, bool) else str(raw)
        if key not in at.values:
            known = ", ".join(at.values)
            refusals.append(Refusal("wrong_type", f"{key!r:.60} is none of the mapped values: {known}", place))
            return None
        raw = at.values[key]
    if type(raw) is int or isinstance(raw, Decimal):
        raw = Decimal(raw) * at.scale + at.offset if sane(raw) else raw
    return value_of(raw, at.unit if isinstance(raw, Decimal) else "", signal, place, refusals)
