"""The product type: everything that the desk knows about a kind of device, as one value made by its folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from devices.chatter import Chatter, chatter_of
from devices.checks import Check
from devices.costs import Guides, Rates
from devices.faults import FaultCode, Fulfilment, Remedy
from devices.modes import Mode
from devices.monitors import Limit, Monitor, Reported, Silence
from devices.readings import Columns, Envelope, FloatArray, Refusal
from devices.reliability import Reliability
from devices.remote import Ladders, Rung
from devices.signals import Signal

MessageKind = Literal["telemetry", "event"]
_NO_CASES: Final = Reliability()
_NO_LADDERS: Final[Ladders] = {}
Decode = Callable[[bytes, MessageKind], Envelope | Refusal]


@dataclass(frozen=True, slots=True)
class Feature:
    """A value derived from one sample's signals.

    Parameters
    ----------
    name, title, unit : str
        Name in monitors; text for people (a gettext message id); unit as shown.
    compute : callable
        Columns of n samples -> float64 [n, width], NaN where nothing can be said. Codes features have none.
    element : str
        What one column is called when there are several ("Cell"), a gettext message id.
    of_codes : str
        For codes features: the codes signal it reads.
    """

    name: str
    title: str
    unit: str
    compute: Callable[[Columns], FloatArray] | None = None
    element: str = ""
    of_codes: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """Which signal shows a component's trouble to people, and whether its elements are drawn against their median."""

    signal: str
    title: str
    unit: str
    scale: float = 1.0
    against_median: bool = False


@dataclass(frozen=True, slots=True)
class ProductType:
    """One product type.

    `cadence_s` is the usual time between samples; `lateness_s` how late a reading may come and still move a detector;
    `plots` says by monitor name what to draw as evidence; `safety_text` what its owner does at once whatever the danger
    is (a gettext message id), empty where each fault has to say it. A device that was not heard for `late_after_s` is late; one
    whose last word was a good-bye is late at once, unless its kind `sleeps`, as a parked vehicle does. `modes` suppress
    monitors by design; `chatters` says, by monitor name, what is chatter where the usual measure does not fit.
    `checks` are what tells its faults apart, `reliability` how far its diagnoses are to be believed. `ladders` say by fault
    what may be tried from afar, in order; `rates` what it costs to do something, or nothing; `guides` what owners can do.
    """

    name: str
    title: str
    signals: Mapping[str, Signal]
    features: Mapping[str, Feature]
    monitors: Sequence[Monitor]
    faults: Mapping[str, FaultCode]
    remedies: Mapping[str, Remedy]
    components: Mapping[str, str]
    plots: Mapping[str, Plot]
    decode: Decode
    cadence_s: float
    lateness_s: float
    false_requests_per_device_year: float
    late_after_s: float
    sleeps: bool = False
    safety_text: str = ""
    modes: Sequence[Mode] = ()
    chatters: Mapping[str, Chatter] = field(default_factory=dict[str, Chatter])
    checks: Sequence[Check] = ()
    reliability: Reliability = _NO_CASES
    ladders: Ladders = field(default_factory=lambda: _NO_LADDERS)
    rates: Rates | None = None
    guides: Guides = ()

    @property
    def mode_rows(self) -> Sequence[Limit | Reported]:
        """The rows by which devices tell their modes; they run with the monitors, and are nothing to diagnose."""
        return [mode.told_by for mode in self.modes if mode.told_by is not None]

    def chatter(self, monitor: Monitor) -> Chatter:
        """Return what is chatter of one of the monitors."""
        return self.chatters.get(monitor.name) or chatter_of(monitor, self.cadence_s)

    def rung(self, fault: str, name: str) -> Rung | None:
        """Return a rung of a fault's ladder by its name; None where it is no longer there."""
        return next((each for each in self.ladders.get(fault, ()) if each.name == name), None)

    @property
    def interrupts_supply(self) -> bool:
        """Whether anything that may be tried from afar can leave a home without power for a while."""
        return any(rung.interrupts_supply for ladder in self.ladders.values() for rung in ladder)

    @property
    def is_visited(self) -> bool:
        """Whether somebody comes to it, because it cannot be brought."""
        return any(remedy.fulfilment is Fulfilment.VISIT for remedy in self.remedies.values())

    @property
    def silence(self) -> Silence | None:
        """How long nothing may be heard of a device; None where any silence is usual."""
        return next((monitor for monitor in self.monitors if isinstance(monitor, Silence)), None)
