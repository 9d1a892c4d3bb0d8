"""Bytes of detector state: named arrays as an uncompressed .npz, without pickle, so that old bytes run no code."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def pack(arrays: Mapping[str, Array]) -> bytes:
    """Return named arrays as bytes.

    >>> unpack(pack({"a": np.arange(3)}))["a"].tolist()
    [0, 1, 2]
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def unpack(state: bytes) -> dict[str, Array]:
    """Read back what `pack` made.

    Raises
    ------
    ValueError
        When the bytes are not such an archive, or hold pickled objects.
    """
    with np.load(io.BytesIO(state), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
