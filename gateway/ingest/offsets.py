"""How far the partitions of a log are done: only up to the first record that is not. Pure; it knows no Kafka."""

from collections.abc import Mapping


class Offsets:
    """Records that were delivered and are not finished, and how far the log was told.

    Examples
    --------
    >>> offsets = Offsets()
    >>> for offset in (5, 6, 9):
    ...     offsets.deliver(3, offset)
    >>> offsets.finish(3, 6)
    >>> offsets.untold()
    {}
    >>> offsets.finish(3, 5)
    >>> offsets.untold()
    {3: 9}
    >>> offsets.told({3: 9})
    >>> offsets.untold()
    {}
    """

    def __init__(self) -> None:
        self._open: dict[int, dict[int, None]] = {}
        self._next: dict[int, int] = {}
        self._told: dict[int, int] = {}

    def deliver(self, partition: int, offset: int) -> None:
        """Note a record that was handed over; a partition's come in their order, and again after a loss."""
        open_here = self._open.setdefault(partition, {})
        if not open_here:
            self._told.setdefault(partition, offset)
        open_here[offset] = None
        self._next[partition] = offset + 1

    def finish(self, partition: int, offset: int) -> None:
        """Note that a record need not come again."""
        self._open.get(partition, {}).pop(offset, None)

    def untold(self) -> dict[int, int]:
        """Return the offset to begin with after a restart, for each partition whose log has not been told it."""
        reached = {partition: next(iter(self._open[partition]), upto) for partition, upto in self._next.items()}
        return {partition: offset for partition, offset in reached.items() if offset != self._told[partition]}

    def told(self, places: Mapping[int, int]) -> None:
        """Note what the log has taken."""
        self._told.update(places)
