"""Drafts of migrations: what a product type declares and the migrations so far do not have, as SQL to be reviewed.

It only ever adds columns, which is safe under load and loses nothing. What was taken out of a declaration stays in the
tables: the readings of then were of that signal. It reads the migrations' own text, so it needs no database, and nobody
can draft against one that is behind.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from devices.product import ProductType
from devices.signals import Kind, Signal
from gateway.errors import CalloutError
from gateway.storage.hours import hour_columns
from gateway.storage.migrate import migrations

_READING_TYPE: Final[Mapping[Kind, str]] = {
    Kind.SCALAR: "real",
    Kind.COUNTER: "bigint",
    Kind.LEVEL: "smallint",
    Kind.FLAG: "boolean",
    Kind.VECTOR: "real[]",
    Kind.CODES: "text[]",
}
_HOUR_TYPE: Final[Mapping[Kind, str]] = {
    Kind.SCALAR: "real",
    Kind.LEVEL: "real",
    Kind.COUNTER: "bigint",
    Kind.VECTOR: "real[]",
}
_COLUMN: Final = re.compile(r"(?:^ {4}|, )([a-z][a-z0-9_]*) ([a-z]+(?:\[\])?)(?=[ ,]|$)", re.MULTILINE)


class DraftError(CalloutError):
    """A migration cannot be drafted."""


def draft(product: ProductType) -> str:
    """Return the SQL that adds the columns which a product's declared signals lack; empty where none is lacking.

    Parameters
    ----------
    product : ProductType
        Whose signals.

    Raises
    ------
    DraftError
        When no migration has made the product's tables yet.
    """
    readings, hours = f"{product.name}_reading", f"{product.name}_hour"
    lines = [*_additions(product, readings, hourly=False), *_additions(product, hours, hourly=True)]
    if not lines:
        return ""
    return "\n".join(
        [f"-- Signals that {product.name} declares since the last migration.", "", *lines, *_views(product)]
    )


def migrated_columns(table: str) -> dict[str, str]:
    """Return the columns that the migrations give a table, with their types; empty where there is no such table.

    >>> migrated_columns("smart_meter_hour")["gas_l_max"]
    'bigint'
    """
    text = "\n".join(migration.text for migration in migrations()[1:])
    made = re.search(rf"CREATE TABLE {table} \((.*?)\n\)", text, re.DOTALL)
    if made is None:
        return {}
    added = re.findall(rf"ALTER TABLE {table} ADD COLUMN ([a-z0-9_]+) ([a-z]+(?:\[\])?)", text)
    return dict([*_COLUMN.findall(made[1]), *added])


def _additions(product: ProductType, table: str, *, hourly: bool) -> Iterator[str]:
    there = migrated_columns(table)
    if not there:
        raise DraftError(
            f"no migration makes the table {table}: write the first one of {product.name} by hand, after "
            "gateway/storage/migrations/0003_smart_meter.sql; later ones are drafted"
        )
    for signal in product.signals.values():
        for column, column_type in _columns(signal, hourly=hourly):
            if column not in there:
                yield f"ALTER TABLE {table} ADD COLUMN {column} {column_type};"
            elif there[column] != column_type:
                raise DraftError(
                    f"{table}.{column} is {there[column]} and would have to be {column_type}: a signal never changes "
                    "its kind; declare a new one beside it"
                )


def _columns(signal: Signal, *, hourly: bool) -> list[tuple[str, str]]:
    if hourly:
        return [(column, _HOUR_TYPE[signal.kind]) for column in hour_columns(signal)]
    return [(signal.name, _READING_TYPE[signal.kind])]


def _views(product: ProductType) -> list[str]:
    """The views hold the columns that there were when they were made; making them anew keeps their rights."""
    return [line for kind in ("reading", "hour") for line in _view(f"{product.name}_{kind}", kind[0])]


def _view(table: str, short: str) -> tuple[str, str]:
    return (
        f"CREATE OR REPLACE VIEW {table}_seen WITH (security_barrier) AS",
        # Printed for a person, from names that are declared in code.
        f"    SELECT {short}.* FROM {table} {short} JOIN device d USING (device_id) WHERE d.tenant_id = current_tenant();",  # noqa: S608
    )
