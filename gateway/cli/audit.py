"""The command about the audit: its chain is followed, and the first record that does not fit is named."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.errors import SettingsError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.audit.verifying import Verified
    from gateway.storage.connection import Connection
    from workflows.audit import Head


def verify_audit(
    *,
    tenant: Annotated[str | None, typer.Option(help="Name of the tenant [default: every one].")] = None,
    since: Annotated[
        Path | None, typer.Option(help="What this command printed last time: the chain has to go on from there.")
    ] = None,
) -> None:
    """Prove that nobody changed what was written down of automatic acts, or name the first record that does not fit.

    The last line is one JSON object: records, misfits, heads. Kept elsewhere and given with --since, it also shows an end
    that was cut off. The command exits with 1 when something does not fit.
    """
    from gateway.storage.connection import Role, connect

    noted = {} if since is None else _noted(since)
    with connect(_settings().required("database_url"), Role.WORK) as connection:
        found = {name: _verify(connection, number, noted.get(name)) for number, name in _tenants(connection, tenant)}
    for name, verified in found.items():
        misfit = verified.misfit
        if misfit is None:
            typer.echo(f"{name}: {verified.records} records fit")
        else:
            record = "" if misfit.audit_id is None else f" (record {misfit.audit_id})"
            typer.echo(f"{name}: {verified.records} records fit; number {misfit.number}{record} does not: {misfit.why}")
    misfits = sum(verified.misfit is not None for verified in found.values())
    heads = {name: {"number": each.head.number, "hash": each.head.hash.hex()} for name, each in found.items()}
    records = sum(verified.records for verified in found.values())
    typer.echo(json.dumps({"records": records, "misfits": misfits, "heads": heads}))
    raise typer.Exit(1 if misfits else 0)


def _verify(connection: "Connection", tenant_id: int, noted: "Head | None") -> "Verified":
    from psycopg import IsolationLevel

    from gateway.audit.verifying import verify
    from gateway.storage.connection import tenant_transaction

    # Chain, head and records as they are at one instant: the desk goes on writing meanwhile.
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    with tenant_transaction(connection, tenant_id):
        return verify(connection, noted)


def _tenants(connection: "Connection", name: str | None) -> list[tuple[int, str]]:
    rows = connection.execute(
        "SELECT tenant_id, name FROM tenant WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY tenant_id",
        {"name": name},
    ).fetchall()
    if name is not None and not rows:
        message = f"there is no tenant {name!r}. Create it with `callout configure FILE`, or correct the name."
        raise SettingsError(message)
    return [(row[0], row[1]) for row in rows]


def _noted(file: Path) -> "dict[str, Head]":
    from workflows.audit import Head

    try:
        last: dict[str, Any] = json.loads(file.read_text(encoding="utf-8").strip().rpartition("\n")[2])
        return {name: Head(head["number"], bytes.fromhex(head["hash"])) for name, head in last["heads"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = (
            f"{file} does not end with what 'callout verify-audit' prints last ({error!r}): give a file that does."
        )
        raise SettingsError(message) from error


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("verify-audit", rich_help_panel="Set-up")(verify_audit)


def _settings() -> Settings:
    from gateway.embedded.neighbour import fill_in
    from gateway.settings import load_settings

    return fill_in(load_settings())
