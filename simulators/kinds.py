"""Kinds of faults, by the product that can have them: each stands in ``simulators/plants/<product>_faults.py``."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

Act = Callable[[Any, int, int, float, float], None]
"""Write what a fault does: the product's strain, device row, channel from 0, severity, hours since the onset."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: what it does, its unit, what is usual, on which signals it shows, and which commands cure it."""

    act: Act
    unit: str
    usual: float
    signals: tuple[str, ...]
    channels: int
    title: str
    cured_by: tuple[str, ...] = ()


def kinds_of(product: str) -> Mapping[str, Kind]:
    """Return a product's kinds of faults, found by its name.

    Raises
    ------
    ModuleNotFoundError
        When there are no simulated devices of this product.
    """
    module = importlib.import_module(f"simulators.plants.{product}_faults")
    return cast("Mapping[str, Kind]", module.KINDS)
