"""Looking for cycles rarely: they are still found, and a batch is not interrupted by it."""

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from gateway.ingest.garbage import collect_rarely


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    gc.collect()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def rounds(begun: list[int]) -> object:
    def note(phase: str, _info: object) -> None:
        if phase == "start":
            begun.append(1)

    return note


def test_cycles_are_still_found_before_they_are_many() -> None:
    collect_rarely()
    first = ref(Knot())
    for _ in range(60_000):
        Knot()
    assert first() is None


def test_a_batch_of_messages_is_read_without_a_search() -> None:
    collect_rarely()
    begun: list[int] = []
    note = rounds(begun)
    gc.callbacks.append(note)  # type: ignore[arg-type]
    try:
        held = [[[number], {"value": number}] for number in range(2_000)]
    finally:
        gc.callbacks.remove(note)  # type: ignore[arg-type]
    assert len(held) == 2_000
    assert begun == []
