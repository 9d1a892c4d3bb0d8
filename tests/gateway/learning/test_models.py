"""Learned models: the stored forest says what scikit-learn says, and a file that was changed decides nothing."""

from pathlib import Path

import numpy as np
import pytest

from diagnostics.forest import Forest
from diagnostics.state import pack
from gateway.evaluate.milling import features, product
from gateway.learning.forests import train
from gateway.learning.models import Card, ModelError, content_of, load, save


def trained() -> tuple[Forest, float]:
    chance = np.random.default_rng(7)
    rows = chance.normal(size=(400, 4))
    return train(rows, rows[:, 0] * rows[:, 1] > 0.5, seed=1)


def stored(folder: Path, forest: Forest) -> Path:
    content, its_hash = content_of(forest)
    card = Card(
        name="m", sha256=its_hash, features=["a"], threshold=0.5, rows=1, wrong_rows=1, data="d", data_sha256="0",
        licence="l", method="m", library="l", seed=1, figures={}, meant_for="a", not_meant_for="b",
    )  # fmt: skip
    return save(folder, content, card)[0]


def test_the_forest_says_what_scikit_learn_says_and_sees_differences_that_single_precision_does_not() -> None:
    _, differs_by = trained()
    assert differs_by < 1e-12
    close = np.repeat([[8.599999999999966], [8.600000000000023]], 20, axis=0)
    told, _ = train(close, close[:, 0] < 8.6, seed=1)
    assert told.probability(close[[0, 20]]).tolist() == [1.0, 0.0]


def test_what_was_saved_is_loaded_and_a_changed_file_is_refused(tmp_path: Path) -> None:
    forest, _ = trained()
    model = stored(tmp_path, forest)
    rows = np.random.default_rng(8).normal(size=(50, 4))
    assert np.array_equal(load(tmp_path, "m", Forest.of)[0].probability(rows), forest.probability(rows))
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.write_bytes(bytes(content))
    with pytest.raises(ModelError, match=r"m\.model was changed: .* Nothing is decided by it"):
        load(tmp_path, "m", Forest.of)


def test_a_model_without_a_card_or_with_another_one_is_refused_with_the_next_move(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Train it: callout train m"):
        load(tmp_path, "m", Forest.of)
    stored(tmp_path, trained()[0])
    (tmp_path / "m.json").write_text("{}")
    with pytest.raises(ModelError, match="is no model card"):
        load(tmp_path, "m", Forest.of)


def test_a_forest_whose_ways_lead_back_or_outside_is_none() -> None:
    forest, _ = trained()
    for left in (np.zeros_like(forest.left), np.full_like(forest.left, 10**9)):
        with pytest.raises(ValueError, match="leads outside of it or back"):
            Forest.of(forest.arrays() | {"left": left})
    with pytest.raises(ValueError, match="needs the arrays"):
        Forest.of({"feature": forest.feature})
    assert pack(forest.arrays())


def test_a_machine_with_an_unknown_reading_is_answered_by_nothing() -> None:
    rows = features(np.array([[300.0, 310.0, 1500.0, 40.0, 10.0, 1.0], [np.nan, 310.0, 1500.0, 40.0, 10.0, 1.0]]))
    forest, _ = train(np.vstack([rows[:1], rows[:1] + 1]), np.array([False, True]), seed=1)
    told = forest.probability(rows)
    assert not np.isnan(told[0])
    assert np.isnan(told[1])
    assert [monitor.name for monitor in product(forest).monitors] == ["fails"]
