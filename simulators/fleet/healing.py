"""What a command does to the devices of a fleet: a fault that it cures is over from then on, and nothing else changes."""

from collections.abc import MutableMapping
from dataclasses import replace
from datetime import datetime

import numpy as np

from simulators.faults import Fault
from simulators.fleet.manners import Manner, Manners
from simulators.kinds import kinds_of

_ANSWERS = {
    Manner.OBEY: ("done", "it has been done"),
    Manner.REFUSE: ("refused", "not now: the device will not do it"),
    Manner.LIE: ("done", "it has been done"),
}
# Known to every device, and cures nothing.
_STOP = "stop_using"


class Healing:
    """How one device takes commands.

    Parameters
    ----------
    product, row, device
        What it is, its row among its product's devices, its name.
    faults
        All faults of the fleet by the text that they were asked for with; one that is cured is replaced there.
    manners
        How the fleet takes commands.
    chance
        The device's own.
    """

    def __init__(
        self,
        product: str,
        row: int,
        device: str,
        faults: MutableMapping[str, Fault],
        manners: Manners,
        chance: np.random.Generator,
    ) -> None:
        self._product = product
        self._row = row
        self._device = device
        self._faults = faults
        self._manners = manners
        self._chance = chance

    def __call__(self, command: str, at: datetime) -> tuple[str, str] | None:
        """Take a command at an instant of the device's life; return outcome and detail of its answer, None for none."""
        kinds = kinds_of(self._product)
        if command != _STOP and not any(command in kind.cured_by for kind in kinds.values()):
            return "refused", f"{command[:40]!r} is not known here"
        ailing = {
            text: fault
            for text, fault in self._faults.items()
            if (fault.product, fault.row) == (self._product, self._row)
            and fault.onset_at <= at
            and fault.healed_at is None
        }
        manner = self._manners.of(self._device, [fault.kind for fault in ailing.values()], self._chance)
        if manner is Manner.OBEY:
            for text, fault in ailing.items():
                if command in kinds[fault.kind].cured_by:
                    self._faults[text] = replace(fault, healed_at=at)
        return _ANSWERS.get(manner)
