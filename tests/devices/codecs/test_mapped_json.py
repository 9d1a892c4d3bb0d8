"""JSON by a mapping: paths, units, scales and times are followed; a mapping that cannot work is refused when it is loaded."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codecs import mapped_json
from devices.codecs.foreign import UNNUMBERED
from devices.codecs.mapped_json import MappingError, load
from devices.instants import from_us
from devices.product import Decode
from devices.readings import Envelope, Refusal
from tests.devices.codecs.meter import SIGNALS

TASMOTA = (Path(__file__).parent / "golden" / "tasmota.toml").read_text("utf-8")
RECEIPT = '[time]\nreceipt = true\n[signals.power_w]\npath = "P"\n'
decode = mapped_json.decoder(load(TASMOTA, SIGNALS))


def read(message: object, how: Decode = decode) -> Envelope:
    answer = how(json.dumps(message).encode(), "telemetry")
    assert isinstance(answer, Envelope), answer
    return answer


def refused(payload: bytes, how: Decode = decode) -> Refusal:
    answer = how(payload, "telemetry")
    assert isinstance(answer, Refusal), answer
    return answer


def timed(form: str) -> Decode:
    return mapped_json.decoder(load(f'[time]\npath = "t"\nformat = "{form}"\n[signals.power_w]\npath = "P"\n', SIGNALS))


def test_a_plug_is_read_by_its_mapping_without_code() -> None:
    envelope = read(
        {
            "Time": "2026-11-21T23:14:40",
            "ENERGY": {"Total": 12.345, "Power": 50, "Voltage": 0, "Phases": [230, None, 231.5], "Factor": 0.9},
            "DS18B20": {"Temperature": 68},
            "POWER": "ON",
            "Tariffs": [2],
        }
    )
    assert envelope.refusals == []
    (sample,) = envelope.samples
    assert from_us(sample.at_us) == datetime(2026, 11, 21, 22, 14, 40, tzinfo=UTC)
    assert sample.values == {
        "import_wh": 12_345,
        "power_w": 50.0,
        "temp_degc": pytest.approx(20.2778, abs=1e-3),
        "phases_v": [230.0, None, 231.5],
        "is_on": True,
        "tariff": 2,
    }


def test_scale_and_offset_come_before_the_unit() -> None:
    how = mapped_json.decoder(load(RECEIPT + "scale = -2\noffset = 1\nunit = 'kW'\n", SIGNALS))
    assert read({"P": 3}, how).samples[0].values == {"power_w": -5000.0}


@pytest.mark.parametrize(
    ("form", "raw"),
    [
        ("iso", "2026-11-21T22:14:40+00:00"),
        ("iso", "2026-11-21T22:14:40"),
        ("unix_s", 1_795_299_280),
        ("unix_ms", 1_795_299_280_000),
        ("%d.%m.%Y %H:%M:%S", "21.11.2026 22:14:40"),
    ],
)
def test_times_come_in_the_declared_format(form: str, raw: object) -> None:
    (sample,) = read({"t": raw, "P": 1}, timed(form)).samples
    assert from_us(sample.at_us) == datetime(2026, 11, 21, 22, 14, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("iso", {"P": 1}),
        ("iso", {"P": 1, "t": 5}),
        ("iso", {"P": 1, "t": "soon"}),
        ("iso", {"P": 1, "t": "0001-01-01T00:00:00+23:00"}),
        ("unix_s", {"P": 1, "t": "5"}),
        ("unix_s", {"P": 1, "t": True}),
        ("%d.%m.%Y", {"P": 1, "t": "2026"}),
    ],
)
def test_a_time_that_is_not_as_declared_is_refused_with_its_message(form: str, message: object) -> None:
    refusal = refused(json.dumps(message).encode(), timed(form))
    assert (refusal.reason, refusal.place) == ("bad_time", "t")


def test_without_a_time_of_its_own_a_message_has_that_of_its_receipt() -> None:
    envelope = read({"P": 1}, mapped_json.decoder(load(RECEIPT, SIGNALS)))
    assert (envelope.samples[0].at_us, envelope.samples[0].counts_from_receipt) == (0, True)
    assert envelope.boot == UNNUMBERED


@pytest.mark.parametrize(
    ("message", "reason", "place"),
    [
        ({"ENERGY": {"Power": "much"}}, "wrong_type", "ENERGY.Power"),
        ({"ENERGY": {"Power": True}}, "wrong_type", "ENERGY.Power"),
        ({"ENERGY": {"Power": 10**50}}, "wrong_type", "ENERGY.Power"),
        ({"ENERGY": {"Phases": [230, "x"]}}, "wrong_type", "ENERGY.Phases[1]"),
        ({"POWER": "MAYBE"}, "wrong_type", "POWER"),
    ],
)
def test_a_bad_value_is_refused_alone_with_its_path(message: dict[str, object], reason: str, place: str) -> None:
    envelope = read({"Time": "2026-11-21T23:14:40", "Tariffs": [1], **message})
    assert [(each.reason, each.place) for each in envelope.refusals] == [(reason, place)]
    assert envelope.samples[0].values["tariff"] == 1


def test_a_message_with_none_of_the_paths_is_told_so() -> None:
    refusal = refused(b'{"Time": "2026-11-21T23:14:40", "Uptime": 5, "ENERGY": 7}')
    assert refusal.reason == "nothing_mapped"
    assert "ENERGY.Total" in refusal.detail


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[time]\npath = "Time"\n', "plug.toml maps nothing: give it a table"),
        ('[time]\npath = "Time"\n[signals]\n', "plug.toml maps nothing"),
        ("time = [", "plug.toml is not TOML"),
        ('[signals.power_w]\npath = "P"\n', "time: Field required"),
        ('[time]\n[signals.power_w]\npath = "P"\n', "give either a path, or receipt"),
        ('[time]\nreceipt = true\npath = "t"\n[signals.power_w]\npath = "P"\n', "give either a path, or receipt"),
        (RECEIPT.replace("power_w", "powr"), "signals.powr is not declared; there are: import_wh"),
        (RECEIPT + "unit = 'kWh'\n", "signals.power_w.unit: unit 'kWh' measures energy; what fits here is 'W'"),
        (RECEIPT + "unit = 'hp'\n", "unit 'hp' is not known"),
        (RECEIPT + "scale = 0\n", "no usable number"),
        (RECEIPT + "offset = nan\n", "offset"),
        (RECEIPT + "factor = 2\n", "signals.power_w.factor: Extra inputs"),
        (RECEIPT.replace('"P"', '""'), "signals.power_w.path"),
        (RECEIPT.replace("receipt = true", 'path = "t"\nzone = "Nowhere/Land"'), "'Nowhere/Land' is not a time zone"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_when_it_is_loaded(text: str, message: str) -> None:
    with pytest.raises(MappingError) as error:
        load(text, SIGNALS, "plug.toml")
    assert message in str(error.value)


@pytest.mark.parametrize(("payload", "reason"), [(b"[1]", "wrong_form"), (b"{", "not_json"), (b'{"a":NaN}', "not_json"), (b"{" + b" " * 300_000, "oversized")])  # fmt: skip
def test_what_is_no_object_is_refused_whole(payload: bytes, reason: str) -> None:
    assert refused(payload).reason == reason


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)  # fmt: skip
KEYS = st.sampled_from(["Time", "ENERGY", "Power", "Total", "Phases", "POWER", "Tariffs", "DS18B20", "Temperature"])
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@given(st.dictionaries(KEYS, JSON, max_size=6))
def test_decode_answers_on_any_object(message: dict[str, object]) -> None:
    message["Time"] = "2026-11-21T23:14:40"
    assert isinstance(decode(json.dumps(message).encode(), "telemetry"), Envelope | Refusal)


@given(st.binary(max_size=200))
def test_decode_answers_on_any_bytes(payload: bytes) -> None:
    assert isinstance(decode(payload, "telemetry"), Envelope | Refusal)
