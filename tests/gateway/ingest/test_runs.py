"""Runs: what is counted in memory is what the slow way would have counted, and all else is left to it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from devices.numbering import RECENT, Lane, Numbered, Recent, take_in
from gateway.ingest.runs import Numbers, Runs

DEVICES = (3, 11, 4)
START_US = 1_000_000


def lane(highest: int) -> Lane:
    return Lane(
        boot=2,
        epoch=0,
        begins=1,
        heard_us=START_US,
        is_current=True,
        received=[(1, highest)],
        newest_us=START_US,
        recent=[Recent(seq, START_US, START_US, 7) for seq in range(max(1, highest - 3), highest + 1)],
    )


_MESSAGES = st.lists(
    st.builds(
        lambda device, boot, step, told, mark, odd: (device, boot, step, told, mark, odd),
        st.sampled_from(DEVICES),
        st.sampled_from([2, 2, 2, 2, 2, 2, 2, 3]),
        st.sampled_from([1, 1, 1, 1, 1, 1, 1, 1, 2, 0]),
        st.integers(-5, 50),
        st.integers(1, 3),
        st.sampled_from(["", "", "", "", "", "", "backfill", "event", "unbelieved"]),
    ),
    min_size=1,
    max_size=60,
)


def numbered(
    messages: list[tuple[int, int, int, int, int, str]], highest: dict[int, int]
) -> list[tuple[int, Numbered]]:
    """Number messages on from what each device had, with some that are doubled, missing or unusual."""
    reached = dict(highest)
    made: list[tuple[int, Numbered]] = []
    for place, (device, boot, step, told, mark, odd) in enumerate(messages):
        reached[device] += step
        told_us = START_US + told
        claimed_us = None if odd == "unbelieved" else told_us
        made.append(
            (
                device,
                Numbered(
                    boot,
                    max(1, reached[device]),
                    claimed_us,
                    told_us,
                    START_US + place,
                    mark,
                    odd == "backfill",
                    odd == "event",
                ),
            )
        )
    return made


@given(messages=_MESSAGES, first=st.integers(1, 12))
def test_devices_that_are_taken_in_end_as_by_the_slow_way(
    messages: list[tuple[int, int, int, int, int, str]], first: int
) -> None:
    highest = {device: first + place for place, device in enumerate(DEVICES)}
    runs, lanes = Runs(), {device: [lane(highest[device])] for device in DEVICES}
    for device in DEVICES:
        runs.put(device, lane(highest[device]))
    batch = numbered(messages, highest)
    taken = runs.take(Numbers.of(batch)).tolist()
    for device in DEVICES:
        mine = [is_taken for is_taken, (each, _) in zip(taken, batch, strict=True) if each == device]
        assert len(set(mine)) <= 1
        if not mine or not mine[0]:
            continue
        for each, message in batch:
            if each == device:
                assert take_in(lanes[device], message) == []
        [slow] = lanes[device]
        held = runs.held([device])
        assert (int(held.highest[0]), int(held.newest_us[0]), int(held.heard_us[0])) == (
            slow.highest,
            slow.newest_us,
            slow.heard_us,
        )
        count = int(held.count[0])
        assert [Recent(*row) for row in held.recent[0, :count].tolist()] == slow.recent
        assert count <= RECENT


def test_a_run_of_plain_messages_is_taken_in() -> None:
    runs = Runs()
    runs.put(3, lane(4))
    batch = [(3, Numbered(2, seq, START_US + seq, START_US + seq, START_US + seq, 1)) for seq in range(5, 40)]
    assert runs.take(Numbers.of(batch)).all()
    assert runs.held([3]).highest.tolist() == [39]


def test_what_is_not_a_run_is_not_held() -> None:
    runs = Runs()
    for odd in (
        replace(lane(4), is_current=False),
        replace(lane(4), received=[(1, 2), (4, 4)]),
        replace(lane(4), noticed=[(2, 2)]),
        replace(lane(4), begins=0),
        replace(lane(4), newest_us=None),
    ):
        runs.put(3, lane(4))
        runs.put(3, odd)
        assert runs.held([3]).device_id.tolist() == []
    assert not runs.take(Numbers.of([(3, Numbered(2, 5, START_US, START_US, START_US, 1))])).any()
