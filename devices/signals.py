"""Signals: what a product type reports, with unit, kind and plausible range. Knows nothing of any one product."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a signal is reported and stored."""

    SCALAR = "scalar"  # a measured number: float, single precision
    COUNTER = "counter"  # an exact whole number in the signal's resolution
    LEVEL = "level"  # a small whole number with named steps
    FLAG = "flag"  # true or false
    VECTOR = "vector"  # numbers of like parts: cells, probes, tyres
    CODES = "codes"  # trouble codes that the device reports as active


@dataclass(frozen=True, slots=True)
class Signal:
    """One declared signal.

    Parameters
    ----------
    name : str
        JSON name and column name; ends in its unit where it has one.
    title : str
        English text for people, a gettext message id.
    unit : str
        Unit as shown to people; empty for counts, levels and flags.
    kind : Kind
        How it is reported and stored.
    plausible : tuple of float
        Lowest and highest value that a sound sensor can give. A value outside is stored and is evidence.
    no_value : tuple of float
        Values by which the device says that there is none (255, 511, 0xFFFF); stored as no value.
    standard : str
        Name in the field's standard (COVESA VSS, OBIS, SAE), for the documents.
    element : str
        For vectors: what one element is called ("Cell"), a gettext message id.
    most_elements : int
        For vectors: how many elements are read; detectors keep state for each.
    """

    name: str
    title: str
    unit: str
    kind: Kind
    plausible: tuple[float, float]
    no_value: tuple[float, ...] = ()
    standard: str = ""
    element: str = ""
    most_elements: int = 256
