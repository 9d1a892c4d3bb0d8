"""What is read in one step means the same as what is read piece by piece; all that is not in order is left alone."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codecs import typed
from devices.codecs.own_json import MAX_BYTES
from devices.instants import from_us, to_us
from devices.readings import Envelope, Value
from devices.signals import Kind
from tests.devices.codecs.test_own_json import AT, SIGNALS, decode, telemetry

read = typed.reader(SIGNALS)
NAMES = typed.names(SIGNALS)

_NUMBERS = st.floats(allow_nan=False, width=64) | st.integers(-(2**70), 2**70) | st.sampled_from([255, 254, 511, 3e38])
_RAW = st.none() | st.booleans() | st.text(max_size=3) | _NUMBERS | st.lists(st.none() | _NUMBERS, max_size=4)
_INSTANTS = st.integers(-(2**51), 2**52).map(from_us)
_TIMES = _INSTANTS.map(datetime.isoformat)
_AT = _TIMES | st.sampled_from([AT, "2026-11-22T07:14:50+09:00", "2026-11-21T22:14:40", "yesterday", "", None, 5])
_SAMPLES = st.lists(
    st.dictionaries(st.sampled_from([*NAMES, "codes", "other"]), _RAW, max_size=5).flatmap(
        lambda fields: _AT.map(lambda at: {"at": at, **fields})
    ),
    min_size=0,
    max_size=3,
)


def typed_values(payload: bytes) -> list[tuple[int, dict[str, Value]]] | None:
    message = read(payload)
    if message is None:
        return None
    rows = [typed.values(sample) for sample in message.samples]
    columns = [
        typed.without_no_values(SIGNALS[name], column)
        for name, column in zip(NAMES, list(zip(*rows, strict=True))[1:], strict=True)
    ]
    return [
        (to_us(row[0]), {name: column[index] for name, column in zip(NAMES, columns, strict=True)})
        for index, row in enumerate(rows)
    ]


@given(samples=_SAMPLES, boot=st.integers(-1, 2**63), seq=st.integers(-1, 2**63), backfill=st.booleans())
def test_what_is_read_in_one_step_is_what_is_read_piece_by_piece(
    samples: list[dict[str, object]], boot: int, seq: int, backfill: bool
) -> None:
    payload = telemetry(*samples, boot=boot, seq=seq, backfill=backfill)
    at_once = typed_values(payload)
    if at_once is None:
        return
    by_pieces = decode(payload, "telemetry")
    assert isinstance(by_pieces, Envelope)
    assert by_pieces.refusals == []
    assert at_once == [
        (sample.at_us, {name: sample.values.get(name) for name in NAMES}) for sample in by_pieces.samples
    ]


def test_an_ordinary_message_is_read_in_one_step() -> None:
    values = {"temp_degc": 21.5, "total_wh": 2**60 + 1, "level": 254, "is_on": False, "cells_v": [3.5, None, 511]}
    payload = telemetry({"at": AT, **values}, {"at": AT, "temp_degc": 255})
    message = read(payload)
    assert message is not None
    assert (message.boot, message.seq, message.backfill) == (3, 1841, False)
    assert typed_values(payload) == [
        (to_us(datetime.fromisoformat(AT)), {**values, "level": None, "cells_v": [3.5, None, None]}),
        (to_us(datetime.fromisoformat(AT)), dict.fromkeys(NAMES)),
    ]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        telemetry(),
        telemetry({"at": AT, "temp_degc": "21"}),
        telemetry({"at": AT, "temp_degc": 1e39}),
        telemetry({"at": AT, "total_wh": 2**63}),
        telemetry({"at": AT, "undeclared": 1}),
        telemetry({"at": AT, "codes": ["P0AA6"]}),
        telemetry({"at": AT, "cells_v": []}),
        telemetry({"at": "2026-11-21T22:14:40"}),
        telemetry({"at": AT}, schema="callout.telemetry/2"),
        telemetry({"at": AT}, boot=-1),
        telemetry({"at": AT, "temp_degc": 1}) + b" " * MAX_BYTES,
    ],
)
def test_what_is_not_in_order_is_left_to_those_who_can_say_why(payload: bytes) -> None:
    assert read(payload) is None


@given(at=_INSTANTS, offset_min=st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_the_same_to_the_microsecond(at: datetime, offset_min: int) -> None:
    text = at.astimezone(timezone(timedelta(minutes=offset_min))).isoformat()
    payload = json.dumps({"schema": "callout.telemetry/1", "boot": 1, "seq": 1, "samples": [{"at": text}]}).encode()
    by_pieces = decode(payload, "telemetry")
    assert isinstance(by_pieces, Envelope)
    assert typed_values(payload) == [(by_pieces.samples[0].at_us, dict.fromkeys(NAMES))]


def test_trouble_codes_alone_are_not_typed() -> None:
    assert [signal.kind for name, signal in SIGNALS.items() if name not in NAMES] == [Kind.CODES]
