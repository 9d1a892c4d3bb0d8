"""The folder that a set lies in, and its files, with an error that names the next move where they are not what they should be."""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.evaluate.report import EvaluateError


def find_files(folder: Path, name: str, *patterns: str) -> list[Path]:
    """Return a set's files, in order of their paths.

    Parameters
    ----------
    folder : Path
        The set's folder, or the one that all sets lie in.
    name : str
        What the set's own folder is called there.
    patterns : str
        Glob patterns relative to the set's folder, as ``**/*.csv``.

    Raises
    ------
    EvaluateError
        When there is no such folder, or no such file in it.
    """
    if not folder.is_dir():
        raise EvaluateError(
            f"--data {folder}: there is no such folder. Name the folder that holds {name}/, or {name}/ itself."
        )
    home = folder / name if (folder / name).is_dir() else folder
    files = sorted({file for pattern in patterns for file in home.glob(pattern) if file.is_file()})
    if not files:
        wanted = " or ".join(patterns)
        raise EvaluateError(
            f"--data {folder}: no {wanted} in {home}. Name the folder that holds {name}/, or {name}/ itself."
        )
    return files


def read_rows(file: Path, columns: Sequence[str], delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Yield a CSV file's rows; it may be packed (.gz, or the one file of a .zip).

    Raises
    ------
    EvaluateError
        When it cannot be read, or lacks one of `columns`.
    """
    try:
        reader = csv.DictReader(io.StringIO(_text(file)), delimiter=delimiter)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            has = ", ".join(reader.fieldnames or ())
            raise EvaluateError(
                f"{file} has no column {missing[0]!r}; it has: {has:.200}. Give it in the set's own layout."
            )
        yield from reader
    except csv.Error as error:
        raise EvaluateError(f"{file} is no CSV: {error}. Get it again from its source.") from error


def _text(file: Path) -> str:
    try:
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as packed:
                content = packed.read(_only(file, packed.namelist()))
        else:
            content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        return content.decode("utf-8-sig")
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
        raise EvaluateError(f"{file} cannot be read: {error}. Get it again from its source.") from error


def _only(file: Path, names: Sequence[str]) -> str:
    inside = [name for name in names if name.endswith(".csv") and not name.startswith("__MACOSX")]
    if len(inside) != 1:
        raise EvaluateError(f"{file} holds {len(inside)} CSV files, and should hold one: {', '.join(names):.200}")
    return inside[0]
