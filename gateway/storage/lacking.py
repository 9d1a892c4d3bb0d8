"""What the database lacks for a product type to be served: its tables, or columns for signals that it declares.

A product's folder can be there before its migration. Whoever would write or read its tables asks here first, so that
only this product waits, and everybody says the same of it. It does not know who may use the tables.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from devices.product import ProductType
from devices.products import product_types
from gateway.storage.columns import TABLES, Table, wanted_columns
from gateway.storage.connection import Connection

_MOST_NAMED: Final = 5


def lacking(connection: Connection, products: Iterable[ProductType] | None = None) -> dict[str, str]:
    """Return what the database lacks of product types, by name, each with the next move; empty where all is there.

    Parameters
    ----------
    connection : Connection
        In any role.
    products : iterable of ProductType, optional
        Which are asked about; all that have a folder when None.
    """
    asked = list(product_types().values() if products is None else products)
    there = _there(connection, [f"{product.name}_{table}" for product in asked for table in TABLES])
    found = {product.name: _lack(product, there) for product in asked}
    return {name: _told(name, lack) for name, lack in found.items() if lack}


def _there(connection: Connection, tables: list[str]) -> dict[str, dict[str, str]]:
    """Return the columns of tables and of the views that people see them through, with their types."""
    rows = connection.execute(
        """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = to_regnamespace('callout') AND a.attnum > 0 AND NOT a.attisdropped
            AND c.relname = ANY (%(tables)s::text[] || %(views)s::text[])""",
        {"tables": tables, "views": [f"{table}_seen" for table in tables]},
    )
    there: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        there.setdefault(table, {})[column] = kind
    return there


def _lack(product: ProductType, there: Mapping[str, Mapping[str, str]]) -> str:
    """Say what a product lacks; empty where it lacks nothing."""
    needed: dict[str, Table] = {f"{product.name}_{table}{seen}": table for seen in ("", "_seen") for table in TABLES}
    for name in needed:
        if name not in there:
            return f"the database has no {'view' if name.endswith('_seen') else 'table'} {name}"
    for name, table in needed.items():
        made, wanted = there[name], wanted_columns(product, table)
        if missing := [column for column in wanted if column not in made]:
            named = ", ".join(missing[:_MOST_NAMED]) + (" and more" if len(missing) > _MOST_NAMED else "")
            return f"{name} has no column {named}"
        for column, kind in wanted.items():
            if made[column] != kind:
                return f"{name}.{column} is {made[column]}, and its signal wants {kind}"
    return ""


def _told(name: str, lack: str) -> str:
    return (
        f"product type {name!r} is not served: {lack}. Run 'callout draft-migration {name} --write', then "
        "'callout migrate', and start the desk again. What its devices said meanwhile is kept: "
        "'callout rejections TENANT --reason no_table --replay' takes it in."
    )
