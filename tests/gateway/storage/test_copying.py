"""Columns laid out as bytes come out of the database as the values that they were."""

import math

import numpy as np
import pytest
from psycopg import sql

from devices.readings import Value
from devices.signals import Kind
from gateway.storage.connection import Role, connect
from gateway.storage.copying import Field, binary, documents, instants, numbers, pieces, signal_values

TYPES = {
    Kind.SCALAR: "real",
    Kind.COUNTER: "bigint",
    Kind.LEVEL: "smallint",
    Kind.FLAG: "boolean",
    Kind.VECTOR: "real[]",
    Kind.CODES: "text[]",
}
COLUMNS: dict[Kind, list[Value]] = {
    Kind.SCALAR: [1.5, None, -0.25, 3e38],
    Kind.COUNTER: [2**63 - 1, -(2**63), None, 0],
    Kind.LEVEL: [None, 32_767, -32_768, 3],
    Kind.FLAG: [True, False, None, True],
    Kind.VECTOR: [[3.5, None, 1.0], None, [2.25], [0.5] * 96],
    Kind.CODES: [["P0AA6", "열"], [], None, ["B1000"]],
}


def written(dsn: str, kinds: str, fields: list[Field]) -> list[tuple[object, ...]]:
    with connect(dsn, Role.ADMIN) as connection:
        connection.execute(sql.SQL("CREATE TEMPORARY TABLE laid ({})").format(sql.SQL(kinds)))  # pyright: ignore[reportArgumentType]
        with connection.cursor() as cursor, cursor.copy("COPY laid FROM STDIN (FORMAT binary)") as copy:
            copy.write(binary(fields))
        return connection.execute("SELECT * FROM laid").fetchall()


@pytest.mark.parametrize("kind", list(TYPES))
def test_each_kind_of_signal_comes_back(database: str, kind: Kind) -> None:
    rows = written(database, f"v {TYPES[kind]}", [signal_values(COLUMNS[kind], kind)])
    assert [None if row[0] is None else row[0] for row in rows] == [
        pytest.approx(value) if isinstance(value, float) else value for value in COLUMNS[kind]
    ]


def test_columns_of_all_kinds_stand_side_by_side(database: str) -> None:
    fields = [
        numbers([7, 8], ">i4"),
        instants(np.array([0, 1_700_000_000_123_456])),
        signal_values([None, [1.0, None]], Kind.VECTOR),
        signal_values([0.5, None], Kind.SCALAR),
        documents([None, b'{"a": [1, "\xea\xb0\x80"]}']),
        pieces([b"\0x", None]),
    ]
    rows = written(database, "a int, b timestamptz, c real[], d real, e jsonb, f bytea", fields)
    assert [(row[0], row[2], row[3], row[4], row[5]) for row in rows] == [
        (7, None, 0.5, None, b"\0x"),
        (8, [1.0, None], None, {"a": [1, "가"]}, None),
    ]
    instants_back = [row[1] for row in rows]
    assert [each.timestamp() for each in instants_back if hasattr(each, "timestamp")] == [0.0, 1_700_000_000.123456]


def test_what_single_precision_cannot_tell_apart_is_rounded_and_not_refused(database: str) -> None:
    [(value,)] = written(database, "v real", [signal_values([math.pi], Kind.SCALAR)])
    assert value == pytest.approx(math.pi, rel=1e-6)
