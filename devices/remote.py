"""The remedy ladder: what can be done to a device from afar, what has to hold before, and what proves that it helped.

A rung is one command. It names what its device has to say of itself just before it is sent, and the monitors that have to
be well again afterwards: what the device answers is never the proof. Knows nothing of how commands travel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from devices.faults import FaultCode
from devices.readings import Value

STOP_USING: Final = "stop_using"
"""The command that tells a device that it must not be used on; the only one that is sent about a danger."""

RESEND: Final = "resend"
"""The command that asks for messages once more."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What the newest value of a signal has to be, and how old it may be.

    Parameters
    ----------
    title : str
        The condition as people read it (a gettext message id).
    signal : str
        A scalar, a level or a flag; of a flag, false is 0 and true is 1.
    side, limit : str, float
        Strictly below or above the limit, in the signal's unit.
    fresh_s : float
        An older value says nothing: then the condition is not met.
    """

    title: str
    signal: str
    side: Literal["below", "above"]
    limit: float
    fresh_s: float

    def is_met(self, value: Value, age_s: float) -> bool:
        """Whether a value of a certain age, in seconds, meets the condition.

        >>> parked = Condition("It is parked", "speed_kmh", "below", 1.0, fresh_s=300)
        >>> parked.is_met(0.0, 20), parked.is_met(0.0, 900), parked.is_met(None, 20), parked.is_met(50.0, 20)
        (True, False, False, False)
        """
        if not isinstance(value, int | float) or age_s > self.fresh_s:
            return False
        return value < self.limit if self.side == "below" else value > self.limit


@dataclass(frozen=True, slots=True)
class Rung:
    """One thing that can be tried from afar against one fault.

    Parameters
    ----------
    name, title : str
        Stable name; what people read (a gettext message id).
    command : str
        What the device is told.
    proof : tuple of str
        Monitors that must have no open symptom, and stay without for `hold_s`, before anybody believes that it helped.
    cures : float
        Probability that it helps when the fault is there, 0 to 1.
    answer_within_s, prove_within_s : float
        How long the device may take to answer; how long its readings may take to show that it is well, from then on.
    ready_within_s : float
        How long its conditions may take to come true before it is given up.
    attempts : int
        How often it may be tried on a device within the time in which a cure has to last.
    needs : tuple of Condition
        All must hold at the moment of sending.
    is_staged : bool
        It changes what runs on the device, so that it goes out to many only by a roll-out that a person begins.
    interrupts_supply : bool
        It switches or resets what a home is supplied through: only where somebody has said that nobody there depends on
        powered medical equipment.
    """

    name: str
    title: str
    command: str
    proof: tuple[str, ...]
    cures: float
    answer_within_s: float
    prove_within_s: float
    hold_s: float
    ready_within_s: float
    attempts: int = 1
    needs: tuple[Condition, ...] = ()
    arguments: Mapping[str, str | int | float | bool] = field(default_factory=dict[str, "str | int | float | bool"])
    is_staged: bool = False
    interrupts_supply: bool = False


Ladders = Mapping[str, Sequence[Rung]]
"""By fault code, the rungs in the order in which they are tried."""


SUPPLY_COMMANDS: Final = frozenset({"disconnect", "reconnect", "reset_meter", "restart_meter", "renew_firmware"})
"""Commands after which a home may be without power for a while, whatever a rung calls itself."""


def may_be_tried(fault: FaultCode) -> bool:
    """Whether anything may be done from afar about a fault: never about a danger, nor where the product must not be used."""
    return not fault.is_safety and fault.may_run_on
