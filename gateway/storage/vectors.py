"""Vectors for COPY: lists of numbers as PostgreSQL's binary float4[], without a Python call per element.

The form is that of `array_send`: number of dimensions, whether there are NULLs, element type; per dimension its length
and lower bound; per element its length in bytes (-1 for NULL) and its big-endian bytes.
"""

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
from psycopg import Cursor
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import TupleRow

_FLOAT4_OID: Final = 700
_FLOAT4_ARRAY_OID: Final = 1021
_HEADER: Final = struct.Struct("!iiIii")
_ELEMENT: Final = np.dtype([("length", ">i4"), ("value", ">f4")])
_NULL: Final = struct.pack("!i", -1)
_ONE: Final = struct.Struct("!if")


class Vector:
    """A mark to register the dumper under; it is found by its type, float4[], when a COPY names that."""


class VectorDumper(Dumper):
    """Dumps a list of numbers and None as float4[]."""

    format = Format.BINARY
    oid = _FLOAT4_ARRAY_OID

    def dump(self, obj: Sequence[float | None]) -> Buffer:
        """Return the binary form of one list."""
        has_null = None in obj
        header = _HEADER.pack(1, int(has_null), _FLOAT4_OID, len(obj), 1)
        if has_null:
            return header + b"".join(_NULL if value is None else _ONE.pack(4, value) for value in obj)
        elements = np.empty(len(obj), _ELEMENT)
        elements["length"] = 4
        elements["value"] = obj
        return header + elements.tobytes()


def use_vectors(cursor: Cursor[TupleRow]) -> None:
    """Let this cursor's COPY write float4[] by `VectorDumper`."""
    cursor.adapters.register_dumper(Vector, VectorDumper)
