"""Minimum flow: consumption that never rests, as behind a leak, an open valve or a burst pipe.

People sleep and go out; a household's flow falls to nothing several times a day. A leak's does not. So the register is
looked at in looks of about an hour, and the flow of each look is held against a small limit: one look below it is a rest
and ends the run. A run is nothing unusual for `usual_s` (half a day, say) and says nothing till then; from there on it
is wrong, and the monitor's delay decides. Its smallest look is the best estimate of the leak, for everything else comes
on top of it. Well are the rests; the flow between two of them takes nothing from that.

A register in whole litres cannot show a flow below a litre per look; a look that is a little short or long is divided by
its own length. Readings that are too far apart, or a step that is no consumption, begin a new look and say nothing: a gap
proves no flow, and ends no run.

Source: minimum night flow, the leak detection of water utilities since the 1980s (Report 26, UK WRc, 1994).
"""

import numpy as np

from devices.monitors import MinimumFlow
from devices.readings import FloatArray, IntArray
from diagnostics.conditions import Conditions
from diagnostics.detector import Memory, Readings, Values

# A look is complete a little before its time, so that a clock that jitters does not make every second one twice as long.
_NEARLY = 0.9
_US_PER_H = 3.6e9


class MinimumFlows:
    """The looks of one monitor over all devices.

    Parameters
    ----------
    monitor : MinimumFlow
        Length of a look, and limits in the feature's unit per hour.

    Examples
    --------
    Two litres an hour and more, then a look without flow; runs of two hours are usual:

    >>> row = MinimumFlow("leak", "Leak", "pipes", "water_l", "l/h", 3600, 10_800, 7200, 1.0, 0.5, 172_800, 0)
    >>> flows = MinimumFlows(row)
    >>> flows.memory.grow(1, 1)
    >>> def said(hour, litres):
    ...     at_us = np.array([hour * 3_600_000_000])
    ...     return flows.judge(np.array([0]), flows.read(np.array([[litres]])), at_us, np.array([3600.0]))
    >>> looks = [said(hour, litres) for hour, litres in enumerate((500, 507, 509, 512, 512), start=1)]
    >>> [(bool(now.wrong[0, 0]), float(now.value[0, 0])) for now in looks]
    [(False, nan), (False, 7.0), (True, 2.0), (True, 2.0), (False, 0.0)]
    """

    def __init__(self, monitor: MinimumFlow) -> None:
        self._monitor = monitor
        nothing = np.float64(np.nan)
        self.memory = Memory(
            {"from": nothing, "from_us": np.int64(0), "flow": nothing, "lowest": nothing, "run_s": np.float32(0)}
        )

    def read(self, feature: FloatArray) -> Values:
        """Take the register as it is."""
        return Values(feature)

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:
        """Complete looks; the value is the smallest flow of the run, in the feature's unit per hour."""
        if not isinstance(now, Values):
            raise TypeError(f"monitor {self._monitor.name} needs values, not {type(now).__name__}")
        memory, monitor, known = self.memory, self._monitor, now.known
        began, began_us = memory["from"][slots], memory["from_us"][slots]
        elapsed_s = (at_us[:, None] - began_us) / 1e6
        moved = now.value - began
        with np.errstate(invalid="ignore"):
            is_lost = known & (np.isnan(began) | (elapsed_s > monitor.longest_look_s) | (moved < 0))
        is_complete = known & ~is_lost & (elapsed_s >= _NEARLY * monitor.look_s)
        with np.errstate(invalid="ignore", divide="ignore"):
            fresh = moved * _US_PER_H / (at_us[:, None] - began_us)
        flow = np.where(is_complete, fresh, np.where(is_lost, np.nan, memory["flow"][slots]))
        is_flowing = flow >= monitor.limit
        run_s = memory["run_s"][slots]
        run_s = np.where(is_complete & ~is_flowing, 0.0, np.where(known & is_flowing, run_s + dt_s[:, None], run_s))
        # A gap does not end a run, so it keeps its lowest look; a look without flow does.
        lowest = np.where(is_complete, np.fmin(flow, memory["lowest"][slots]), memory["lowest"][slots])
        lowest = np.where(is_complete & ~is_flowing, np.nan, lowest)
        begins = is_lost | is_complete
        memory["from"][slots] = np.where(begins, now.value, began)
        memory["from_us"][slots] = np.where(begins, at_us[:, None], began_us)
        memory["flow"][slots], memory["lowest"][slots], memory["run_s"][slots] = flow, lowest, run_s
        is_unusual = is_flowing & (run_s >= monitor.usual_s)
        says = known & ~np.isnan(flow) & (is_unusual | ~is_flowing)
        return Conditions(np.where(is_flowing, lowest, flow), says, says & is_unusual, says & (flow <= monitor.clear))
