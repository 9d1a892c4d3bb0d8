"""What came of a product's trials: of each device that has a fault, and of the sound ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.evaluate.desk import Decision
from gateway.evaluate.street import Injected
from gateway.evaluate.trials import Trial


@dataclass(slots=True)
class Case:
    """One device with a fault: what was confirmed and decided about the fault's component while it was watched."""

    injected: Injected
    monitors: list[str] = field(default_factory=list[str])
    decisions: list[Decision] = field(default_factory=list[Decision])
    fault: str = ""

    @property
    def delay_h(self) -> float | None:
        """From the onset to the first decision."""
        return (self.decisions[0].at_us - self.injected.onset_us) / 3.6e9 if self.decisions else None


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial and what came of each of its devices."""

    trial: Trial
    cases: Sequence[Case]


@dataclass(slots=True)
class Sound:
    """What was said of sound devices: symptoms by monitor, and decisions."""

    device_years: float
    symptoms: Counter[str] = field(default_factory=Counter[str])
    decisions: list[Decision] = field(default_factory=list[Decision])
