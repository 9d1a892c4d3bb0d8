"""The commands about how readings are stored: a product type's tables as SQL, and TimescaleDB's hypertables."""

from typing import Annotated

import typer


def draft_migration(
    product: Annotated[str, typer.Argument(help="Name of the product type.")],
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Write it into the next file of gateway/storage/migrations.")
    ] = False,
) -> None:
    """Draft the SQL that a product type needs, for a person to review: its tables, or columns for new signals.

    It needs no database; `migrate` and `up` apply what is written.
    """
    from devices.products import product_type
    from gateway.storage.draft import draft, write_draft

    wanted = product_type(product)
    nothing = f"-- every declared signal of {product} has its columns"
    if not write:
        typer.echo(draft(wanted).rstrip() or nothing)
        return
    path = write_draft(wanted)
    typer.echo(
        nothing if path is None else f"wrote {path}: review it, then run 'callout migrate', or start 'callout up'"
    )


def hypertables() -> None:
    """Move the readings that PostgreSQL partitions itself into hypertables of TimescaleDB.

    An empty database gets them by `migrate`; this is for one that has readings already. Stop ingest first, or let it
    wait: while a table is moved nobody reads or writes it, and the broker keeps what devices say. It needs
    room for the largest table twice, and ends with all of a table moved or nothing.
    """
    from gateway.embedded.neighbour import fill_in
    from gateway.settings import load_settings
    from gateway.storage.connection import Role, connect
    from gateway.storage.migrate import check_schema
    from gateway.storage.timescale import make_hypertables

    with connect(fill_in(load_settings()).required("database_url"), Role.ADMIN) as connection:
        check_schema(connection)
        moved = make_hypertables(connection)
    for table, readings in moved:
        typer.echo(f"{table} is a hypertable now, with {readings:,} readings")
    if not moved:
        typer.echo("all tables of readings are hypertables already")


def tell_plain_tables(database_url: str) -> None:
    """Say which tables hold readings in partitions of PostgreSQL's although the database has TimescaleDB."""
    from gateway.storage.connection import Role, connect
    from gateway.storage.timescale import plain_tables

    with connect(database_url, Role.ADMIN) as connection:
        plain = plain_tables(connection)
    if plain:
        typer.echo(f"{', '.join(plain)} hold readings from before TimescaleDB: callout hypertables moves them")


def tell_unserved(database_url: str) -> None:
    """Say which product types cannot be served because the database lacks tables or columns of theirs."""
    from gateway.storage.connection import Role, connect
    from gateway.storage.lacking import lacking

    with connect(database_url, Role.ADMIN) as connection:
        for told in lacking(connection).values():
            typer.echo(told)


def add_to(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    app.command(rich_help_panel="Processes")(draft_migration)
    app.command(rich_help_panel="Processes")(hypertables)
