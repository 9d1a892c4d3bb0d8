"""A backup is restored: into an empty database, or into a data folder that has none; never over a living desk.

What was interrupted is never taken for a desk: a database bears a mark until it is whole, and a data folder gets its
parts only when all of them are ready.
"""

import re
import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.backup.make import Progress, Tell
from gateway.backup.manifest import AUTHORITY, DATABASE, PORTS, SECRETS, BackupError, Manifest
from gateway.backup.programs import find_program, run
from gateway.embedded.folder import DataFolder, open_folder, write_privately
from gateway.embedded.ports import next_free_port
from gateway.embedded.postgres import DEFAULT_PORT, EmbeddedPostgres
from gateway.settings import Settings
from gateway.storage import backups
from gateway.storage.connection import Connection, Role, connect
from gateway.storage.migrate import check_known, migrate

_STAGING: Final = "restoring"
_ROLE: Final = re.compile(r"callout_[a-z_]{1,50}")


def open_backup(folder: Path) -> Manifest:
    """Read a backup and see that it is whole, undamaged, and of a schema that this program knows.

    Raises
    ------
    BackupError
        It is not whole, or damaged.
    SchemaError
        A newer program made it.
    """
    manifest = Manifest.read(folder)
    check_known(manifest.migrations, f"the backup {folder}")
    if strange := [role for role in manifest.roles if not _ROLE.fullmatch(role)]:
        raise BackupError(f"the backup {folder} names the role {strange[0]!r}, which is none of ours.")
    manifest.check(folder)
    return manifest


def restore(folder: Path, given: Settings, tell: Tell, *, jobs: int = 2) -> None:
    """Restore a backup into the database that the settings name, or else into their data folder.

    Parameters
    ----------
    folder
        The backup.
    given
        The settings as the environment has them.
    tell
        Takes a line for the person at the terminal.
    jobs
        How many tables are loaded side by side.

    Raises
    ------
    BackupError
        It cannot be restored there; what was there is as it was.
    SchemaError
        A newer program made it.
    EmbeddedError
        The embedded database cannot be started, or somebody is at home.
    """
    tell(f"reading {folder}")
    manifest = open_backup(folder)
    data = open_folder(given.data_dir)
    with data.locked("callout restore"):
        if given.database_url:
            _into_database(folder, manifest, given.database_url, tell, jobs)
            _keep_secrets(folder, data, given, tell)
        else:
            _into_folder(folder, manifest, data, given, tell, jobs)


def _into_folder(folder: Path, manifest: Manifest, data: DataFolder, given: Settings, tell: Tell, jobs: int) -> None:
    if manifest.timescaledb:
        raise BackupError(
            f"the backup {folder} is of a database with TimescaleDB {manifest.timescaledb}, which the embedded "
            "PostgreSQL has not. Name a server that has it with CALLOUT_DATABASE_URL."
        )
    cluster = data.path / "postgres"
    if (cluster / "data").exists():
        raise BackupError(
            f"the data folder {data.path} has a database already, and nothing is written over it. Name a new folder "
            "with CALLOUT_DATA_DIR, or move that one away."
        )
    staging = data.path / _STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o755)
    made = DataFolder(staging)
    _write_secrets(folder, made.part(SECRETS))
    try:
        with EmbeddedPostgres(made, next_free_port(DEFAULT_PORT)) as server:
            _into_database(folder, manifest, server.dsn, tell, jobs)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    _keep_secrets(folder, data, given, tell)
    # The new cluster has the password that is among its secrets, the backup's or a new one.
    write_privately(data.part(SECRETS) / "postgres", made.secret("postgres"))
    if (folder / PORTS).is_file() and not (data.path / PORTS).exists():
        write_privately(data.path / PORTS, (folder / PORTS).read_text(encoding="utf-8"))
    if cluster.exists():
        cluster.rmdir()
    (staging / "postgres").rename(cluster)
    shutil.rmtree(staging)


def _into_database(folder: Path, manifest: Manifest, database_url: str, tell: Tell, jobs: int) -> None:
    with closing(connect(database_url, Role.ADMIN)) as connection:
        backups.clear_unfinished(connection)
    with closing(connect(database_url, Role.ADMIN)) as connection:
        if backups.is_occupied(connection):
            raise BackupError(
                "a desk lives in the database that is named, and nothing is written over it. Make an empty database "
                "(CREATE DATABASE) and name it with CALLOUT_DATABASE_URL."
            )
        tool = find_program("pg_restore", backups.server_major(connection), at_least=manifest.dumped_by)
        _see_timescaledb(connection, manifest)
        backups.begin_restore(connection, manifest.roles)
        if manifest.timescaledb:
            backups.before_timescaledb(connection, manifest.timescaledb)
    total = sum(1 for name in manifest.files if name.startswith(f"{DATABASE}/") and ".dat" in name)
    progress = Progress(tell, "processing data for table", total, "restored")
    # The catalogue of TimescaleDB has to come back in its order.
    words = ["--exit-on-error", "--no-owner", "--no-comments", f"--jobs={1 if manifest.timescaledb else jobs}"]
    run(tool, database_url, [*words, str(folder / DATABASE)], progress.hear)
    with closing(connect(database_url, Role.ADMIN)) as connection:
        if manifest.timescaledb:
            backups.after_timescaledb(connection)
        backups.end_restore(connection)
    for name in migrate(database_url):
        tell(f"the backup is of an older schema: applied {name}")


def _see_timescaledb(connection: Connection, manifest: Manifest) -> None:
    wanted = manifest.timescaledb
    if wanted and wanted not in (there := backups.timescaledb_versions(connection)):
        have = ", ".join(sorted(there)) or "none"
        raise BackupError(
            f"the backup is of a database with TimescaleDB {wanted}, and this one can have {have}. Install TimescaleDB "
            f"{wanted} on the server and name an empty database without another version of it (CREATE DATABASE ... "
            "TEMPLATE template0); it can be updated after the restore."
        )


def _keep_secrets(folder: Path, data: DataFolder, given: Settings, tell: Tell) -> None:
    """Put the secrets into the data folder; others that were there are set aside, never written over."""
    theirs = {path.name: path.read_text(encoding="utf-8") for path in sorted((folder / SECRETS).iterdir())}
    ours = data.path / SECRETS
    if ours.is_dir() and any(
        (ours / name).exists() and (ours / name).read_text(encoding="utf-8") != text for name, text in theirs.items()
    ):
        aside = data.path / f"{SECRETS}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        ours.rename(aside)
        tell(f"secrets that were in the data folder are in {aside} from now on")
    _write_secrets(folder, data.part(SECRETS))
    _keep_authority(folder, given.authority_folder, tell)
    signing = theirs.get("signing", "").strip()
    if not signing:
        tell("the backup holds no signing secret: set CALLOUT_SECRET to the old one, or links in letters do not open")
    elif given.secret.get_secret_value() not in {"", signing}:
        tell(
            f"CALLOUT_SECRET is another one than the backup's: links in letters open only with that of {ours / 'signing'}"
        )


def _keep_authority(folder: Path, ours: Path, tell: Tell) -> None:
    """Put the desk's certificate authority where the settings want it, unless one is there."""
    theirs = folder / AUTHORITY
    if not theirs.is_dir():
        return
    # A container's volume is there before anything is in it.
    if ours.exists() and any(ours.iterdir()):
        tell(f"the certificate authority in {ours} stays as it is; the backup's is in {theirs}")
        return
    ours.mkdir(mode=0o755, parents=True, exist_ok=True)
    for path in sorted(theirs.iterdir()):
        write_privately(ours / path.name, path.read_text(encoding="utf-8"))


def _write_secrets(folder: Path, into: Path) -> None:
    into.chmod(0o755)
    for path in sorted((folder / SECRETS).iterdir()):
        write_privately(into / path.name, path.read_text(encoding="utf-8"))
