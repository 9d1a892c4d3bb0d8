"""A receipt's bytes do not depend on how it was written down, and every difference between two is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.receipt import canonical, differences, digest, number, read

NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), JSON, max_size=5)


@given(document=DOCUMENTS)
def test_what_was_read_back_has_the_same_bytes_in_any_order(document: dict[str, object]) -> None:
    again = read(canonical(document))
    assert canonical(again) == canonical(dict(reversed(document.items())))
    assert list(differences(document, again)) == []


@given(one=DOCUMENTS, other=DOCUMENTS)
def test_documents_differ_somewhere_exactly_when_their_hashes_do(
    one: dict[str, object], other: dict[str, object]
) -> None:
    assert bool(list(differences(one, other))) == (digest(one) != digest(other))


def test_a_difference_says_where_and_both_values() -> None:
    (found,) = differences({"symptoms": [{"value": 1.0}]}, {"symptoms": [{"value": 1.5}]})
    assert (found.path, found.recorded, found.recomputed) == ("symptoms[0].value", 1.0, 1.5)


@pytest.mark.parametrize(
    ("value", "written"), [(None, None), (float("nan"), None), (float("inf"), "infinity"), (-2.5, -2.5)]
)
def test_what_json_cannot_say_is_said_in_words_or_not_at_all(value: float | None, written: object) -> None:
    assert number(value) == written
