"""Our own JSON: what is readable lives, and every piece that is not says why and where."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codecs.own_json import (
    MAX_BYTES,
    MAX_CODES,
    MAX_OTHER_BYTES,
    MAX_SAMPLES,
    decoder,
)
from devices.instants import from_us
from devices.product import MessageKind
from devices.readings import Envelope, Refusal, Value
from devices.signals import Kind, Signal

SIGNALS = {
    signal.name: signal
    for signal in (
        Signal("temp_degc", "Temperature", "°C", Kind.SCALAR, (-40, 90), no_value=(255,)),
        Signal("total_wh", "Total", "Wh", Kind.COUNTER, (0, 1e15)),
        Signal("level", "Level", "", Kind.LEVEL, (0, 3), no_value=(254,)),
        Signal("is_on", "On", "", Kind.FLAG, (0, 1)),
        Signal("cells_v", "Cells", "V", Kind.VECTOR, (1.5, 4.5), no_value=(511,), element="Cell"),
        Signal("codes", "Codes", "", Kind.CODES, (0, 0)),
    )
}
decode = decoder(SIGNALS)
AT = "2026-11-21T22:14:40.250Z"


def telemetry(*samples: Mapping[str, object], **head: object) -> bytes:
    message = {"schema": "callout.telemetry/1", "boot": 3, "seq": 1841, "samples": list(samples), **head}
    return json.dumps(message).encode()


def event(**fields: object) -> bytes:
    message = {"schema": "callout.event/1", "boot": 3, "seq": 1842, "at": AT, "codes": ["P0AA6"], **fields}
    return json.dumps(message).encode()


def read(payload: bytes, kind: MessageKind = "telemetry") -> Envelope:
    answer = decode(payload, kind)
    assert isinstance(answer, Envelope), answer
    return answer


def refused(payload: bytes, kind: MessageKind = "telemetry") -> Refusal:
    answer = decode(payload, kind)
    assert isinstance(answer, Refusal), answer
    return answer


def one_value(name: str, raw: object) -> tuple[Value, list[tuple[str, str]]]:
    """Decode one value; return it, and (reason, place) of the refusals."""
    envelope = read(telemetry({"at": AT, name: raw}))
    return envelope.samples[0].values.get(name), [(each.reason, each.place) for each in envelope.refusals]


def test_a_message_is_read_with_its_head_and_all_its_samples() -> None:
    envelope = read(telemetry({"at": AT, "temp_degc": 21.5}, {"at": "2026-11-22T07:14:50+09:00", "is_on": True}))
    assert (envelope.boot, envelope.seq, envelope.is_backfill, envelope.refusals) == (3, 1841, False, [])
    first, second = envelope.samples
    assert (first.number, first.values) == (0, {"temp_degc": 21.5})
    assert (second.number, second.values) == (1, {"is_on": True})
    assert from_us(first.at_us) == datetime(2026, 11, 21, 22, 14, 40, 250_000, UTC)
    assert second.at_us - first.at_us == 9_750_000


def test_a_backfill_is_declared_by_the_device() -> None:
    assert read(telemetry({"at": AT}, backfill=True)).is_backfill
    assert read(event(backfill=True), "event").is_backfill


def test_an_event_is_one_sample_of_the_codes_signal_sorted_and_without_doubles() -> None:
    envelope = read(event(codes=["p0aa6", " B1000 ", "P0AA6"]), "event")
    assert [sample.values for sample in envelope.samples] == [{"codes": ["B1000", "P0AA6"]}]


def test_an_empty_list_of_codes_says_that_all_are_cleared() -> None:
    assert read(event(codes=[]), "event").samples[0].values == {"codes": []}


def test_a_product_without_codes_refuses_events() -> None:
    answer = decoder({"temp_degc": SIGNALS["temp_degc"]})(event(), "event")
    assert isinstance(answer, Refusal)
    assert answer.reason == "no_codes_here"


# ------------------------------------------------------------------ messages that are no messages


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not_json"),
        (b"\x00\x01\x02", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"null", "wrong_form"),
        (b"[]", "wrong_form"),
        (b"42", "wrong_form"),
        (b"{}", "wrong_form"),
        (b'{"schema": "callout.telemetry/1"', "not_json"),
        (b"[" * 100_000, "wrong_form"),
        (telemetry({"at": AT, "x": 7}).replace(b"7", b"[" * 100_000), "not_json"),
        (telemetry({"at": AT})[:-1] + b', "samples": 3}', "wrong_form"),
        (telemetry({"at": AT}) + b"{}", "not_json"),
    ],
)
def test_a_payload_that_is_no_message_is_one_refusal(payload: bytes, reason: str) -> None:
    refusal = refused(payload)
    assert refusal.reason == reason
    assert refusal.detail


def test_nan_is_refused_with_what_to_send_instead() -> None:
    refusal = refused(telemetry({"at": AT, "temp_degc": 1.0}).replace(b"1.0", b"NaN"))
    assert refusal.reason == "not_json"
    assert "send null for 'no value'" in refusal.detail


def test_an_oversized_message_is_refused_before_it_is_read() -> None:
    refusal = refused(b"[" * (MAX_BYTES + 1))
    assert refusal.reason == "oversized"
    assert str(MAX_BYTES) in refusal.detail
    assert refused(b"[" * MAX_BYTES).reason == "wrong_form"


@pytest.mark.parametrize("schema", ["callout.telemetry/2", "callout.event/1", "", "x" * 10_000])
def test_another_schema_is_refused_and_named_in_short(schema: str) -> None:
    refusal = refused(telemetry({"at": AT}, schema=schema))
    assert (refusal.reason, refusal.place) == ("unknown_schema", "schema")
    assert len(refusal.detail) < 200


@pytest.mark.parametrize("name", ["boot", "seq"])
@pytest.mark.parametrize("number", [-1, 2**63, 10**30, None, "7", 1.5, True])
def test_boot_and_seq_are_whole_numbers_that_the_table_can_hold(name: str, number: object) -> None:
    assert refused(telemetry({"at": AT}, **{name: number})).reason in {"wrong_form", "not_json"}


@pytest.mark.parametrize("count", [0, MAX_SAMPLES + 1])
def test_a_message_has_one_to_a_thousand_samples(count: int) -> None:
    refusal = refused(telemetry(*[{"at": AT}] * count))
    assert (refusal.reason, refusal.place) == ("wrong_form", "samples")


def test_a_thousand_samples_are_read() -> None:
    assert len(read(telemetry(*[{"at": AT}] * MAX_SAMPLES)).samples) == MAX_SAMPLES


# ------------------------------------------------------------------ instants


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (None, "'at' is None"),
        (1_763_763_280, "'at' is 1763763280"),
        ("", "is not an ISO 8601 instant"),
        ("yesterday", "is not an ISO 8601 instant"),
        ("2026-11-21T22:14:40", "has no offset"),
        ("2026-02-30T00:00:00Z", "is not an ISO 8601 instant"),
        ("2026-11-21T24:61:00Z", "is not an ISO 8601 instant"),
        ("2026-11-21T22:14:40+99:00", "is not an ISO 8601 instant"),
    ],
)
def test_a_sample_without_a_usable_time_is_refused_and_its_neighbours_live(at: object, told: str) -> None:
    envelope = read(telemetry({"at": AT}, {"at": at, "temp_degc": 1}, {"temp_degc": 1}, {"at": AT}))
    assert [sample.number for sample in envelope.samples] == [0, 3]
    assert [(each.reason, each.place) for each in envelope.refusals] == [
        ("bad_time", "samples[1].at"),
        ("bad_time", "samples[2].at"),
    ]
    assert told in envelope.refusals[0].detail


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_an_instant_at_the_end_of_the_calendar_does_not_crash(at: str) -> None:
    assert isinstance(decode(telemetry({"at": at}), "telemetry"), Envelope)


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(st.integers(0, 4_000_000_000_000_000), OFFSETS)
def test_any_offset_is_the_same_instant(at_us: int, offset: timedelta) -> None:
    at = from_us(at_us)
    minutes = abs(int(offset.total_seconds())) // 60
    sign = "-" if offset < timedelta(0) else "+"
    text = f"{(at + offset).replace(tzinfo=None).isoformat()}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    assert read(telemetry({"at": text})).samples[0].at_us == at_us


# ------------------------------------------------------------------ values


@pytest.mark.parametrize("name", SIGNALS)
def test_null_is_no_value_and_no_refusal(name: str) -> None:
    assert one_value(name, None) == (None, [])


@pytest.mark.parametrize(("name", "mark"), [("temp_degc", 255), ("temp_degc", 255.0), ("level", 254)])
def test_a_mark_for_no_value_is_no_value(name: str, mark: float) -> None:
    assert one_value(name, mark) == (None, [])


def test_a_mark_inside_a_list_takes_out_its_element_only() -> None:
    assert one_value("cells_v", [3.7, 511, None, 3.6]) == ([3.7, None, None, 3.6], [])


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("temp_degc", "21.5"),
        ("temp_degc", True),
        ("temp_degc", [21.5]),
        ("temp_degc", 1e39),
        ("temp_degc", -1e39),
        ("temp_degc", 10**400),
        ("total_wh", 1.5),
        ("total_wh", 2**63),
        ("total_wh", "12"),
        ("total_wh", False),
        ("level", 40_000),
        ("level", 0.5),
        ("is_on", 1),
        ("is_on", "true"),
        ("cells_v", 3.7),
        ("cells_v", []),
        ("cells_v", {}),
        ("cells_v", [3.7] * (MAX_CODES + 1)),
        ("codes", "P0AA6"),
        ("codes", {"P0AA6": 1}),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_place_and_the_rest_lives(name: str, raw: object) -> None:
    other = "is_on" if name != "is_on" else "temp_degc"
    sound: Value = True if other == "is_on" else 20.0
    envelope = read(telemetry({"at": AT, name: raw, other: sound}))
    assert [(each.reason, each.place) for each in envelope.refusals] == [("wrong_type", f"samples[0].{name}")]
    assert len(envelope.refusals[0].detail) < 200
    assert envelope.samples[0].values[name] is None
    assert envelope.samples[0].values[other] == sound


def test_a_bad_element_of_a_list_is_refused_by_its_place_and_its_neighbours_live() -> None:
    value, refusals = one_value("cells_v", [3.7, "x", True, 3.6, 1e39])
    assert value == [3.7, None, None, 3.6, None]
    assert refusals == [("wrong_type", f"samples[0].cells_v[{place}]") for place in (1, 2, 4)]


def test_an_impossible_value_is_kept_for_it_is_evidence() -> None:
    assert one_value("temp_degc", -500.0) == (-500.0, [])
    assert one_value("cells_v", [0.0, 9.9]) == ([0.0, 9.9], [])


def test_a_counter_is_exact_up_to_the_end_of_its_column() -> None:
    assert one_value("total_wh", 2**53 + 1) == (2**53 + 1, [])
    assert one_value("total_wh", 2**63 - 1) == (2**63 - 1, [])
    assert one_value("total_wh", 12.0) == (12, [])


@pytest.mark.parametrize("code", ["", "x" * 65, "P0\n", "é", 7, None])
def test_a_code_that_no_one_could_print_is_refused_and_the_others_live(code: object) -> None:
    envelope = read(event(codes=["P0AA6", code]), "event")
    assert envelope.samples[0].values == {"codes": ["P0AA6"]}
    assert [(each.reason, each.place) for each in envelope.refusals] == [("wrong_type", "codes[1]")]


# ------------------------------------------------------------------ signals that nobody declared


def test_a_signal_that_is_not_declared_is_kept_as_it_came() -> None:
    envelope = read(telemetry({"at": AT, "temp_degc": 1, "cabin": {"degc": [1, None]}}))
    assert json.loads(envelope.samples[0].other or b"") == {"cabin": {"degc": [1, None]}}
    assert envelope.samples[0].values == {"temp_degc": 1}
    assert envelope.refusals == []


@pytest.mark.parametrize("content", ["x" * (MAX_OTHER_BYTES + 1), "a\0b", ["\0"], {"\0": 1}])
def test_what_the_database_cannot_hold_is_refused_and_the_values_live(content: object) -> None:
    envelope = read(telemetry({"at": AT, "temp_degc": 1, "note": content}))
    assert envelope.samples[0].values == {"temp_degc": 1}
    assert envelope.samples[0].other is None
    assert [each.reason for each in envelope.refusals] == ["unknown_signals"]


def test_a_signal_cannot_be_smuggled_in_as_the_sample_s_time_or_schema() -> None:
    envelope = read(telemetry({"at": AT, "schema": "x", "boot": 9, "seq": 9, "backfill": True}))
    assert (envelope.boot, envelope.seq, envelope.is_backfill) == (3, 1841, False)
    assert json.loads(envelope.samples[0].other or b"") == {"schema": "x", "boot": 9, "seq": 9, "backfill": True}


@given(
    st.lists(
        st.fixed_dictionaries(
            {"at": st.just(AT)},
            optional={
                "temp_degc": st.floats(-100, 100, width=32) | st.none(),
                "total_wh": st.integers(0, 2**63 - 1),
                "level": st.integers(0, 3),
                "is_on": st.booleans(),
                "cells_v": st.lists(st.floats(1, 5, width=32) | st.none(), min_size=1, max_size=5),
            },
        ),
        min_size=1,
        max_size=6,
    )
)
def test_sound_samples_come_out_as_they_went_in(samples: list[dict[str, object]]) -> None:
    envelope = read(telemetry(*samples))
    assert not envelope.refusals
    for sample, sent in zip(envelope.samples, samples, strict=True):
        wanted = {name: value for name, value in sent.items() if name != "at" and value is not None}
        assert cast("Mapping[str, object]", sample.values) == wanted
