"""Identities and topics: nothing that means something to a broker can become part of a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.identity import CHANNELS, PARTITIONS, Identity, IdentityError, checked_name, parse_topic, partition_of

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
IDENTITIES = st.builds(Identity, st.integers(0, PARTITIONS - 1), NAMES, NAMES)


@given(IDENTITIES, st.sampled_from(CHANNELS))
def test_a_topic_is_read_back_into_the_identity_that_made_it(identity: Identity, channel: str) -> None:
    assert parse_topic(identity.topic(channel)) == (identity, channel)


@given(IDENTITIES)
def test_user_name_and_topics_of_a_device_begin_with_the_same_three_levels(identity: Identity) -> None:
    assert identity.topics() == {channel: f"callout/v1/{identity.username}/{channel}" for channel in CHANNELS}
    assert identity.username.count("/") == 2


@given(NAMES, NAMES)
def test_a_device_has_one_partition_of_64_for_ever(tenant: str, device: str) -> None:
    assert 0 <= partition_of(tenant, device) < PARTITIONS
    assert partition_of(tenant, device) == partition_of(tenant, device)


def test_partitions_do_not_move_between_releases() -> None:
    # Stored at enrolment and bound by the broker's rules: another hash would cut devices off.
    assert [partition_of("hanbit", f"ev-{number:04d}") for number in (1, 2, 3, 4)] == [38, 28, 10, 41]


def test_devices_spread_evenly_over_the_partitions() -> None:
    counts = [0] * PARTITIONS
    for number in range(6400):
        counts[partition_of("hanbit", f"ev-{number:04d}")] += 1
    assert max(counts) < 200
    assert min(counts) > 50


FORBIDDEN = ["+", "#", "/", "\0", "\n", "\r", "\x7f", " ", "$", "%", "한", "\u202e", "\ud800", '"', "'", "\\", "*", "?"]


@pytest.mark.parametrize("character", FORBIDDEN)
@pytest.mark.parametrize("form", ["{}", "ev{}1", "{}ev", "ev{}"])
def test_a_character_that_brokers_logs_or_files_might_read_is_refused(character: str, form: str) -> None:
    with pytest.raises(IdentityError, match=r"use 1 to 64 letters, digits, '\.', '-' or '_'"):
        checked_name(form.format(character), "device")


@pytest.mark.parametrize("name", ["", ".", "..", "-x", "_x", ".x", "x" * 65])
def test_a_name_begins_with_a_letter_or_digit_and_has_at_most_64_characters(name: str) -> None:
    with pytest.raises(IdentityError):
        checked_name(name, "tenant")


def test_a_refused_name_is_shown_without_what_would_break_a_line() -> None:
    with pytest.raises(IdentityError) as refused:
        checked_name("a\nb", "device")
    assert str(refused.value).startswith(r"device 'a\nb' is not a usable name")


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_is_refused(text: str) -> None:
    try:
        assert checked_name(text, "device") == text
    except IdentityError:
        return
    assert not set(text) & set("+#/")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "callout/v1/7/hanbit/ev-0001",
        "callout/v1/7/hanbit/ev-0001/telemetry/more",
        "callout/v2/7/hanbit/ev-0001/telemetry",
        "callout/v1/64/hanbit/ev-0001/telemetry",
        "callout/v1/-1/hanbit/ev-0001/telemetry",
        "callout/v1/+/hanbit/ev-0001/telemetry",
        "callout/v1/7/hanbit/#/telemetry",
        "callout/v1/7//ev-0001/telemetry",
        "callout/v1/7/hanbit/ev-0001/Telemetry",
        "callout/v1/7/hanbit/ev-0001/telemetry ",
        "/callout/v1/7/hanbit/ev-0001/telemetry",
        "callout/v1/٧/hanbit/ev-0001/telemetry",
        "callout/v1/²/hanbit/ev-0001/telemetry",
        "$SYS/broker/uptime",
    ],
)
def test_a_topic_of_another_form_is_refused(topic: str) -> None:
    with pytest.raises(IdentityError):
        parse_topic(topic)


@pytest.mark.parametrize("partition", ["07", "+7", "7 ", "0x7", "7.0", "7_0", "9" * 5000])
def test_a_partition_is_written_in_one_way_only(partition: str) -> None:
    # Two spellings of one number would be two topics: the broker binds a device to its own alone.
    with pytest.raises(IdentityError):
        parse_topic(f"callout/v1/{partition}/hanbit/ev-0001/telemetry")


@given(st.text(max_size=120))
def test_any_topic_is_read_or_refused(topic: str) -> None:
    try:
        identity, channel = parse_topic(topic)
    except IdentityError:
        return
    assert identity.topic(channel) == topic
