"""The lease of a range of partitions, held for one transaction at a time: the fence between two owners.

Whoever takes a range over raises its epoch, and waits in doing so for a transaction that holds the lease. So a batch is
either whole before the next owner begins, or not there at all.
"""

from dataclasses import dataclass
from typing import Protocol

from gateway.errors import CalloutError
from gateway.storage.connection import Connection
from gateway.storage.leases import LeaseRow, are_all_held, is_held


class LeaseLostError(CalloutError):
    """Another process owns the range now: nothing more may be written or acknowledged for it."""


class Holds(Protocol):
    """The right to write for a range of partitions."""

    def hold(self, connection: Connection) -> None:
        """Keep the right to the end of the present transaction.

        Raises
        ------
        LeaseLostError
            The range has another owner.
        """
        ...


class Unshared:
    """For a worker that shares with nobody, as in tests and measurements: it holds always."""

    def hold(self, connection: Connection) -> None:
        """Hold."""
        del connection


@dataclass(frozen=True, slots=True)
class Lease:
    """A range that a process took in an epoch."""

    partitions: range
    epoch: int
    process_no: int

    def hold(self, connection: Connection) -> None:
        """Lock the lease in the present transaction.

        Raises
        ------
        LeaseLostError
            The range has another owner, or another epoch.
        """
        if not is_held(connection, self.partitions, self.epoch, self.process_no):
            raise LeaseLostError(
                f"{self} is over: another process took the range. Nothing of the batch in hand is kept or acknowledged "
                "here; the broker gives it to the new owner."
            )

    def __str__(self) -> str:
        return f"the lease on {told(self.partitions)} (epoch {self.epoch}, process {self.process_no})"


@dataclass(frozen=True, slots=True)
class Whole:
    """All leases that there are, in one process's hands: the right to empty whichever session messages wait in.

    Attributes
    ----------
    partitions
        The range of the session that is emptied, which need not be one of the leases.
    """

    partitions: range
    process_no: int
    leases: tuple[LeaseRow, ...]

    def hold(self, connection: Connection) -> None:
        """Lock all leases in the present transaction.

        Raises
        ------
        LeaseLostError
            One of them has another owner or another epoch, or they were divided anew.
        """
        if not are_all_held(connection, self.leases):
            raise LeaseLostError(
                f"the leases are no longer all of process {self.process_no}: what waits in the session of "
                f"{told(self.partitions)} is emptied by whoever divides the partitions next."
            )


def told(partitions: range) -> str:
    """Return a range as people say it.

    >>> told(range(0, 16)), told(range(5, 6))
    ('partitions 0 to 15', 'partition 5')
    """
    if len(partitions) == 1:
        return f"partition {partitions.start}"
    return f"partitions {partitions.start} to {partitions.stop - 1}"
