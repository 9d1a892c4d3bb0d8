"""Reading a recording: a CSV file, plain, gzipped, or alone in a zip, row by row and never as a whole."""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from simulators.errors import SimulatorError

_DELIMITERS = (",", ";", "\t", "|")
csv.field_size_limit(1024 * 1024)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is not one: what is wrong with it."""

    line: int
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row of texts, with the line it ends on in the file."""

    line: int
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Recording:
    """An open recording."""

    header: tuple[str, ...]
    rows: Iterator[Row | BadRow]


@contextmanager
def open_recording(path: Path) -> Generator[Recording]:
    """Open a recording for one pass.

    Parameters
    ----------
    path
        A .csv, .csv.gz or .zip with one CSV file in it; told by what it is, not by its name.

    Raises
    ------
    SimulatorError
        When it cannot be opened, is damaged, or has no header.
    """
    try:
        with _open_bytes(path) as raw, io.TextIOWrapper(raw, "utf-8-sig", errors="replace", newline="") as text:
            yield _recording(path, text)
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise SimulatorError(f"Cannot read the recording {path}: {error}") from error


def _recording(path: Path, text: IO[str]) -> Recording:
    first = text.readline()
    if not first.strip():
        raise SimulatorError(f"The recording {path} is empty: its first line must name the columns")
    delimiter = max(_DELIMITERS, key=first.count)
    header = tuple(name.strip() for name in next(csv.reader([first], delimiter=delimiter)))
    reader = csv.reader(text, delimiter=delimiter)
    # The header was the first line, which the reader has not seen.
    return Recording(header, _rows(reader, lambda: reader.line_num + 1, len(header)))


def _rows(reader: Iterator[list[str]], line: Callable[[], int], width: int) -> Iterator[Row | BadRow]:
    while True:
        try:
            texts = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(line(), "", f"not CSV: {error}")
            continue
        if len(texts) == width:
            yield Row(line(), texts)
        elif texts:
            yield BadRow(line(), ",".join(texts)[:60], f"has {len(texts)} fields instead of {width}")


@contextmanager
def _open_bytes(path: Path) -> Generator[IO[bytes]]:
    with path.open("rb") as probe:
        magic = probe.read(4)
    if magic[:2] == b"\x1f\x8b":
        with gzip.open(path, "rb") as unpacked:
            yield cast("IO[bytes]", unpacked)
    elif magic == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive, archive.open(_only_file(path, archive)) as unpacked:
            yield unpacked
    else:
        with path.open("rb") as plain:
            yield plain


def _only_file(path: Path, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if len(names) != 1:
        raise SimulatorError(f"{path} holds {len(names)} files; it must hold one CSV file: {', '.join(names[:5])}")
    return names[0]
