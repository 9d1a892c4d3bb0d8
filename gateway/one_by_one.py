"""One by one: what is due is found, and each of it is done in a transaction of its own; one that fails stops no other.

It knows nothing of what is done. A database that is away ends it, for it would be away for the others, too.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import psycopg
from psycopg.errors import DeadlockDetected, SerializationFailure

from gateway.storage.connection import Connection, tenant_transaction

_log: Final = logging.getLogger(__name__)
_Item = TypeVar("_Item")


def guarded(name: str, piece: Callable[[], object]) -> None:
    """Do a piece of the sweep; what goes wrong with it is logged, and tried again with the next sweep.

    Parameters
    ----------
    name : str
        What the log calls it.
    piece : callable
        With transactions of its own.

    Raises
    ------
    psycopg.OperationalError, psycopg.InterfaceError
        The database is away, or was never there.
    """
    try:
        piece()
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        # Who was chosen to end a deadlock has lost one transaction, and no more.
        if not isinstance(error, DeadlockDetected | SerializationFailure):
            raise
        _log.warning("sweep: %s has waited in a circle; it is tried again with the next sweep", name)
    except Exception:  # noqa: BLE001  # whatever is wrong with one of them must not keep the others from their clocks
        _log.exception("sweep: %s failed; it is tried again with the next sweep", name)


def one_by_one(
    connection: Connection,
    tenant_id: int,
    name: str,
    find: Callable[[], Sequence[_Item]],
    do: Callable[[_Item], object],
) -> None:
    """Find what is due of a tenant, and do each of it; one that fails is left to the next sweep.

    Parameters
    ----------
    connection : Connection
        In autocommit mode.
    tenant_id : int
        Whose transactions they are.
    name : str
        What the log calls one of them.
    find, do : callable
        Each is called in a transaction of the tenant. What was found may have changed by the time that it is done.
    """
    with tenant_transaction(connection, tenant_id):
        due = find()

    def one(each: _Item) -> None:
        with tenant_transaction(connection, tenant_id):
            do(each)

    for each in due:
        guarded(f"{name} {each}", lambda each=each: one(each))
