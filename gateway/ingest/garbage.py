"""How often Python looks for cycles of objects that nobody holds any more, in a process that keeps much and makes more.

Each message is a handful of objects that are gone with their batch, by their reference counts; cycles are rare. Left as
it is, the collector wakes up many times in a batch, and goes through all that is remembered of the fleet again and
again: a fifth to a quarter of the worker's time at ten values a message.
"""

import gc
from typing import Final

# Objects that were made and not yet freed, before the young ones are looked through: several batches' worth.
_YOUNG: Final = 50_000
# Rounds of the young before the middle-aged, and of those before the old.
_MIDDLE: Final = 10
_OLD: Final = 20


def collect_rarely() -> None:
    """Let this process be looked through rarely, and what it remembers by now not at all."""
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    gc.freeze()
