"""Columns as the bytes of a binary COPY: whole columns at once, with no call for each value.

A row is the number of its fields, and for each field its length (-1 for NULL) and its big-endian bytes. A column is laid
out as a matrix of bytes, all rows as wide as the widest, with a mask of those that count; so columns stand side by side
and the mask takes out what nobody wants. Source: PostgreSQL's documentation of COPY and of `array_send`.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from devices.readings import IntArray, Value
from devices.signals import Kind

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_LENGTH: Final = 4
_FLOAT4_OID: Final = 700
_TEXT_OID: Final = 25
_HEADER: Final = struct.Struct("!iiIii")
_ELEMENT: Final = np.dtype([("length", ">i4"), ("value", ">f4")])
_NULL: Final = struct.pack("!i", -1)
_ONE: Final = struct.Struct("!if")
_JSONB_VERSION: Final = b"\x01"
_US_TO_2000: Final = 946_684_800_000_000
_TYPES: Final = {Kind.SCALAR: ">f4", Kind.COUNTER: ">i8", Kind.LEVEL: ">i2", Kind.FLAG: "u1"}

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a COPY: bytes [n, widest] with their lengths before them, and which of them count."""

    content: Bytes
    counts: NDArray[np.bool_] | None = None


def numbers(column: Any, kind: str) -> Field:
    """Lay out an array without NULLs, as one of the types ">i2", ">i4", ">i8", ">f4" or "u1"."""
    array = np.ascontiguousarray(column, dtype=kind)
    size = array.dtype.itemsize
    content = np.zeros((len(array), _LENGTH + size), np.uint8)
    content[:, _LENGTH - 1] = size
    content[:, _LENGTH:] = array.view(np.uint8).reshape(len(array), size)
    return Field(content)


def instants(at_us: IntArray) -> Field:
    """Lay out microseconds since 1970 UTC as timestamptz."""
    return numbers(at_us - _US_TO_2000, ">i8")


def signal_values(column: Sequence[Value], kind: Kind) -> Field:
    """Lay out n raw values of a signal, None where there is none."""
    if kind is Kind.VECTOR:
        return pieces([None if each is None else _vector(cast("Sequence[float | None]", each)) for each in column])
    if kind is Kind.CODES:
        return pieces([None if each is None else _texts(cast("Sequence[str]", each)) for each in column])
    if None not in column:
        return numbers(column, _TYPES[kind])
    is_null = np.array([each is None for each in column])
    filled = numbers([0 if each is None else each for each in column], _TYPES[kind])
    filled.content[is_null, :_LENGTH] = 255
    counts = np.ones(filled.content.shape, np.bool_)
    counts[is_null, _LENGTH:] = False
    return Field(filled.content, counts)


def documents(column: Sequence[bytes | None]) -> Field:
    """Lay out n JSON texts as jsonb."""
    return pieces([None if each is None else _JSONB_VERSION + each for each in column])


def pieces(column: Sequence[bytes | None]) -> Field:
    """Lay out n values that are bytes already, None for NULL."""
    sizes = np.array([0 if each is None else len(each) for each in column])
    content = np.zeros((len(column), _LENGTH + int(sizes.max(initial=0))), np.uint8)
    lengths = np.where([each is None for each in column], -1, sizes)
    content[:, :_LENGTH] = lengths.astype(">i4").view(np.uint8).reshape(len(column), _LENGTH)
    counts = np.arange(content.shape[1]) < (sizes + _LENGTH)[:, None]
    content[:, _LENGTH:][counts[:, _LENGTH:]] = np.frombuffer(b"".join(each or b"" for each in column), np.uint8)
    return Field(content, counts)


def binary(fields: Sequence[Field]) -> bytes:
    """Return all rows as one binary COPY.

    Examples
    --------
    >>> binary([numbers([7], ">i2")])[19:].hex(" ")
    '00 01 00 00 00 02 00 07 ff ff'
    """
    rows = len(fields[0].content)
    head = np.tile(np.frombuffer(struct.pack("!h", len(fields)), np.uint8), (rows, 1))
    content = np.concatenate([head, *(field.content for field in fields)], axis=1)
    if any(field.counts is not None for field in fields):
        content = content[np.concatenate([np.ones(head.shape, np.bool_), *map(_counts, fields)], axis=1)]
    return _SIGNATURE + content.tobytes() + _TRAILER


def _counts(field: Field) -> NDArray[np.bool_]:
    return np.ones(field.content.shape, np.bool_) if field.counts is None else field.counts


def _vector(numbers: Sequence[float | None]) -> bytes:
    """Return a list of numbers and None as float4[]."""
    has_null = None in numbers
    header = _HEADER.pack(1, int(has_null), _FLOAT4_OID, len(numbers), 1)
    if has_null:
        return header + b"".join(_NULL if number is None else _ONE.pack(_LENGTH, number) for number in numbers)
    elements = np.empty(len(numbers), _ELEMENT)
    elements["length"] = _LENGTH
    elements["value"] = numbers
    return header + elements.tobytes()


def _texts(texts: Iterable[str]) -> bytes:
    """Return texts as text[]."""
    encoded = [text.encode() for text in texts]
    if not encoded:
        return struct.pack("!iiI", 0, 0, _TEXT_OID)
    header = _HEADER.pack(1, 0, _TEXT_OID, len(encoded), 1)
    return header + b"".join(struct.pack("!i", len(each)) + each for each in encoded)
