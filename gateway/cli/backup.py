"""The commands that set a desk's data aside and bring it back."""

import contextlib
import time
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import EmbeddedError
from gateway.settings import Settings, load_settings


def _tell(line: str) -> None:
    typer.echo(f"{datetime.now().astimezone():%H:%M:%S} {line}")


def backup(
    into: Annotated[Path, typer.Argument(help="Folder below which the backup gets a folder of its own.")],
    *,
    jobs: Annotated[int, typer.Option(min=1, max=16, help="How many tables are dumped side by side.")] = 2,
    keep: Annotated[int, typer.Option(min=0, help="Delete older backups there but so many; 0: none.")] = 0,
) -> None:
    """Set the database as of one instant aside, with the secrets that belong to it, while the desk goes on.

    The folder that it prints is whole, with a checksum of each file; readable by its owner only, for it holds secrets.
    What waits at the broker is not in it. A desk that is not running is started as far as needed.
    """
    from gateway.backup.make import drop_oldest, make_backup
    from gateway.backup.manifest import Manifest

    began_s = time.monotonic()
    with _with_database(load_settings()) as settings:
        made = make_backup(settings, into, _tell, jobs=jobs)
    size_mb = Manifest.read(made).size_bytes / 1e6
    _tell(f"{size_mb:.1f} MB in {time.monotonic() - began_s:.0f} s")
    for old in drop_oldest(into, keep) if keep else ():
        _tell(f"deleted {old}")
    typer.echo(str(made))


def restore(
    folder: Annotated[Path, typer.Argument(help="The backup, a folder that `callout backup` has printed.")],
    *,
    jobs: Annotated[int, typer.Option(min=1, max=16, help="How many tables are loaded side by side.")] = 2,
    check: Annotated[bool, typer.Option("--check", help="Only see whether the backup is whole and fits.")] = False,
) -> None:
    """Bring a backup back: into the empty database of CALLOUT_DATABASE_URL, or else into a new CALLOUT_DATA_DIR.

    Nothing is ever written over a living desk. A backup of an older version is brought to this one's schema. Letters
    that had not left by the backup leave when the desk starts: for a rehearsal leave CALLOUT_SMTP_URL unset.
    """
    from gateway.backup.restore import open_backup
    from gateway.backup.restore import restore as bring_back

    if check:
        manifest = open_backup(folder)
        _tell(f"{folder} is whole: {len(manifest.files)} files, {manifest.size_bytes / 1e6:.1f} MB")
        _tell(f"it holds what was committed by {manifest.snapshot_at:%Y-%m-%d %H:%M:%S} UTC")
        return
    began_s = time.monotonic()
    bring_back(folder, load_settings(), _tell, jobs=jobs)
    _tell(f"restored in {time.monotonic() - began_s:.0f} s; the desk can be started")


@contextlib.contextmanager
def _with_database(given: Settings) -> Generator[Settings]:
    """Give settings whose database runs: that of the settings, of the household that is at home, or one started for this."""
    from gateway.embedded.folder import DataFolder
    from gateway.embedded.neighbour import fill_in
    from gateway.embedded.postgres import EmbeddedPostgres

    filled, folder = fill_in(given), DataFolder(given.data_dir)
    port = folder.remembered_ports().get("postgres")
    if given.database_url or port is None:
        yield filled
        return
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(folder.locked("callout backup"))
        except EmbeddedError:
            _tell(f"the desk on {folder.path} runs, and goes on")
        else:
            stack.enter_context(EmbeddedPostgres(folder, port, ends_orphans=True))
        yield filled


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    app.command(rich_help_panel="Set-up")(backup)
    app.command(rich_help_panel="Set-up")(restore)
