"""SenML JSON (RFC 8428): packs of records, resolved as its section 4.6 says, and taken in by name and unit.

`resolve` knows the standard and no signal; `decoder` knows what names the signals of a product have. A pack has no boot
and no seq: see `devices.codecs.foreign` for how one that comes twice is absorbed. Times below 2^28 seconds count from
now, which is the time of receipt.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, cast

import msgspec

from devices.codecs.foreign import (
    UNNUMBERED,
    Place,
    by_code,
    element_of,
    fingerprint,
    oversized,
    sane,
    value_of,
    with_element,
)
from devices.codecs.own_json import MAX_SAMPLES
from devices.codecs.units import unit_of_sum
from devices.product import Decode, MessageKind
from devices.readings import Envelope, Refusal, Sample, Value
from devices.signals import Kind, Signal

VERSION: Final = 10
RELATIVE_BELOW_S: Final = 2**28
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]*")
_SEPARATOR: Final = re.compile(r"[:/]")
_BASES: Final = {"bn", "bt", "bu", "bv", "bs", "bver"}
_NUMBERS: Final = ("bt", "bv", "bs", "v", "s", "t", "ut")
_TEXTS: Final = ("bn", "bu", "n", "u", "vs", "vd")
_VALUES: Final = ("v", "vs", "vb", "vd")

_read = msgspec.json.Decoder(list[Any], float_hook=Decimal).decode

Number = int | Decimal
Content = Number | str | bool | bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A resolved record: full name, time in seconds (since 1970 UTC, or from now when relative), value and sum.

    `number` is its place in the pack. A value is a number, text, boolean or bytes; either value or sum may be missing.
    """

    number: int
    name: str
    unit: str
    time_s: Number
    value: Content | None
    sum: Number | None

    @property
    def is_relative(self) -> bool:
        """Whether its time counts from now."""
        return self.time_s < RELATIVE_BELOW_S


@dataclass(slots=True)
class _Bases:
    """The base fields in force; each holds until a later record replaces it."""

    name: str = ""
    time_s: Number = 0
    unit: str = ""
    value: Number = 0
    sum: Number = 0

    def take(self, record: Mapping[str, Any]) -> None:
        self.name = record.get("bn", self.name)
        self.time_s = record.get("bt", self.time_s)
        self.unit = record.get("bu", self.unit)
        self.value = record.get("bv", self.value)
        self.sum = record.get("bs", self.sum)


def resolve(pack: Sequence[object], refusals: list[Refusal]) -> list[Record] | Refusal:
    """Resolve a pack's records after RFC 8428, section 4.6.

    Parameters
    ----------
    pack : sequence
        The JSON array, with numbers as int or Decimal.
    refusals : list of Refusal
        Records that cannot be resolved are told here; the others live.

    Returns
    -------
    list of Record or Refusal
        A refusal when the pack as a whole must not be read: a later version of the form, or a field that has to be
        understood and is not.
    """
    bases = _Bases()
    resolved: list[Record] = []
    for number, raw in enumerate(pack):
        place = f"[{number}]"
        if not isinstance(raw, dict):
            refusals.append(Refusal("wrong_form", f"{raw!r:.60} is not a SenML record, an object", place))
            continue
        fields = cast("dict[str, Any]", raw)
        if (problem := _must_not_be_read(fields, place)) is not None:
            return problem
        if (problem := _wrong_field(fields, place)) is not None:
            refusals.append(problem)
            continue
        bases.take(fields)
        if _BASES.issuperset(fields):
            continue  # a record of base fields alone says nothing yet
        record = _resolved(number, fields, bases)
        refusals.append(record) if isinstance(record, Refusal) else resolved.append(record)
    return resolved


def _must_not_be_read(fields: Mapping[str, object], place: str) -> Refusal | None:
    version = fields.get("bver", VERSION)
    if type(version) is not int or not 1 <= version <= VERSION:
        return Refusal("unknown_schema", f"SenML version {version!r:.40}; versions 1 to {VERSION} are read", place)
    unknown = [name for name in fields if name.endswith("_")]
    if unknown:
        return Refusal("unknown_schema", f"field {unknown[0][:40]!r} has to be understood, and is not", place)
    return None


def _wrong_field(fields: Mapping[str, object], place: str) -> Refusal | None:
    for name in _NUMBERS:
        if name in fields and not sane(fields[name]):
            return Refusal("wrong_type", f"{name} is {fields[name]!r:.60}, not a number below 10^38", f"{place}.{name}")
    for name in _TEXTS:
        if name in fields and not isinstance(fields[name], str):
            return Refusal("wrong_type", f"{name} is {fields[name]!r:.60}, not a text", f"{place}.{name}")
    if "vb" in fields and not isinstance(fields["vb"], bool):
        return Refusal("wrong_type", f"vb is {fields['vb']!r:.60}, not true or false", f"{place}.vb")
    return None


def _resolved(number: int, fields: Mapping[str, Any], bases: _Bases) -> Record | Refusal:
    place = f"[{number}]"
    name = f"{bases.name}{fields.get('n', '')}"
    if _NAME.fullmatch(name) is None:
        return Refusal("wrong_form", f"{name[:80]!r} is not a SenML name", f"{place}.n")
    given = [each for each in _VALUES if each in fields]
    if len(given) > 1 or (not given and "s" not in fields):
        said = " and ".join(given) or "neither a value nor a sum"
        return Refusal("wrong_form", f"a record has one of v, vs, vb, vd, or s alone; here is {said}", place)
    value: Content | None = fields[given[0]] if given else None
    if given == ["v"]:
        value = cast("Number", value) + bases.value
    elif given == ["vd"]:
        try:
            value = base64.b64decode(fields["vd"] + "=" * (-len(fields["vd"]) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            return Refusal("wrong_type", f"vd is not base64url: {error}", f"{place}.vd")
    total = fields["s"] + bases.sum if "s" in fields else None
    return Record(number, name, fields.get("u", bases.unit), bases.time_s + fields.get("t", 0), value, total)


@dataclass(slots=True)
class _Names:
    """Which signal a record speaks of: by its full name, or by what follows one of its colons or slashes."""

    of_values: dict[str, Place] = field(default_factory=dict[str, Place])
    of_sums: dict[str, Place] = field(default_factory=dict[str, Place])

    def place(self, record: Record, *, of_sum: bool) -> Place | None:
        known = self.of_sums if of_sum else self.of_values
        starts = (0, *(separator.end() for separator in _SEPARATOR.finditer(record.name)))
        return next((known[name] for start in starts if (name := record.name[start:]) in known), None)


def decoder(
    signals: Mapping[str, Signal], *, names: Mapping[str, str] | None = None, sums: Mapping[str, str] | None = None
) -> Decode:
    """Return the decode function of a product type for SenML packs.

    Parameters
    ----------
    signals : mapping of str to Signal
        Declared signals by JSON name. Each is known by that name and by the codes of its `standard`, OBIS codes without
        ``*255``; a vector with several codes is known by one for each element.
    names, sums : mapping of str to str
        More names of values, and names whose sums ("s") are wanted -> signal. Units are converted to the signal's.

    Returns
    -------
    callable
        ``(payload, kind) -> Envelope | Refusal``; never raises on any bytes. Records of one time are one sample.

    Raises
    ------
    KeyError
        When `names` or `sums` name a signal that is not declared.
    """
    known = _Names(by_code(signals))
    known.of_values |= {name: Place(signal, None) for name, signal in signals.items()}
    known.of_values |= {name: Place(signals[signal], None) for name, signal in (names or {}).items()}
    known.of_sums |= {name: Place(signals[signal], None) for name, signal in (sums or {}).items()}

    def decode(payload: bytes, kind: MessageKind) -> Envelope | Refusal:
        if kind != "telemetry":
            return Refusal("wrong_form", "a SenML pack belongs on the telemetry topic")
        if (refusal := oversized(payload)) is not None:
            return refusal
        try:
            pack = _read(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
            return Refusal("not_json", f"{type(error).__name__}: {error}")
        refusals: list[Refusal] = []
        records = resolve(pack, refusals)
        if isinstance(records, Refusal):
            return records
        samples = _samples(records, known, refusals)
        if len(samples) > MAX_SAMPLES:
            return Refusal("wrong_form", f"{len(samples)} different times; at most {MAX_SAMPLES} are read")
        return Envelope(UNNUMBERED, fingerprint(payload), is_backfill=False, samples=samples, refusals=refusals)

    return decode


def _samples(records: Sequence[Record], names: _Names, refusals: list[Refusal]) -> list[Sample]:
    """Put records of one time together, in the order in which the times first appear."""
    by_time: dict[tuple[bool, int], dict[str, Value]] = {}
    for record in records:
        time = (record.is_relative, int(record.time_s * 1_000_000))
        for content, unit, of_sum in (
            (record.value, record.unit, False),
            (record.sum, unit_of_sum(record.unit), True),
        ):
            if content is not None:
                _take(record, content, unit, names.place(record, of_sum=of_sum), by_time.setdefault(time, {}), refusals)
    return [
        Sample(at_us, number, values, counts_from_receipt=is_relative)
        for number, ((is_relative, at_us), values) in enumerate(
            (time, values) for time, values in by_time.items() if values
        )
    ]


def _take(
    record: Record,
    content: Content,
    unit: str,
    known: Place | None,
    values: dict[str, Value],
    refusals: list[Refusal],
) -> None:
    place = f"[{record.number}]"
    if known is None:
        detail = f"no signal is known by the SenML name {record.name[:80]!r}"
        refusals.append(Refusal("unknown_name", detail, place))
        return
    signal, index = known
    if index is not None:
        element = value_of(content, unit, element_of(signal), place, refusals)
        if element is not None:
            values[signal.name] = with_element(values.get(signal.name), index, element)
        return
    if signal.kind is Kind.CODES and isinstance(content, str):
        value = value_of(content.replace(",", " ").split(), "", signal, place, refusals)
    else:
        value = value_of(content, unit, signal, place, refusals)
    if value is None:
        return
    if values.setdefault(signal.name, value) != value:
        detail = f"{signal.name} has two values at one time: {values[signal.name]!r:.40} was taken, not {value!r:.40}"
        refusals.append(Refusal("doubled_value", detail, place))
