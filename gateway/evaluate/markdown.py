"""Tables that a command writes into a document, between two comments that mark their place."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.evaluate.report import Cell, EvaluateError, Table
from gateway.whole import write_whole

BEGIN: Final = "<!-- measured: begin (made by `callout evaluate products --write`) -->"
END: Final = "<!-- measured: end -->"


def put(file: Path, tables: Sequence[Table]) -> None:
    """Replace what stands between the marks of a document by tables.

    Raises
    ------
    EvaluateError
        When the document has no such place, or cannot be written.
    """
    place = re.compile(rf"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.DOTALL)
    try:
        text = file.read_text("utf-8")
        written = "\n".join([BEGIN, *(line for table in tables for line in lines(table)), END])
        if not place.search(text):
            raise EvaluateError(f"{file} has no place for tables. Write {BEGIN} and {END} where they belong.")
        write_whole(file, place.sub(lambda _: written, text))
    except OSError as error:
        raise EvaluateError(f"{file} cannot be written: {error}. Run it in a checkout of your own.") from error


def lines(table: Table) -> Iterator[str]:
    """Yield a table's title and rows.

    >>> list(lines(Table("T", ("a", "b"), [(1, None)])))
    ['', '**T**', '', '| a | b |', '|---|---|', '| 1 |  |', '']
    """
    yield from ("", f"**{table.title}**", "", _row(table.head), "|" + "---|" * len(table.head))
    for row in table.rows:
        yield _row(row)
    yield ""


def _row(cells: Sequence[Cell]) -> str:
    return "| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |"
