"""Drafts of migrations: what a product type declares and the migrations so far do not have, as SQL to be reviewed.

The first draft of a product makes its tables, with views and rights; a later one only ever adds columns, which is safe
under load and loses nothing. What was taken out of a declaration stays in the tables: the readings of then were of that
signal. It reads the migrations' own text, so it needs no database, and nobody can draft against one that is behind.
"""

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from devices.product import ProductType
from gateway.errors import CalloutError
from gateway.storage.columns import TABLES, Table, columns
from gateway.storage.migrate import migrations

_COLUMN: Final = re.compile(r"(?:^ {4}|, )([a-z][a-z0-9_]*) ([a-z]+(?:\[\])?)(?=[ ,]|$)", re.MULTILINE)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
# PostgreSQL cuts names at 63 bytes; the longest that is made of a product's is that of its index by ingest number.
_LONGEST_PRODUCT: Final = 63 - len("_reading_by_ingest_no")
_LONGEST_SIGNAL: Final = 63 - len("_min")
# Of PostgreSQL's reserved words those that a signal could be called by.
_RESERVED: Final = frozenset({
    "all", "analyse", "analyze", "any", "array", "as", "asc", "case", "check", "column", "current_date", "current_time",
    "default", "desc", "distinct", "do", "else", "end", "except", "false", "for", "foreign", "from", "grant", "group",
    "in", "initially", "into", "lateral", "leading", "limit", "not", "null", "offset", "on", "only", "or", "order",
    "primary", "references", "select", "some", "symmetric", "table", "then", "to", "trailing", "true", "union", "unique",
    "user", "using", "variadic", "when", "where", "window", "with",
})  # fmt: skip
_OWN: Final[dict[Table, Sequence[str]]] = {
    "reading": (
        "device_id int NOT NULL", "claimed_at timestamptz NOT NULL", "boot bigint NOT NULL", "seq bigint NOT NULL",
        "sample smallint NOT NULL", "partition smallint NOT NULL", "ingest_no bigint NOT NULL",
        "received_at timestamptz NOT NULL", "is_backfill boolean NOT NULL",
    ),
    "hour": ("device_id int NOT NULL", "hour_at timestamptz NOT NULL", "samples int NOT NULL"),
}  # fmt: skip
_ENDS: Final[dict[Table, Sequence[str]]] = {
    "reading": ("other jsonb", "PRIMARY KEY (device_id, claimed_at, boot, seq, sample)"),
    "hour": ("PRIMARY KEY (device_id, hour_at)",),
}


class DraftError(CalloutError):
    """A migration cannot be drafted."""


def draft(product: ProductType) -> str:
    """Return the SQL that makes what a product's declared signals lack; empty where nothing is lacking.

    Parameters
    ----------
    product : ProductType
        Whose signals; its tables are made where no migration has made them yet.

    Raises
    ------
    DraftError
        When a name cannot be that of a table or column, or a signal has changed its kind.
    """
    _see_that_names_fit(product)
    if not migrated_columns(f"{product.name}_reading"):
        return "\n".join(_first(product)) + "\n"
    lines = [line for table in TABLES for line in _additions(product, table)]
    if not lines:
        return ""
    heading = f"-- Signals that {product.name} declares since the last migration."
    return "\n".join([heading, "", *lines, *_views(product, "CREATE OR REPLACE VIEW")]) + "\n"


def write_draft(product: ProductType, folder: Path | None = None) -> Path | None:
    """Write what a product lacks into the next file of the migrations, and return it; None where nothing is lacking.

    Parameters
    ----------
    product : ProductType
        Whose signals.
    folder : Path, optional
        Where the migrations are; those of this program when None.

    Raises
    ------
    DraftError
        When it cannot be drafted, or the file cannot be written.
    """
    text = draft(product)
    if not text:
        return None
    place = folder or Path(str(resources.files("gateway.storage.migrations")))
    newest = max((int(file.name[:4]) for file in place.glob("[0-9][0-9][0-9][0-9]_*.sql")), default=0)
    is_first = text.startswith("-- Readings of")
    path = place / f"{newest + 1:04}_{product.name}{'' if is_first else '_signals'}.sql"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DraftError(
            f"{path} cannot be written: {error}. Do it where Callout's own files lie and may be changed, and build the "
            "image or installation again from there; without --write the SQL is printed."
        ) from error
    return path


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


def _see_that_names_fit(product: ProductType) -> None:
    if not _NAME.fullmatch(product.name) or len(product.name) > _LONGEST_PRODUCT:
        raise DraftError(
            f"product type {product.name!r} cannot be the name of a table: lower-case letters, digits and _, beginning "
            f"with a letter, at most {_LONGEST_PRODUCT} of them. Rename its folder and its PRODUCT."
        )
    own = {column.partition(" ")[0] for column in (*_OWN["reading"], *_ENDS["reading"])}
    for name in product.signals:
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_SIGNAL:
            raise DraftError(
                f"signal {name!r} of {product.name} cannot be the name of a column: lower-case letters, digits and _, "
                f"beginning with a letter, at most {_LONGEST_SIGNAL} of them. Rename it."
            )
        if name in own:
            raise DraftError(f"signal {name!r} of {product.name} has the name of a column of every table: rename it.")
        if name in _RESERVED:
            raise DraftError(
                f"signal {name!r} of {product.name} is a word of SQL, and no name for a column: rename it."
            )


def _first(product: ProductType) -> Iterator[str]:
    """The first migration of a product: its two tables, an index, the views that people see them by, and rights."""
    name = product.name
    yield f"-- Readings of the product type {name}: one row per sample, columns following the declared signals."
    yield ""
    yield from _table(product, "reading", ") PARTITION BY RANGE (claimed_at);")
    yield f"CREATE INDEX {name}_reading_by_ingest_no ON {name}_reading (partition, ingest_no);"
    yield ""
    yield from _table(product, "hour", ");")
    yield ""
    yield "-- Readings are written by COPY, which does not work under row-level security. So the pages and the work read them"
    yield "-- through views that join the device of the present tenant; only ingest and the roll-up touch the tables."
    yield from _views(product, "CREATE VIEW")
    yield ""
    yield f"GRANT SELECT, INSERT ON {name}_reading TO callout_ingest;"
    yield f"GRANT SELECT ON {name}_reading_seen, {name}_hour_seen TO callout_work, callout_serve;"
    yield f"GRANT SELECT ON {name}_reading TO callout_work;"
    yield f"GRANT SELECT, INSERT, UPDATE ON {name}_hour TO callout_work;"


def _table(product: ProductType, table: Table, end: str) -> list[str]:
    of_signals = [columns(signal, table) for signal in product.signals.values()]
    told = [", ".join(f"{column} {kind}" for column, kind in each.items()) for each in of_signals if each]
    rows = [*_OWN[table], *told, *_ENDS[table]]
    return [f"CREATE TABLE {product.name}_{table} (", ",\n".join(f"    {row}" for row in rows), end]


def _additions(product: ProductType, table: Table) -> Iterator[str]:
    name = f"{product.name}_{table}"
    there = migrated_columns(name)
    for signal in product.signals.values():
        for column, column_type in columns(signal, table).items():
            if column not in there:
                yield f"ALTER TABLE {name} ADD COLUMN {column} {column_type};"
            elif there[column] != column_type:
                raise DraftError(
                    f"{name}.{column} is {there[column]} and would have to be {column_type}: a signal never changes "
                    "its kind; declare a new one beside it"
                )


def _views(product: ProductType, make: str) -> list[str]:
    """The views hold the columns that there were when they were made; making them anew keeps their rights."""
    return [line for table in TABLES for line in _view(f"{product.name}_{table}", table[0], make)]


def _view(table: str, short: str, make: str) -> tuple[str, str]:
    return (
        f"{make} {table}_seen WITH (security_barrier) AS",
        # Printed for a person, from names that are declared in code.
        f"    SELECT {short}.* FROM {table} {short} JOIN device d USING (device_id) WHERE d.tenant_id = current_tenant();",  # noqa: S608
    )
