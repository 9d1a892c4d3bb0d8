"""A backup is made: one snapshot of a living database, dumped while everything goes on, with the secrets beside it.

What waits at the broker is not in it: a device keeps what was not acknowledged, and what ingest has acknowledged is in
the database. It knows nothing of where the folder goes afterwards.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.backup.manifest import (
    AUTHORITY,
    DATABASE,
    PORTS,
    SECRETS,
    BackupError,
    FileSum,
    Manifest,
    files_below,
    folder_name,
)
from gateway.backup.programs import find_program, run
from gateway.embedded.folder import write_privately
from gateway.settings import Settings
from gateway.storage.backups import Facts, held_snapshot
from gateway.storage.connection import Role, connect

Tell = Callable[[str], None]

_UNFINISHED: Final = ".unfinished"
_LOCK: Final = ".callout-backup.lock"
_TELL_EVERY_S: Final = 5.0
_NEXT_NAME_S: Final = 0.1
# A migration that holds a table for longer than this is better waited for by beginning again.
_LOCK_WAIT_MS: Final = 60_000
_PRIVATE: Final = 0o700


@dataclass(slots=True)
class Progress:
    """Counts the tables in what the programs say, and tells now and then how far they are."""

    tell: Tell
    sign: str
    total: int
    what: str
    _done: int = field(default=0, init=False)
    _told_at_s: float = field(default_factory=time.monotonic, init=False)

    def hear(self, line: str) -> None:
        """Take a line in."""
        if self.sign not in line:
            return
        self._done += 1
        if time.monotonic() - self._told_at_s >= _TELL_EVERY_S:
            self._told_at_s = time.monotonic()
            self.tell(f"{self.what}: {self._done} of {self.total} tables")


def make_backup(settings: Settings, into: Path, tell: Tell, *, jobs: int = 2) -> Path:
    """Make a backup in a folder of its own below `into`, and return that folder.

    It is called ``.callout-...unfinished`` until it is whole, so that one that was interrupted is never taken for one.

    Parameters
    ----------
    settings
        With the database and, as far as they are known here, the secrets.
    into
        Where backups are kept; made where it is absent.
    tell
        Takes a line for the person at the terminal.
    jobs
        How many tables are dumped side by side.

    Raises
    ------
    BackupError
        It could not be made; nothing of it is left behind.
    DatabaseUnreachableError
        The database does not answer.
    """
    try:
        into.mkdir(parents=True, exist_ok=True)
        with _alone(into):
            for leftover in into.glob(f".callout-*{_UNFINISHED}"):
                shutil.rmtree(leftover)
            began_at = datetime.now(UTC)
            while (into / folder_name(began_at)).exists():  # its name says seconds
                time.sleep(_NEXT_NAME_S)
                began_at = datetime.now(UTC)
            unfinished = into / f".{folder_name(began_at)}{_UNFINISHED}"
            unfinished.mkdir(mode=_PRIVATE)
            try:
                _fill(unfinished, settings, tell, jobs)
                return _finish(unfinished, into / folder_name(began_at))
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
    except OSError as error:
        raise BackupError(
            f"the backup in {into} could not be written: {error.strerror or error}. Free some space there, or name "
            "another folder."
        ) from error


def drop_oldest(into: Path, keep: int) -> list[Path]:
    """Delete the oldest whole backups below a folder until `keep` are left, and return those deleted."""
    ours = sorted(path.parent for path in into.glob("callout-[0-9]*Z/manifest.json"))
    surplus = ours[: max(0, len(ours) - keep)]
    for folder in surplus:
        shutil.rmtree(folder)
    return surplus


@contextlib.contextmanager
def _alone(into: Path) -> Generator[None]:
    with (into / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"another backup is being made in {into}. Wait for it, or name another folder.") from None
        yield


def _fill(folder: Path, settings: Settings, tell: Tell, jobs: int) -> None:
    database_url = settings.required("database_url")
    with connect(database_url, Role.ADMIN) as connection, held_snapshot(connection) as facts:
        if not facts.migrations:
            raise BackupError("the database holds no desk: 'callout migrate' makes one. There is nothing to set aside.")
        tool = find_program("pg_dump", facts.postgres)
        tell(f"the snapshot is of {facts.snapshot_at:%Y-%m-%d %H:%M:%S} UTC; the desk goes on meanwhile")
        progress = Progress(tell, "dumping contents of table", facts.tables, "dumped")
        words = ["--format=directory", "--compress=gzip:1", f"--jobs={jobs}", f"--snapshot={facts.snapshot}"]
        words += [f"--lock-wait-timeout={_LOCK_WAIT_MS}", f"--file={folder / DATABASE}"]
        run(tool, database_url, words, progress.hear)
    _copy_secrets(folder, settings)
    tell("writing the checksums")
    _manifest(folder, facts, tool.major).write(folder)


def _copy_secrets(folder: Path, settings: Settings) -> None:
    """What no database holds: without the signing secret no link in a letter would open any more."""
    secrets = folder / SECRETS
    secrets.mkdir(mode=_PRIVATE)
    for name, kept in ((SECRETS, settings.data_dir / SECRETS), (AUTHORITY, settings.authority_folder)):
        for path in sorted(kept.iterdir()) if kept.is_dir() else ():
            if path.is_file() and not path.name.startswith("."):
                (folder / name).mkdir(mode=_PRIVATE, exist_ok=True)
                write_privately(folder / name / path.name, path.read_text(encoding="utf-8"))
    for name, value in (("signing", settings.secret), ("api-token", settings.api_token)):
        if value.get_secret_value():
            write_privately(secrets / name, value.get_secret_value())
    ports = settings.data_dir / PORTS
    if ports.is_file():
        write_privately(folder / PORTS, ports.read_text(encoding="utf-8"))


def _manifest(folder: Path, facts: Facts, dumped_by: int) -> Manifest:
    return Manifest(
        snapshot_at=facts.snapshot_at,
        migrations=facts.migrations,
        postgres=facts.postgres,
        dumped_by=dumped_by,
        timescaledb=facts.timescaledb,
        roles=facts.roles,
        files={name: FileSum.of(folder / name) for name in sorted(files_below(folder))},
    )


def _finish(unfinished: Path, final: Path) -> Path:
    """Give the backup its name once all of it is on the disk."""
    unfinished.rename(final)
    descriptor = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return final
