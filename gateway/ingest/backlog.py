"""A backlog: what batches have left to be written later, each thing once, the oldest first."""

from collections.abc import Hashable, Iterable
from itertools import filterfalse
from typing import Generic, TypeVar

Thing = TypeVar("Thing", bound=Hashable)


class Backlog(Generic[Thing]):
    """Things by the batch that left them first.

    Examples
    --------
    >>> backlog = Backlog[str]()
    >>> backlog.add(["a", "b"], 1)
    >>> backlog.add(["b", "c"], 2)
    >>> backlog.oldest, backlog.take(2, 10), backlog.oldest
    (1, ['a', 'b'], 2)
    """

    def __init__(self) -> None:
        self._since: dict[Thing, int] = {}

    def __len__(self) -> int:
        return len(self._since)

    def add(self, things: Iterable[Thing], batch: int) -> None:
        """Leave things to be written; one that is here already keeps its place."""
        self._since.update(dict.fromkeys(filterfalse(self._since.__contains__, things), batch))

    def remove(self, things: Iterable[Thing]) -> None:
        """Take out things that are written already."""
        for thing in things:
            self._since.pop(thing, None)

    def take(self, before: int, most: int) -> list[Thing]:
        """Take out the oldest things of batches before one, so many at most."""
        taken: list[Thing] = []
        for thing, batch in self._since.items():
            if batch >= before or len(taken) == most:
                break
            taken.append(thing)
        self.remove(taken)
        return taken

    @property
    def oldest(self) -> int | None:
        """The batch that left the oldest thing."""
        return next(iter(self._since.values()), None)

    def clear(self) -> None:
        """Forget all."""
        self._since.clear()
