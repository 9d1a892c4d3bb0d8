"""The command that accounts for every row: what a recording held against what the desk stored, absorbed and refused."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.errors import SettingsError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.accounting import Line

_COLUMNS: Final = (
    "device", "rows", "sent", "not_sent", "stored", "not_there", "duplicate", "refused", "values_refused", "symptoms", "requests"
)  # fmt: skip
_FORMS: Final = ("table", "json", "csv")


def account(
    tenant: Annotated[str, typer.Argument(help="Name of the tenant.")],
    *,
    sent: Annotated[
        list[Path] | None,
        typer.Option(help="What a replay wrote with --account; may be given many times. Without: all devices."),
    ] = None,
    form: Annotated[str, typer.Option("--as", help="table (Markdown), json or csv.")] = "table",
) -> None:
    """Account for every row: sent, stored, absorbed as a duplicate, or refused by reason; with symptoms and requests.

    Given a replay's account, samples that were sent but neither stored nor refused are duplicates. The command ends with
    1 when a row is not accounted for. It counts all that a device ever sent: replay into devices of their own.
    """
    from gateway.accounting import account as drawn_up
    from gateway.accounting import read_sent
    from gateway.admission.enrolment import tenant_named
    from gateway.storage import accounting as kept
    from gateway.storage.connection import Role, connect, tenant_transaction

    if form not in _FORMS:
        message = f"--as {form} is none: choose one of {', '.join(_FORMS)}."
        raise SettingsError(message)
    said = {name: each for path in sent or () for name, each in read_sent(path).items()}
    with (
        connect(_settings().required("database_url"), Role.WORK) as connection,
        tenant_transaction(connection, tenant_named(connection, tenant)),
    ):
        products = dict(kept.devices(connection))
        lines = drawn_up(
            products,
            said,
            kept.stored(connection, sorted(set(products.values()))),
            kept.refused(connection),
            kept.symptoms(connection),
            kept.requests(connection),
        )
    typer.echo(_formed(lines, form), nl=False)
    if not all(line.is_balanced for line in lines):
        unbalanced = ", ".join(line.device or "(no device)" for line in lines if not line.is_balanced)
        typer.echo(
            f"not accounted for: {unbalanced}; is ingest still at work, or did they send other data, too?", err=True
        )
        raise typer.Exit(1)


def _formed(lines: Sequence["Line"], form: str) -> str:
    if form == "json":
        return json.dumps([asdict(line) for line in lines], indent=1) + "\n"
    rows = [[_cell(getattr(line, column)) for column in _COLUMNS] for line in lines]
    if form == "csv":
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([_COLUMNS, *rows])
        return stream.getvalue()
    table = [_COLUMNS, ["---"] * len(_COLUMNS), *rows, _total(lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in table)


def _total(lines: Sequence["Line"]) -> list[str]:
    """Sum up all columns of numbers."""
    cells = [f"{len(lines)} devices"]
    for column in _COLUMNS[1:]:
        values: list[object] = [getattr(line, column) for line in lines]
        if all(value is None for value in values):
            cells.append("")
        else:
            cells.append(f"{sum(sum(each.values()) if isinstance(each, dict) else each or 0 for each in values):,}")  # type: ignore[misc]
    return cells


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())  # pyright: ignore[reportUnknownVariableType]
    return str(value)


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(rich_help_panel="The street")(account)


def _settings() -> Settings:
    from gateway.embedded.neighbour import fill_in
    from gateway.settings import load_settings

    return fill_in(load_settings())
