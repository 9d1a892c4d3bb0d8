"""Breeds: how the devices of one product stand on the street. Each is found in ``simulators/plants/<product>_breed.py``."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from simulators import plants
from simulators.enrolment import Place
from simulators.errors import SimulatorError
from simulators.kinds import Kind, kinds_of

Language = Literal["en", "ko", "ja"]
Sample = Mapping[str, object]
Arrays = dict[str, NDArray[Any]]
_ENDING = "_breed"


class Plant(Protocol):
    """The physics of so many devices of one product, under one clock."""

    rng: np.random.Generator

    def step(self, dt_s: float, at: datetime, strain: Any, /) -> None:
        """Let so many seconds pass up to an instant, with what is wrong meanwhile."""
        ...

    def samples(self) -> Sequence[Sample]:
        """Read all sensors once: one sample per device, without its time."""
        ...

    def codes(self, row: int, /) -> tuple[str, ...]:
        """Name the codes that a device shows now."""
        ...

    def memory(self) -> Arrays:
        """Give all that must be kept so that another run goes on from here, beside the state of ``rng``."""
        ...

    def remember(self, memory: Arrays, /) -> None:
        """Go on from what :meth:`memory` gave."""
        ...


@dataclass(frozen=True, slots=True)
class Where:
    """A part of a town: its name, where it lies, and its time zone."""

    name: str
    latitude: float
    longitude: float
    zone: str


@dataclass(frozen=True, slots=True)
class Breed:
    """The devices of one product as they stand on the street.

    Attributes
    ----------
    product, noun
        Its product type, and what many of them are called.
    prefix, serial
        Beginning of their names; their serial numbers as a format of their number.
    models, firmwares
        What there is; models may be told apart by nobody else.
    first_owner
        Where in the list of people its owners begin.
    homes
        Where they are, by the language of their owners.
    build, no_strain
        The plant at these places from a seed; nothing wrong with so many of them.
    scatter
        The plant of devices in climates all over the world, one for each kind of fault that it is to have (empty: none),
        from a seed, for steps of so many seconds.
    history, cadence, live_cadence
        How far in the past they begin, if not said otherwise; time between two samples then, and live.
    samples_per_message, live_samples_per_message
        How many samples they put into one message, of the past and live.
    demo_faults
        What is wrong in a fleet of ten or more devices, if not said otherwise.
    """

    product: str
    noun: str
    prefix: str
    serial: str
    models: tuple[str, ...]
    firmwares: tuple[str, ...]
    first_owner: int
    homes: Mapping[Language, tuple[Where, ...]]
    build: Callable[[Sequence[Place], int], Plant]
    no_strain: Callable[[int], Any]
    scatter: Callable[[Sequence[str], int, float], Plant]
    history: timedelta
    cadence: timedelta
    live_cadence: timedelta
    samples_per_message: int
    live_samples_per_message: int
    demo_faults: tuple[str, ...]

    def names(self, count: int) -> list[str]:
        """Name the first so many of them."""
        return [f"{self.prefix}-{number:04d}" for number in range(1, count + 1)]

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What can be made wrong with them."""
        return kinds_of(self.product)


@cache
def breeds() -> Mapping[str, Breed]:
    """Return all breeds by their product, as they are found among the plants.

    Examples
    --------
    >>> breeds().keys() >= {"electric_vehicle", "smart_meter"}
    True
    """
    found = [module.name for module in pkgutil.iter_modules(plants.__path__) if module.name.endswith(_ENDING)]
    modules = [importlib.import_module(f"{plants.__name__}.{name}") for name in found]
    return {breed.product: breed for breed in (cast("Breed", module.BREED) for module in modules)}


def breed_of(product: str) -> Breed:
    """Return the breed of a product.

    Raises
    ------
    SimulatorError
        When there are no simulated devices of it.
    """
    breed = breeds().get(product)
    if breed is None:
        raise SimulatorError(f"There are no simulated devices of {product!r}; there are {', '.join(breeds())}")
    return breed
