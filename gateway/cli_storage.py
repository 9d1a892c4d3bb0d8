"""The command about how readings are stored: move them into TimescaleDB's hypertables."""

import typer


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


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command(rich_help_panel="Processes")(hypertables)
