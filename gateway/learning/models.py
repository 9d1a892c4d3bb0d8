"""Stored models: a file of plain arrays, and its card, which says of what data it was learned and what its bytes are.

Reading a model runs no code of its file. One whose bytes are not those that the card names is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from diagnostics.state import Array, pack, unpack
from gateway.errors import CalloutError
from gateway.whole import write_whole


class ModelError(CalloutError):
    """A model that cannot be used: which file, why, and what to do next."""


class Model(Protocol):
    """What can be stored: it gives plain arrays by name, of which its kind makes it again."""

    def arrays(self) -> dict[str, Array]:
        """Return all of it by name."""
        ...


Kind = TypeVar("Kind", bound=Model)


class Card(BaseModel):
    """The model card.

    `sha256` is the hash of the model's file, by which a receipt names it; `data_sha256` that of the data it was trained
    on; `figures` are those of data that it had not seen; `meant_for` and `not_meant_for` are for people. A model that says
    wrong or well has a `threshold`; one that tells labels apart has `labels`, in their order, and the `coverage` of its sets.
    `seed` is of the training's chance, where there is any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    sha256: str
    features: Sequence[str]
    threshold: float | None = None
    labels: Sequence[str] = ()
    coverage: float | None = None
    rows: int
    wrong_rows: int
    data: str
    data_sha256: str
    licence: str
    method: str
    library: str
    seed: int | None = None
    figures: Mapping[str, float]
    meant_for: str
    not_meant_for: str


def content_of(model: Model) -> tuple[bytes, str]:
    """Return a model's bytes and their hash."""
    content = pack(model.arrays())
    return content, sha256(content).hexdigest()


def save(folder: Path, content: bytes, card: Card) -> tuple[Path, Path]:
    """Write a model and its card into a folder, and return both files.

    Raises
    ------
    ModelError
        When they cannot be written there.
    """
    model, about = folder / f"{card.name}.model", folder / f"{card.name}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Killed between the two, the card does not name the model, which is refused then.
        write_whole(model, content)
        write_whole(about, card.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise ModelError(f"{folder} cannot be written to: {error}. Name another folder.") from error
    return model, about


def load(folder: Path, name: str, of: Callable[[dict[str, Array]], Kind]) -> tuple[Kind, Card]:
    """Read a model by its name.

    Parameters
    ----------
    folder : Path
        That it was saved in.
    name : str
        As on its card.
    of : callable
        Makes the model of its arrays, as `Forest.of`; ValueError where they are not such a model's.

    Raises
    ------
    ModelError
        When model or card are missing or cannot be read, or the model is not the one that its card names.
    """
    model, about = folder / f"{name}.model", folder / f"{name}.json"
    try:
        content, card = model.read_bytes(), Card.model_validate_json(about.read_bytes())
    except OSError as error:
        raise ModelError(f"{error.filename}: {error.strerror}. Train it: callout train {name} --data DIR") from error
    except ValidationError as error:
        raise ModelError(f"{about} is no model card: {error.errors()[0]['msg']}. Train the model anew.") from error
    if (found := sha256(content).hexdigest()) != card.sha256:
        raise ModelError(
            f"{model} was changed: its hash is {found[:16]}, its card names {card.sha256[:16]}. Nothing is decided by it; "
            f"train it anew, or bring back the file that the card names."
        )
    try:
        return of(unpack(content)), card
    except ValueError as error:
        raise ModelError(f"{model} is no model: {error}. Train it anew.") from error
