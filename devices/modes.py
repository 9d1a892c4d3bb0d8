"""Modes: what a device may be in the middle of, in which some of its monitors say nothing that anybody has to hear.

A mode is told by the device, as a row like those of the monitors, or by the desk's own diary. Its spells are found by
the same detectors, in event time, so they do not depend on the order in which readings come.
"""

from dataclasses import dataclass
from typing import Final

from devices.monitors import Limit, Reported

# The component that the rows of modes carry: a mode is nothing to diagnose.
MODE: Final = "mode"


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode of a device, and which monitors are suppressed by design while it lasts.

    Parameters
    ----------
    name, title : str
        Name in the database; text for people (a gettext message id).
    told_by : Limit, Reported or None
        The row by which the device tells it, of component `MODE` and with the mode's name; None: the desk knows it,
        for an appointment of the device is in progress.
    suppresses : frozenset of str
        Names of monitors; none of safety.
    after_s : float
        For so long after the mode's end its traces are still taken for its own.
    most_s : float
        A mode that lasts longer suppresses nothing any more: an end that was never told must not silence a device.
    ended_by : frozenset of str
        Trouble codes that tell its end and nothing else, so that no monitor has to take them.
    """

    name: str
    title: str
    told_by: Limit | Reported | None
    suppresses: frozenset[str]
    after_s: float
    most_s: float
    ended_by: frozenset[str] = frozenset()
