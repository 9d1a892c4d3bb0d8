"""Who ought to own which range: decided alike by each process, from what all of them can read.

Shares are equal but for one range, and those that were there first have the larger ones. Nobody commands: whoever has
too much gives back, whoever has too little takes what nobody owns.
"""

from dataclasses import dataclass

from devices.identity import PARTITIONS
from gateway.storage.leases import LeaseRow, Standing


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process does next.

    `serve` are leases of its own to work on, `give_back` those that others should have, `take` ranges without an owner;
    `is_short` says that its share is larger than what it owns. `divides` says that it owns all, and is the one to divide
    the partitions anew.
    """

    serve: tuple[LeaseRow, ...] = ()
    give_back: tuple[LeaseRow, ...] = ()
    take: tuple[range, ...] = ()
    is_short: bool = False
    divides: bool = False


def division(ranges: int) -> tuple[range, ...]:
    """Divide the partitions evenly.

    >>> division(4)
    (range(0, 16), range(16, 32), range(32, 48), range(48, 64))
    """
    size = PARTITIONS // ranges
    return tuple(range(start, start + size) for start in range(0, PARTITIONS, size))


def share(process_no: int, processes: tuple[int, ...], ranges: int) -> int:
    """Return how many of so many ranges are a process's share.

    >>> [share(number, (3, 7, 8), 4) for number in (3, 7, 8)]
    [2, 1, 1]
    """
    if process_no not in processes:
        return 0
    each, over = divmod(ranges, len(processes))
    return each + (processes.index(process_no) < over)


def is_dividing(now: Standing) -> bool:
    """Whether the partitions are to be divided anew, or messages may wait in the session of a range that has no lease."""
    wanted = division(now.wanted_ranges)
    return tuple(lease.partitions for lease in now.leases) != wanted or set(now.sessions) != set(wanted)


def plan(process_no: int, now: Standing) -> Plan:
    """Decide what a process does, as things stand.

    While the partitions are to be divided anew nobody serves: all ranges go to the process that was there first.
    """
    own = tuple(lease for lease in now.leases if lease.owner == process_no)
    free = tuple(lease.partitions for lease in now.leases if lease.owner is None)
    if is_dividing(now):
        if process_no != now.processes[0]:
            return Plan(give_back=own)
        return Plan(take=free, divides=len(own) == len(now.leases))
    due = share(process_no, now.processes, len(now.leases))
    return Plan(serve=own[:due], give_back=own[due:], take=free[: max(0, due - len(own))], is_short=len(own) < due)
