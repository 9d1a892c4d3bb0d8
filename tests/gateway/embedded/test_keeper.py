"""The keeper: what ends is started again, later and later, and all stop in the reverse order."""

from dataclasses import dataclass, field

import pytest

from gateway.embedded.keeper import Keeper
from gateway.errors import EmbeddedError


@dataclass
class Lamp:
    """A piece that only knows whether it is on."""

    name: str
    log: list[str] = field(default_factory=list[str])
    is_running: bool = False
    is_broken: bool = False

    def start(self) -> None:
        if self.is_broken:
            raise EmbeddedError("no current")
        self.is_running = True
        self.log.append(f"{self.name} on")

    def stop(self) -> None:
        self.is_running = False
        self.log.append(f"{self.name} off")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def kept(lamp: Lamp) -> tuple[Keeper, Clock, list[str]]:
    told: list[str] = []
    clock = Clock()
    keeper = Keeper(told.append, clock)
    keeper.start(lamp)
    return keeper, clock, told


def test_pieces_stop_in_the_reverse_order_of_their_start() -> None:
    log: list[str] = []
    keeper = Keeper(log.append)
    for name in ("database", "broker", "ingest"):
        keeper.start(Lamp(name, log))
    keeper.stop()
    assert log[3:] == ["ingest off", "broker off", "database off"]


def test_a_piece_that_cannot_be_started_at_first_is_not_kept() -> None:
    with pytest.raises(EmbeddedError):
        kept(Lamp("lamp", is_broken=True))


def test_a_piece_that_ended_is_started_again_after_a_pause_and_people_are_told() -> None:
    lamp = Lamp("lamp")
    keeper, clock, told = kept(lamp)
    lamp.is_running = False
    keeper.look()
    assert not lamp.is_running
    clock.now_s = 0.6
    keeper.look()
    assert lamp.is_running
    assert told == ["lamp ended; starting it again in 0.5 s", "lamp runs again"]


def test_the_pause_grows_while_it_keeps_failing_and_shrinks_once_it_has_lived_a_minute() -> None:
    lamp = Lamp("lamp")
    keeper, clock, told = kept(lamp)
    lamp.is_running, lamp.is_broken = False, True
    for _ in range(2000):
        clock.now_s += 0.25
        keeper.look()
    pauses = [line.rpartition(" in ")[2] for line in told]
    assert pauses[:8] == ["0.5 s", "1.0 s", "2.0 s", "4.0 s", "8.0 s", "16.0 s", "30.0 s", "30.0 s"]
    assert "could not be started: no current" in told[1]
    lamp.is_broken = False
    clock.now_s += 31
    keeper.look()
    assert lamp.is_running
    clock.now_s += 61
    lamp.is_running = False
    keeper.look()
    assert told[-1].endswith("in 0.5 s")
