"""Scratch databases: whoever cannot have one is told who is in the way, and waits no longer than that."""

import psycopg
import pytest

from gateway.rehearsal.scratch import _ROLES_LOCK, ScratchError, scratch_database

THERE = r"SELECT datname FROM pg_database WHERE datname LIKE 'callout\_rehearsal\_%' ORDER BY 1"


def test_who_is_in_the_way_all_the_while_is_named_and_nothing_is_left_behind(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as holder:
        before = holder.execute(THERE).fetchall()
        holder.execute("SELECT pg_advisory_lock(%s)", [_ROLES_LOCK])
        [pid] = holder.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        with pytest.raises(ScratchError, match=rf"for 1 s .* process {pid} \(client backend, idle for"):
            with scratch_database(postgres_dsn, lock_wait_s=1):
                pytest.fail("it was made although somebody else makes one")
        assert holder.execute(THERE).fetchall() == before
