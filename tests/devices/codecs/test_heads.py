"""Heads: the numbers of a refused message are read where its text is whole and its form ours, and nowhere else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codecs.heads import Head, read_head

WHOLE = b'{"schema": "callout.telemetry/1", "boot": 3, "seq": 7, "samples": [{"at": "yesterday", "x": 1}]}'


@pytest.mark.parametrize(
    "payload",
    [
        WHOLE,
        WHOLE.replace(b"telemetry/1", b"telemetry/9"),
        WHOLE.replace(b"telemetry/1", b"event/1"),
        WHOLE.replace(b'"x": 1', b'"x": NaN'),
        WHOLE.replace(b'"x": 1', b'"x": -Infinity'),
        WHOLE.replace(b'"x": 1', b'"x": "' + b"y" * 300_000 + b'"'),
        WHOLE.replace(b'[{"at": "yesterday", "x": 1}]', b"17"),
        b'{"boot": 3, "samples": [{"x": NaN}], "schema": "callout.telemetry/1", "seq": 7}',
    ],
)
def test_numbers_of_whole_text_are_read_whatever_is_wrong_with_the_rest(payload: bytes) -> None:
    assert read_head(payload) == Head(3, 7)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2]",
        b"17",
        WHOLE[:-1],
        WHOLE + b"}",
        WHOLE.replace(b"callout.telemetry/1", b"acme.telemetry/1"),
        WHOLE.replace(b'"schema": "callout.telemetry/1", ', b""),
        WHOLE.replace(b"7", b'"7"'),
        WHOLE.replace(b"7", b"true"),
        WHOLE.replace(b"7", b"-7"),
        WHOLE.replace(b"7", b"9" * 30),
        WHOLE.replace(b"7", b"NaN"),
        WHOLE.replace(b"7", b"9" * 5000).replace(b"1}", b"NaN}"),
        WHOLE.replace(b"1}", b"NaN}") + b" " * 300_000,
        b'{"a":' * 100_000,
    ],
)
def test_numbers_that_cannot_be_relied_on_are_none(payload: bytes) -> None:
    assert read_head(payload) is None


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(json.dumps).map(str.encode)))
def test_it_never_raises(payload: bytes) -> None:
    assert read_head(payload) is None


@given(st.data())
def test_text_that_was_cut_anywhere_is_not_relied_on(data: st.DataObject) -> None:
    assert read_head(WHOLE[: data.draw(st.integers(0, len(WHOLE) - 1))]) is None
