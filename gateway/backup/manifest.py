"""What a backup says of itself: when it was made, of which schema, and the checksum of each of its files.

The manifest is written last, into a folder that gets its name last: what has a manifest under its own name is whole. It
knows no database.
"""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from gateway.embedded.folder import write_privately
from gateway.errors import CalloutError

DATABASE: Final = "database"
SECRETS: Final = "secrets"
AUTHORITY: Final = "authority"
PORTS: Final = "ports.json"
_MANIFEST: Final = "manifest.json"


class BackupError(CalloutError):
    """A backup could not be made, is not whole, or cannot be restored here."""


class FileSum(BaseModel):
    """Size and SHA-256 of one file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read a file and sum it up."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        return cls(size_bytes=path.stat().st_size, sha256=digest.hexdigest())


class Manifest(BaseModel):
    """One backup.

    `snapshot_at` is the instant up to which it holds what was committed, `migrations` the applied ones with their
    checksums, `postgres` the server's major version and `dumped_by` that of the program that dumped it, `timescaledb` the extension's version or None, `roles` the
    database roles that its rights name, and `files` every file below the folder but this one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["callout-backup/1"] = "callout-backup/1"
    snapshot_at: AwareDatetime
    migrations: dict[str, str]
    postgres: int
    dumped_by: int
    timescaledb: str | None
    roles: list[str]
    files: dict[str, FileSum]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.size_bytes for file in self.files.values())

    def write(self, folder: Path) -> None:
        """Write it into the folder that it describes.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        write_privately(folder / _MANIFEST, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of a backup.

        Raises
        ------
        BackupError
            There is none, or it is none of ours.
        """
        try:
            return cls.model_validate_json((folder / _MANIFEST).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise BackupError(
                f"{folder} is no whole backup: it has no {_MANIFEST}, which is written last. Name the folder that "
                "'callout backup' printed at its end."
            ) from None
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise BackupError(f"{folder / _MANIFEST} cannot be read: {told}. Take another backup.") from error

    def check(self, folder: Path) -> None:
        """Compare every file of a backup with its checksum.

        Raises
        ------
        BackupError
            One is missing, differs, or was not there when the backup was made.
        """
        for name, expected in self.files.items():
            path = folder / name
            if not path.is_file():
                raise BackupError(f"the backup {folder} is damaged: {name} is missing. Take another backup.")
            found = FileSum.of(path)
            if found != expected:
                raise BackupError(
                    f"the backup {folder} is damaged: {name} has {found.size_bytes} bytes with the checksum "
                    f"{found.sha256[:12]}, and was written with {expected.size_bytes} bytes and "
                    f"{expected.sha256[:12]}. Take another backup."
                )
        if strange := sorted(files_below(folder) - self.files.keys()):
            raise BackupError(
                f"the backup {folder} holds {strange[0]}, which was not there when it was made. Take the file away, "
                "or take another backup."
            )


def files_below(folder: Path) -> set[str]:
    """Return the names of all files of a backup but its manifest, relative to its folder."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return found - {_MANIFEST}


def folder_name(at: datetime) -> str:
    """Return the name of a backup that begins at an instant.

    Examples
    --------
    >>> from datetime import UTC
    >>> folder_name(datetime(2026, 11, 22, 5, 15, 7, tzinfo=UTC))
    'callout-20261122T051507Z'
    """
    return f"callout-{at:%Y%m%dT%H%M%SZ}"
