"""What goes wrong inside meters and behind them, in the terms of physics: the plant feels it, the fault list writes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MeterStrain:
    """All that is not as it was built; the arrays are written in place, one place per meter.

    Attributes
    ----------
    water_leak_l_h
        Litres an hour that leave the pipes at usual pressure.
    water_use_share
        What the household uses of its usual water, 1 when nothing has changed.
    water_share, electricity_share
        What the meter counts of what flows: 1 when well, 0 to 1 with a bypass.
    water_stuck, electricity_stuck, gas_stuck
        The register stands still.
    water_exchanged, electricity_exchanged, gas_exchanged, heat_exchanged
        Another meter hangs there, which began at zero.
    water_off_l, gas_off_l, electricity_off_wh
        Error of the register.
    backflow_per_day
        How often water flows back a little.
    gas_valve_closed, gas_leak_l_h
        The valve is told to close; litres an hour that flow all the same.
    terminal_heat_k
        Heat of a bad contact.
    neutral_shift
        How far the star point has moved, 0 to 1.
    supply_share
        What the grid gives of its voltage, 1 when well.
    heat_stuck, heat_swapped
        The heat register stands still; the two temperature sensors are on each other's pipe.
    heat_off_wh, heat_return_k
        Error of the heat register; by how much too warm the heating water comes back.
    battery_sag_v
        What the battery's resistance takes from its voltage.
    battery_used
        Share of the battery's charge that is gone beyond the usual, 0 to 1.
    clock_off_s
        How far the clock is ahead.
    cover_open, bus_dead
        The cover is open; gas and water meter are not heard.
    own_event, mute
        It reports an event of its own that names no cause; its radio is dead.
    """

    water_leak_l_h: Floats
    water_use_share: Floats
    water_share: Floats
    electricity_share: Floats
    water_stuck: Flags
    electricity_stuck: Flags
    gas_stuck: Flags
    water_exchanged: Flags
    electricity_exchanged: Flags
    gas_exchanged: Flags
    heat_exchanged: Flags
    water_off_l: Floats
    gas_off_l: Floats
    electricity_off_wh: Floats
    backflow_per_day: Floats
    gas_valve_closed: Flags
    gas_leak_l_h: Floats
    heat_stuck: Flags
    heat_swapped: Flags
    heat_off_wh: Floats
    heat_return_k: Floats
    terminal_heat_k: Floats
    neutral_shift: Floats
    supply_share: Floats
    battery_sag_v: Floats
    battery_used: Floats
    clock_off_s: Floats
    cover_open: Flags
    bus_dead: Flags
    own_event: Flags
    mute: Flags

    @classmethod
    def none(cls, count: int) -> "MeterStrain":
        """Give so many meters with nothing wrong at all."""

        def zero() -> Floats:
            return np.zeros(count)

        def no() -> Flags:
            return np.zeros(count, dtype=np.bool_)

        return cls(
            water_leak_l_h=zero(),
            water_use_share=np.ones(count),
            water_share=np.ones(count),
            electricity_share=np.ones(count),
            water_stuck=no(),
            electricity_stuck=no(),
            gas_stuck=no(),
            water_exchanged=no(),
            electricity_exchanged=no(),
            gas_exchanged=no(),
            heat_exchanged=no(),
            water_off_l=zero(),
            gas_off_l=zero(),
            electricity_off_wh=zero(),
            backflow_per_day=zero(),
            gas_valve_closed=no(),
            gas_leak_l_h=zero(),
            heat_stuck=no(),
            heat_swapped=no(),
            heat_off_wh=zero(),
            heat_return_k=zero(),
            terminal_heat_k=zero(),
            neutral_shift=zero(),
            supply_share=np.ones(count),
            battery_sag_v=zero(),
            battery_used=zero(),
            clock_off_s=zero(),
            cover_open=no(),
            bus_dead=no(),
            own_event=no(),
            mute=no(),
        )
