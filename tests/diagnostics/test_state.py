"""Detector state as bytes: what is taken out comes back as it was, and nothing else is taken for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from diagnostics.state import pack, unpack

KINDS = st.sampled_from(["<f8", "<f4", "<i8", "<i4", "|i1", "|b1", "<U7"])


@given(
    st.dictionaries(st.text(max_size=9), KINDS.flatmap(lambda kind: arrays(kind, array_shapes(max_dims=3, min_side=0))))
)
def test_arrays_come_back_with_type_shape_and_content(taken: dict[str, np.ndarray]) -> None:
    back = unpack(pack(taken))
    assert list(back) == list(taken)
    for name, array in taken.items():
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
        assert back[name].tobytes() == array.tobytes()


def test_a_part_of_a_larger_array_is_packed_as_what_it_is() -> None:
    whole = np.arange(12.0).reshape(3, 4)
    assert unpack(pack({"column": whole[:, 1]}))["column"].tolist() == [1.0, 5.0, 9.0]


def test_objects_are_not_packed() -> None:
    with pytest.raises(ValueError, match="array names holds objects"):
        pack({"names": np.array(["a", None], dtype=object)})


@pytest.mark.parametrize("state", [b"", b"PK\x03\x04", b"\x81\xa1a\x93\xa3<f8\x91\x02\xc4\x01\x00", b"\x81\xa1a\x93\xa2zz\x91\x01\xc4\x00"])  # fmt: skip
def test_other_bytes_are_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(state)
