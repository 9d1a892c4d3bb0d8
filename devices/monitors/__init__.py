"""Monitors: typed rows by which a product type says what to watch. The detectors that run them live upstairs."""

from devices.monitors.fixed import Limit, Reported, Silence, Stuck
from devices.monitors.peers import CrossChannel, Misread, Peer
from devices.monitors.registers import MinimumFlow, Register, StepKind
from devices.monitors.slow import Drift, Periods, Seasonal, Shift, Step

__all__ = [
    "Calibrated",
    "CrossChannel",
    "Drift",
    "Limit",
    "MinimumFlow",
    "Misread",
    "Monitor",
    "OfReadings",
    "Peer",
    "Periods",
    "Register",
    "Reported",
    "Seasonal",
    "Shift",
    "Silence",
    "Step",
    "StepKind",
    "Stuck",
]

# What looks at readings, and all that there is: silence looks at the absence of them.
OfReadings = (
    Limit | Peer | Misread | Reported | Register | MinimumFlow | Stuck | Drift | Step | Seasonal | CrossChannel | Shift
)
# Statistical monitors: a reporting cycle of the whole fleet confirms their symptoms.
Calibrated = Shift
Monitor = OfReadings | Silence
