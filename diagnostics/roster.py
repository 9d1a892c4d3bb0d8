"""The roster: which detector runs a monitor, and what limit its symptoms are shown against."""

from collections.abc import Sequence

from devices.monitors import (
    CrossChannel,
    Drift,
    Limit,
    MinimumFlow,
    Misread,
    OfReadings,
    Peer,
    Register,
    Reported,
    Seasonal,
    Shift,
    Step,
    Stuck,
)
from diagnostics.detector import Detector
from diagnostics.detectors.cross_channel import CrossChannels
from diagnostics.detectors.drift import Drifts
from diagnostics.detectors.minimum_flow import MinimumFlows
from diagnostics.detectors.misread import Misreadings
from diagnostics.detectors.peer import Peers
from diagnostics.detectors.register import Registers
from diagnostics.detectors.seasonal import Seasonals
from diagnostics.detectors.shift import Shifts
from diagnostics.detectors.step import Steps
from diagnostics.detectors.stuck import Standstills


def threshold_of(monitor: OfReadings) -> float:
    """Return the limit in the unit of the symptom's value; 0 where the value is not held against one."""
    match monitor:
        case Limit() | MinimumFlow() | Stuck() | Seasonal() | CrossChannel():
            return monitor.limit
        case Drift() | Step():
            return monitor.limit if monitor.side == "above" else -monitor.limit
        case Peer():
            return monitor.limit * monitor.scale_floor
        case Misread() | Reported() | Register() | Shift():
            return 0.0


def side_by_side(monitors: Sequence[OfReadings]) -> list[list[OfReadings]]:
    """Return monitors by the detector that runs them: those of one register share what is remembered of it."""
    together: dict[object, list[OfReadings]] = {}
    for monitor in monitors:
        is_register = isinstance(monitor, Register)
        key = (monitor.feature, monitor.jitter, monitor.most_per_h) if is_register else monitor.name
        together.setdefault(key, []).append(monitor)
    return list(together.values())


def detector_of(monitors: Sequence[OfReadings]) -> Detector | None:
    """Return the detector of monitors that need a memory; limits and reported codes need none."""
    monitor = monitors[0]
    match monitor:
        case Peer():
            return Peers(monitor)
        case Misread():
            return Misreadings(monitor)
        case Register():
            return Registers([each for each in monitors if isinstance(each, Register)])
        case MinimumFlow():
            return MinimumFlows(monitor)
        case Stuck():
            return Standstills(monitor)
        case Drift():
            return Drifts(monitor)
        case Step():
            return Steps(monitor)
        case Seasonal():
            return Seasonals(monitor)
        case CrossChannel():
            return CrossChannels(monitor)
        case Shift():
            return Shifts(monitor)
        case Limit() | Reported():
            return None
