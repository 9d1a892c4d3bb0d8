"""SenML: the standard's own examples resolve as it says; names, units, times and sums find their signals, or say why not."""

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.codecs import senml
from devices.codecs.foreign import UNNUMBERED
from devices.readings import Envelope, Refusal
from tests.devices.codecs.meter import SIGNALS

GOLDEN = sorted((Path(__file__).parent / "golden" / "senml").glob("*.json"))
BASE = 1_763_760_000
decode = senml.decoder(SIGNALS, names={"voltage": "voltage_v"}, sums={"power": "import_wh"})


def read(*records: object) -> Envelope:
    answer = decode(json.dumps(records).encode(), "telemetry")
    assert isinstance(answer, Envelope), answer
    return answer


def refused(*records: object) -> list[tuple[str, str]]:
    return [(each.reason, each.place) for each in read(*records).refusals]


def as_golden(record: senml.Record) -> dict[str, object]:
    """A resolved record as the standard writes it."""
    value: dict[str, object] = {}
    match record.value:
        case bool():
            value = {"vb": record.value}
        case str():
            value = {"vs": record.value}
        case bytes():
            value = {"vd": base64.urlsafe_b64encode(record.value).decode().rstrip("=")}
        case _:
            value = {"v": record.value}
    time = {} if record.is_relative and not record.time_s else {"t": record.time_s}
    return {"n": record.name, **({"u": record.unit} if record.unit else {}), **time, **value}


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in GOLDEN])
def test_the_examples_of_the_standard_resolve_as_it_says(path: Path) -> None:
    golden: dict[str, Any] = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode(path.read_bytes())
    refusals: list[Refusal] = []
    records = senml.resolve(golden["pack"], refusals)
    assert not isinstance(records, Refusal)
    assert [as_golden(record) for record in records] == golden["resolved"]
    assert refusals == []


def test_a_resolved_pack_resolves_to_itself() -> None:
    for path in GOLDEN:
        golden: dict[str, Any] = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode(path.read_bytes())
        records = senml.resolve(golden["resolved"], [])
        assert not isinstance(records, Refusal)
        assert [as_golden(record) for record in records] == golden["resolved"]


def test_records_of_one_time_are_one_sample_and_names_are_known_by_their_last_part() -> None:
    envelope = read(
        {"bn": "urn:dev:mac:0024befffe804ff1/", "bt": BASE, "n": "voltage", "u": "mV", "v": 230_100},
        {"n": "1-0:1.7.0*255", "v": 1},
        {"n": "power_w", "u": "kW", "v": 0.5},
        {"n": "is_on", "vb": True},
        {"n": "voltage", "u": "V", "t": 10, "v": 229},
    )
    assert [(each.number, each.at_us, each.values) for each in envelope.samples] == [
        (0, BASE * 1_000_000, {"voltage_v": 230.1, "power_w": 500.0, "is_on": True}),
        (1, (BASE + 10) * 1_000_000, {"voltage_v": 229.0}),
    ]
    assert [each.reason for each in envelope.refusals] == ["wrong_form"]


@pytest.mark.parametrize(
    ("record", "values"),
    [
        ({"n": "temp_degc", "u": "K", "v": 300}, {"temp_degc": pytest.approx(26.85)}),
        ({"n": "temp_degc", "u": "Cel", "v": 21.5}, {"temp_degc": 21.5}),
        ({"n": "import_wh", "u": "kWh", "v": 1234.567}, {"import_wh": 1_234_567}),
        ({"n": "import_wh", "u": "J", "v": 7_200_001}, {"import_wh": 2_000}),
        ({"n": "import_wh", "v": 7}, {"import_wh": 7}),
        ({"n": "power", "u": "W", "s": 3_600_000}, {"import_wh": 1_000}),
        ({"n": "tariff", "u": "count", "v": 2}, {"tariff": 2}),
        ({"n": "codes", "vs": "p0aa6, B1000"}, {"codes": ["B1000", "P0AA6"]}),
        ({"n": "voltage", "v": 999}, {}),
    ],
)
def test_values_and_sums_are_converted_to_their_signals_unit(
    record: Mapping[str, object], values: Mapping[str, object]
) -> None:
    envelope = read({"bt": BASE, "bn": "m/"} | dict(record))
    assert envelope.refusals == []
    assert [dict(each.values) for each in envelope.samples] == ([values] if values else [])


def test_an_obis_code_is_a_name_behind_any_base_name() -> None:
    record = {"bn": "urn:dev:ow:10e2073a01080063:", "bt": BASE, "n": "1-0:1.8.1", "u": "kWh", "v": 1}
    assert read(record).samples[0].values == {"import_wh": 1000}


def test_base_values_and_base_sums_are_added_until_they_are_replaced() -> None:
    envelope = read(
        {"bn": "m/", "bt": BASE, "bv": 200, "bu": "V"},
        {"n": "voltage", "v": 30},
        {"n": "voltage", "t": 1, "v": 31},
        {"bv": 0, "n": "voltage", "t": 2, "v": 32},
        {"bs": 3600, "n": "power", "u": "W", "t": 3, "s": 3600},
    )
    assert [dict(each.values) for each in envelope.samples] == [
        {"voltage_v": 230.0},
        {"voltage_v": 231.0},
        {"voltage_v": 32.0},
        {"import_wh": 2},
    ]


def test_times_below_two_to_the_28_count_from_the_receipt() -> None:
    now, before = read({"n": "voltage", "v": 1}, {"n": "voltage", "t": -5.5, "v": 2}).samples
    assert (now.at_us, now.counts_from_receipt, before.at_us, before.counts_from_receipt) == (0, True, -5_500_000, True)
    assert not read({"n": "voltage", "t": senml.RELATIVE_BELOW_S, "v": 1}).samples[0].counts_from_receipt


@pytest.mark.parametrize(
    ("record", "reason", "place"),
    [
        ({"n": "unheard-of", "v": 1}, "unknown_name", "[1]"),
        ({"n": "voltage", "u": "furlong", "v": 1}, "unknown_unit", "[1]"),
        ({"n": "voltage", "u": "W", "v": 1}, "wrong_unit", "[1]"),
        ({"n": "is_on", "u": "V", "vb": True}, "wrong_unit", "[1]"),
        ({"n": "voltage", "s": 5}, "unknown_name", "[1]"),
        ({"n": "voltage", "vs": "230"}, "wrong_type", "[1]"),
        ({"n": "voltage", "vb": True}, "wrong_type", "[1]"),
        ({"n": "voltage", "vd": "aGk"}, "wrong_type", "[1]"),
        ({"n": "voltage", "vd": "!"}, "wrong_type", "[1].vd"),
        ({"n": "voltage", "v": "230"}, "wrong_type", "[1].v"),
        ({"n": "voltage", "v": 230, "t": "now"}, "wrong_type", "[1].t"),
        ({"n": 5, "v": 230}, "wrong_type", "[1].n"),
        ({"n": "voltage", "v": 1, "vs": "x"}, "wrong_form", "[1]"),
        ({"n": "voltage"}, "wrong_form", "[1]"),
        ({"n": "volt age", "v": 1}, "wrong_form", "[1].n"),
        ("voltage", "wrong_form", "[1]"),
        ({"n": "import_wh", "v": 10**40}, "wrong_type", "[1].v"),
        ({"n": "power_w", "v": 2}, "doubled_value", "[1]"),
    ],
)
def test_a_bad_record_is_refused_alone_with_its_place(record: object, reason: str, place: str) -> None:
    good = {"bn": "m/", "bt": BASE, "n": "power_w", "u": "W", "v": 1}
    assert refused(good, record) == [(reason, place)]
    assert read(good, record).samples[0].values == {"power_w": 1.0}


def test_an_unknown_unit_is_told_with_the_one_that_fits() -> None:
    (refusal,) = read({"bt": BASE, "n": "voltage", "u": "furlong", "v": 1}).refusals
    assert refusal.detail == "voltage_v: unit 'furlong' is not known; use 'V' or leave it out"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'[{"bver": 11, "n": "voltage", "v": 1}]', "unknown_schema"),
        (b'[{"n": "voltage", "v": 1, "mode_": 2}]', "unknown_schema"),
        (b'[{"n": "voltage", "v": NaN}]', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'[{"n": "voltage", "v": 1}' + b" " * 300_000 + b"]", "oversized"),
        (json.dumps([{"n": "voltage", "t": t, "v": 1} for t in range(1001)]).encode(), "wrong_form"),
    ],
)
def test_a_pack_that_must_not_be_read_is_refused_whole(payload: bytes, reason: str) -> None:
    answer = decode(payload, "telemetry")
    assert isinstance(answer, Refusal)
    assert answer.reason == reason


def test_a_pack_that_comes_twice_has_the_same_key_and_another_pack_has_not() -> None:
    first, again = (read({"bt": BASE, "n": "voltage", "v": 1}) for _ in range(2))
    other = read({"bt": BASE, "n": "power_w", "v": 1})
    assert first.boot == other.boot == UNNUMBERED
    assert first.seq == again.seq != other.seq
    assert 0 <= first.seq < 2**63


def test_the_least_and_the_largest_number_do_not_cost_time_or_memory() -> None:
    payload = b'[{"n":"import_wh","u":"kWh","v":1e999999999},{"n":"import_wh","v":0e999999999},{"n":"voltage","v":1e-999999999,"t":-1e38}]'
    answer = decode(payload, "telemetry")
    assert isinstance(answer, Envelope)
    assert [each.reason for each in answer.refusals] == ["wrong_type"] * 3


FIELDS = st.sampled_from(["bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut", "x_"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["voltage", "V", "power_w", "W", "codes", "a b", "aGk"])
    | st.text(max_size=8)
)


@given(st.lists(st.dictionaries(FIELDS, LEAVES, max_size=6) | LEAVES, max_size=6))
@example([{"n": "codes", "vs": ""}])
def test_decode_answers_on_any_pack(records: list[object]) -> None:
    answer = decode(json.dumps(records).encode(), "telemetry")
    assert isinstance(answer, Envelope | Refusal)


@given(st.binary(max_size=200))
def test_decode_answers_on_any_bytes(payload: bytes) -> None:
    assert isinstance(decode(b"[" + payload, "telemetry"), Envelope | Refusal)
    assert isinstance(decode(payload, "event"), Refusal)
