"""Monitors of registers that count up, and of what flows through them."""

from dataclasses import dataclass
from enum import StrEnum


class StepKind(StrEnum):
    """What a step of a cumulative register is, when it is not ordinary consumption."""

    ROLLOVER = "rollover"  # it reached its last digit and began again; nothing is lost
    RESET = "reset"  # it began again at about zero
    EXCHANGE = "exchange"  # it went down to an unrelated value: another meter stands in its place
    ROLLBACK = "rollback"  # it went back and counts on from there
    JITTER = "jitter"  # a few units back, or a reading that was overtaken by its successor
    JUMP = "jump"  # more than can have flowed since the last reading
    SPIKE = "spike"  # the return from a single reading that was far too high


@dataclass(frozen=True, slots=True)
class Register:
    """A cumulative register that takes steps which consumption cannot explain; `steps` says which kinds are wrong here.

    Parameters
    ----------
    steps : frozenset of StepKind
        Kinds that count. A register may have several monitors, one for each kind of trouble.
    jitter : float
        A decrease up to this, in the feature's unit, is jitter.
    most_per_h : float
        More than this, in the feature's unit per hour, cannot flow.
    limit, clear : float
        Steps that count, each forgotten with the time constant `tau_s`: wrong at or over `limit` when one comes, well
        at or below `clear`.
    """

    name: str
    title: str
    component: str
    feature: str
    steps: frozenset[StepKind]
    jitter: float
    most_per_h: float
    tau_s: float
    limit: float
    clear: float
    on_delay_s: float
    off_delay_s: float
    is_safety: bool = False


@dataclass(frozen=True, slots=True)
class MinimumFlow:
    """A cumulative register that never rests, as behind a leak: no look's flow is under `limit` for long.

    `limit` and `clear` are in the feature's unit per hour; `unit` is how people read that. The flow is taken over looks
    of `look_s`; where readings are further apart than `longest_look_s` nothing is said. To flow for `usual_s` is usual;
    only then the delay `on_delay_s` begins. `off_delay_s` counts looks at rest.
    """

    name: str
    title: str
    component: str
    feature: str
    unit: str
    look_s: float
    longest_look_s: float
    usual_s: float
    limit: float
    clear: float
    on_delay_s: float
    off_delay_s: float
    is_safety: bool = False
