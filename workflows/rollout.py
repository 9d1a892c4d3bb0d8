"""A roll-out: one remedy for many devices in stages - one, 5 %, 25 %, all - that goes on while enough of each stage is proven.

Pure: it knows counts and shares, not devices. What can no longer reach the share aborts at once, without waiting for the rest.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SHARES: Final = (0.05, 0.25, 1.0)
LEAST_SHARE: Final = 0.8


class Turn(StrEnum):
    """What follows from how a stage stands."""

    WAIT = "wait"
    GO_ON = "go_on"
    DONE = "done"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Stage:
    """How the devices of a stage stand; those that were passed over are none of them."""

    devices: int
    proven: int
    failed: int


def stages(count: int) -> list[int]:
    """Return how many of so many devices each stage adds; a stage that would add none is left out.

    >>> stages(100), stages(8), stages(1)
    ([1, 4, 20, 75], [1, 1, 6], [1])
    """
    if count <= 0:
        return []
    until = sorted({1, *(min(count, max(1, math.ceil(share * count))) for share in SHARES)})
    return [now - before for before, now in zip([0, *until], until, strict=False)]


def turn(stage: Stage, least_share: float, *, is_last: bool) -> Turn:
    """Decide how a roll-out goes on.

    Parameters
    ----------
    stage : Stage
        The present one.
    least_share : float
        Share of its devices that have to be proven, 0 to 1.
    is_last : bool
        Whether no stage follows.

    Examples
    --------
    >>> turn(Stage(5, proven=4, failed=1), 0.8, is_last=False), turn(Stage(5, proven=0, failed=2), 0.8, is_last=False)
    (<Turn.GO_ON: 'go_on'>, <Turn.ABORT: 'abort'>)
    """
    # In whole devices: a share of a device proves nothing.
    wanted = math.ceil(least_share * stage.devices - 1e-9)
    if stage.devices - stage.failed < wanted:
        return Turn.ABORT
    if stage.proven + stage.failed < stage.devices:
        return Turn.WAIT
    return Turn.DONE if is_last else Turn.GO_ON
