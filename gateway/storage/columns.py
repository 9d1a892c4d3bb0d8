"""Which columns a product type's declared signals want, in the table of its readings and in that of its hours."""

from collections.abc import Mapping
from typing import Final, Literal

from devices.product import ProductType
from devices.signals import Kind, Signal
from gateway.storage.hours import hour_columns

Table = Literal["reading", "hour"]
TABLES: Final[tuple[Table, ...]] = ("reading", "hour")
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


def columns(signal: Signal, table: Table) -> dict[str, str]:
    """Return the columns of one signal in one of its product's tables, with PostgreSQL's names of their types.

    >>> columns(Signal("soc_pct", "Charge", "%", Kind.SCALAR, (0, 100)), "reading")
    {'soc_pct': 'real'}
    """
    if table == "hour":
        return dict.fromkeys(hour_columns(signal), _HOUR_TYPE.get(signal.kind, ""))
    return {signal.name: _READING_TYPE[signal.kind]}


def wanted_columns(product: ProductType, table: Table) -> dict[str, str]:
    """Return the columns of all signals of a product in one of its tables, in the order of their declaration."""
    return {name: kind for signal in product.signals.values() for name, kind in columns(signal, table).items()}
