"""What it costs to do something about a fault, or nothing: rates of a product, and what its owner can do himself.

Amounts are whole minor units of one currency. They are the desk's own expectations, by which it chooses what to try first;
what an owner pays is another matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devices.faults import Severity


@dataclass(frozen=True, slots=True)
class Rates:
    """What things cost, in minor units of `currency` (ISO 4217).

    Parameters
    ----------
    wait_day : mapping of Severity to int
        A day with a fault of that severity: worth lost, risk taken, patience used up.
    remote_try, owner_minute, working_hour, way, case, part : int
        A try from afar; a minute of the owner's; an hour in a bay or of a technician; the way there, of whoever makes it;
        a person's judgement; a part whose price nobody knows.
    date_in_days : float
        How long it usually takes to a date.
    recovers : mapping of Severity to float
        Share of such faults that are gone by themselves within a week, 0 to 1; what is not named never is.
    """

    currency: str
    wait_day: Mapping[Severity, int]
    remote_try: int
    owner_minute: int
    working_hour: int
    way: int
    case: int
    part: int
    date_in_days: float
    recovers: Mapping[Severity, float] = field(default_factory=dict[Severity, float])


@dataclass(frozen=True, slots=True)
class Guide:
    """What an owner can do himself about a fault.

    Parameters
    ----------
    name, text : str
        Stable name; what he is asked to do (a gettext message id).
    fault : str
        Against which fault.
    minutes : float
        His time.
    cures : float
        Probability that it helps when the fault is there, 0 to 1.
    proof : tuple of str
        Monitors that must be well again before anybody believes that it helped.
    prove_within_s : float
        How long the readings may take to show it after he said that he did it.
    by_hand : bool
        Only a person asks for it, who has seen the evidence; the desk by itself does not.
    """

    name: str
    text: str
    fault: str
    minutes: float
    cures: float
    proof: tuple[str, ...]
    prove_within_s: float
    by_hand: bool = False


Guides = Sequence[Guide]
