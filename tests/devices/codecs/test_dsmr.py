"""P1 telegrams: the checksum decides, registers are exact, and a meter on the M-Bus is stored once for each capture."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codecs import dsmr
from devices.instants import from_us
from devices.readings import Envelope, Refusal
from tests.devices.codecs.meter import SIGNALS

decode = dsmr.decoder(SIGNALS)
LINES = (
    "1-3:0.2.8(50)",
    "0-0:1.0.0(261121231440W)",
    "0-0:96.1.1(4B384547303034303436333935353037)",
    "1-0:1.8.1(001234.567*kWh)",
    "1-0:2.8.1(000000.000*kWh)",
    "0-0:96.14.0(0002)",
    "1-0:1.7.0(01.193*kW)",
    "1-0:32.7.0(230.1*V)",
    "0-0:96.3.10(1)",
    "0-0:96.13.0()",
    "0-1:24.1.0(003)",
    "0-1:96.1.0(3232323241424344313233343536373839)",
    "0-1:24.2.1(261121231000W)(12785.123*m3)",
    "0-2:24.1.0(007)",
    "0-2:24.2.1(261121231001W)(00872.234*m3)",
)


def crc16(text: bytes) -> int:
    """CRC-16/ARC, written out a second time: what the codec takes from its library is held against this one."""
    crc = 0
    for byte in text:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def telegram(*lines: str, header: str = "/ISk5\\2MT382-1000") -> bytes:
    body = "\r\n".join([header, "", *lines, "!"]).encode("latin-1")
    return body + f"{crc16(body):04X}\r\n".encode()


def changed(**new: str) -> list[str]:
    """The telegram's lines with some of them, named by their OBIS code, in other words."""
    wanted = {name.replace("_", "."): text for name, text in new.items()}
    return [next((text for code, text in wanted.items() if f":{code[1:]}(" in line), line) for line in LINES]


def read(payload: bytes) -> Envelope:
    answer = decode(payload, "telemetry")
    assert isinstance(answer, Envelope), answer
    return answer


def refused(payload: bytes) -> Refusal:
    answer = decode(payload, "telemetry")
    assert isinstance(answer, Refusal), answer
    return answer


def test_the_checksum_of_these_tests_is_that_of_the_published_check_value() -> None:
    assert crc16(b"123456789") == 0xBB3D


def test_a_telegram_is_read_by_its_obis_codes_with_exact_registers() -> None:
    envelope = read(telegram(*LINES))
    assert envelope.refusals == []
    main, gas, water = envelope.samples
    assert from_us(main.at_us) == datetime(2026, 11, 21, 22, 14, 40, tzinfo=UTC)
    assert main.values == {
        "import_wh": 1_234_567,
        "export_wh": 0,
        "tariff": 2,
        "power_w": 1193.0,
        "voltage_v": 230.1,
        "is_on": True,
    }
    assert (gas.number, gas.values) == (1, {"gas_l": 12_785_123})
    assert from_us(gas.at_us) == datetime(2026, 11, 21, 22, 10, tzinfo=UTC)
    assert (water.number, water.values) == (2, {"water_l": 872_234})


def test_lines_of_undeclared_signals_are_kept_as_they_came() -> None:
    kept = read(telegram(*LINES)).samples[0].other
    assert kept is not None
    other = json.loads(kept)
    assert other["1-3:0.2.8"] == "(50)"
    assert other["0-0:96.13.0"] == "()"
    assert "1-0:1.8.1" not in other


def test_a_bad_checksum_is_refused_as_such_with_both_values() -> None:
    good = telegram(*LINES)
    damaged = good.replace(b"001234.567", b"001234.568")
    refusal = refused(damaged)
    assert (refusal.reason, refusal.place) == ("bad_checksum", "!")
    assert good[-6:-2].decode() in refusal.detail
    assert f"{crc16(damaged[:-6]):04X}" in refusal.detail


def test_line_ends_that_were_changed_on_the_way_are_named_as_the_cause() -> None:
    refusal = refused(telegram(*LINES).replace(b"\r\n", b"\n"))
    assert refusal.reason == "bad_checksum"
    assert "CR LF" in refusal.detail


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"/", "wrong_form"),
        (b"/ISk5\\2MT382-1000\r\n\r\n1-0:1.8.1(1*kWh)\r\n", "wrong_form"),
        (telegram(*LINES)[:-6], "no_checksum"),
        (telegram(*LINES) + telegram(*LINES), "bad_checksum"),
        (telegram(*changed(x1_0_0="0-0:1.0.0(2611212314W)")), "bad_time"),
        (telegram(*changed(x1_0_0="0-0:1.0.0(261321231440W)")), "bad_time"),
        (telegram(*changed(x1_0_0="0-0:1.0.0()")), "bad_time"),
        (telegram("1-0:1.8.1(1*kWh)"), "bad_time"),
        (b"/" + b"x" * 20_000, "oversized"),
    ],
)
def test_what_is_no_sound_telegram_is_refused_whole(payload: bytes, reason: str) -> None:
    assert refused(payload).reason == reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1-0:32.7.0(abc*V)", "wrong_type"),
        ("1-0:32.7.0(230.1*W)", "wrong_unit"),
        ("1-0:32.7.0(230.1*furlong)", "unknown_unit"),
        ("1-0:32.7.0(230.1*V*V)", "wrong_type"),
        ("1-0:32.7.0(1)(2)", "wrong_type"),
    ],
)
def test_a_bad_line_is_refused_alone_with_its_number(line: str, reason: str) -> None:
    envelope = read(telegram(*changed(x32_7_0=line)))
    assert [(each.reason, each.place) for each in envelope.refusals] == [(reason, "line 10")]
    assert envelope.samples[0].values["import_wh"] == 1_234_567


def test_a_meter_on_the_bus_without_a_time_or_value_is_refused_alone() -> None:
    lines = [line.replace("(261121231000W)", "(soon)") for line in LINES]
    envelope = read(telegram(*lines))
    assert [each.reason for each in envelope.refusals] == ["bad_time"]
    assert [each.number for each in envelope.samples] == [0, 2]


def test_telegrams_that_repeat_the_gas_meter_repeat_its_key() -> None:
    first = read(telegram(*LINES))
    second = read(telegram(*changed(x1_0_0="0-0:1.0.0(261121231450W)")))
    assert (first.boot, first.seq) == (second.boot, second.seq)
    assert first.samples[0].at_us != second.samples[0].at_us
    assert first.samples[1] == second.samples[1]


def test_the_hour_that_comes_twice_in_autumn_is_told_apart() -> None:
    summer, winter = (
        read(telegram(*changed(x1_0_0=f"0-0:1.0.0(261025023000{letter})"))).samples[0].at_us for letter in "SW"
    )
    assert winter - summer == 3_600_000_000


@given(st.lists(st.text(alphabet="01-:.()*kWhVSm3 a", max_size=30), max_size=6))
def test_decode_answers_on_any_lines_with_a_sound_checksum(lines: list[str]) -> None:
    assert isinstance(decode(telegram("0-0:1.0.0(261121231440W)", *lines), "telemetry"), Envelope | Refusal)


@given(
    st.sampled_from(range(len(LINES))),
    st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40),
)
def test_decode_answers_on_any_content_of_a_line(number: int, content: str) -> None:
    lines = list(LINES)
    lines[number] = f"{lines[number].partition('(')[0]}({content})"
    assert isinstance(decode(telegram(*lines), "telemetry"), Envelope | Refusal)


@given(st.binary(max_size=200))
def test_decode_answers_on_any_bytes(payload: bytes) -> None:
    assert isinstance(decode(b"/" + payload, "telemetry"), Envelope | Refusal)
