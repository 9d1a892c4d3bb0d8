"""Chatter: how often a monitor may come and go before it says more about itself than about the device."""

from dataclasses import dataclass
from typing import Final

from devices.monitors import Calibrated, Monitor, Silence

# ISA-18.2 takes three comings within a minute for chatter, where values are scanned every second: within sixty scans.
_TIMES: Final = 3
_SCANS: Final = 60
# With delays of hours a monitor cannot come three times within sixty samples. It chatters when it comes at half of the
# fastest pace that its own delays allow, or faster.
_PACES: Final = 2.0
_CYCLES: Final = 2
_ENDING: Final = "/unsteady"


@dataclass(frozen=True, slots=True)
class Chatter:
    """A monitor chatters when it was confirmed `times` times within `window_s` seconds of event time."""

    times: int
    window_s: float


def chatter_of(monitor: Monitor, cadence_s: float) -> Chatter:
    """Return what is chatter of a monitor that declares nothing of its own.

    Parameters
    ----------
    monitor : Monitor
        For its delays.
    cadence_s : float
        Seconds between the product's samples.

    Returns
    -------
    Chatter
        Three within sixty samples (ANSI/ISA-18.2), or within twice the time that its delays, or its reporting cycles, take for three.
    """
    on_delay_s = _on_delay_s(monitor)
    return Chatter(_TIMES, max(_SCANS * cadence_s, _PACES * _TIMES * (on_delay_s + monitor.off_delay_s)))


def _on_delay_s(monitor: Monitor) -> float:
    if isinstance(monitor, Silence):
        return monitor.after_s
    # No time alone confirms it, but two reporting cycles that follow each other do.
    return _CYCLES * monitor.cycle_s if isinstance(monitor, Calibrated) else monitor.on_delay_s


def unsteady(monitor: str) -> str:
    """Return the name of the symptom that a monitor chatters.

    >>> unsteady("clock_off")
    'clock_off/unsteady'
    """
    return monitor + _ENDING


def steady(monitor: str) -> str | None:
    """Return which monitor chatters by the name of a symptom, or None where the symptom is a monitor's own.

    >>> steady("clock_off/unsteady"), steady("clock_off")
    ('clock_off', None)
    """
    return monitor.removesuffix(_ENDING) if monitor.endswith(_ENDING) else None
