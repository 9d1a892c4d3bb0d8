"""Bytes of detector state: named arrays in MessagePack, each with its type and shape, so that old bytes run no code."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_Packed = dict[str, tuple[str, tuple[int, ...], bytes]]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def pack(arrays: Mapping[str, Array]) -> bytes:
    """Return named arrays as bytes.

    Raises
    ------
    ValueError
        When an array holds Python objects, which have no bytes of their own.

    Examples
    --------
    >>> unpack(pack({"a": np.arange(3)}))["a"].tolist()
    [0, 1, 2]
    """
    packed: _Packed = {}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"array {name} holds objects, which cannot be packed")
        packed[name] = (array.dtype.str, array.shape, array.tobytes())
    return _encode(packed)


def unpack(state: bytes) -> dict[str, Array]:
    """Read back what `pack` made; the arrays cannot be written to.

    Raises
    ------
    ValueError
        When the bytes are not such arrays.
    """
    try:
        return {
            name: np.frombuffer(content, np.dtype(kind)).reshape(shape)
            for name, (kind, shape, content) in _decode(state).items()
        }
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"these bytes are no detector state: {error}") from error
