"""Verifying: the audit's chain of a tenant is followed from its first record to its last.

What was changed, taken out, put in or moved is found, and so is an end that was cut off unless its head was, too: then
only a head that was noted outside before can tell. `callout verify-audit` prints the heads for that. What owners have signed
stands in the chain, too: a mandate that says something else by now is found.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.storage import audit
from gateway.storage.connection import Connection
from workflows.audit import GENESIS, Head, Link, Misfit, follow_chain

_AT_A_TIME: Final = 5_000


@dataclass(frozen=True, slots=True)
class Verified:
    """How far a chain fits, and the first record that does not; `records` counts those that do."""

    head: Head
    misfit: Misfit | None

    @property
    def records(self) -> int:
        """How many records fit."""
        return self.head.number


def verify(connection: Connection, noted: Head | None = None) -> Verified:
    """Follow the chain of the present tenant, in a transaction that sees one state of it.

    Parameters
    ----------
    connection : Connection
        In a repeatable-read transaction of the tenant.
    noted : Head or None
        A head that was noted outside before; the chain has to go through it.
    """
    head = Head()
    found: dict[int, bytes] = {0: GENESIS}
    for portion in _portions(audit.chain_after(connection, head)):
        followed = follow_chain(head, portion)
        if isinstance(followed, Misfit):
            return Verified(_before(head, portion, followed), followed)
        if noted is not None and head.number < noted.number <= followed.number:
            found[noted.number] = portion[noted.number - head.number - 1].hash
        head = followed
    return Verified(head, _end(connection, head, noted, found))


def _before(head: Head, portion: list[Link], misfit: Misfit) -> Head:
    """Return the head before the record that does not fit."""
    last = misfit.number - head.number - 2
    return Head(portion[last].number, portion[last].hash) if last >= 0 else head


def _end(connection: Connection, head: Head, noted: Head | None, found: dict[int, bytes]) -> Misfit | None:
    stored = audit.stored_head(connection)
    if stored != head:
        why = f"the chain ends at {head.number}, and its head says {stored.number}"
        return Misfit(head.number + 1, None, f"{why}: records at the end are missing or were put in")
    if noted is not None and found.get(noted.number) != noted.hash:
        why = f"it does not go through the head that was noted before, number {noted.number}"
        return Misfit(noted.number, None, f"{why}: the end was cut off, or all of it was written anew")
    if (audit_id := audit.unlinked(connection)) is not None:
        return Misfit(head.number + 1, audit_id, "no link names it: it was put in")
    if (changed := audit.changed_mandate(connection)) is not None:
        return Misfit(*changed, "the mandate that it tells of is another one by now: it was changed")
    return None


def _portions(links: Iterable[Link]) -> Iterator[list[Link]]:
    portion: list[Link] = []
    for link in links:
        portion.append(link)
        if len(portion) == _AT_A_TIME:
            yield portion
            portion = []
    if portion:
        yield portion
