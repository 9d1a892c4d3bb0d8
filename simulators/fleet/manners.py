"""How devices take commands: they obey, refuse, lie or stay silent, by chance or as they are told to; the same seed, the same manners."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from simulators.errors import SimulatorError


class Manner(StrEnum):
    """What a device does with a command."""

    OBEY = "obey"  # it does it, and says so
    REFUSE = "refuse"
    LIE = "lie"  # it says that it has done it, and has done nothing
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Manners:
    """How the devices of a fleet take commands.

    Attributes
    ----------
    shares
        How probable each manner is, by chance; they add up to one.
    told
        Manners of single devices, and of all devices that have a kind of fault, by name.
    """

    shares: Mapping[Manner, float] = field(default_factory=lambda: {Manner.OBEY: 1.0})
    told: Mapping[str, Manner] = field(default_factory=dict[str, Manner])

    def of(self, device: str, kinds: Sequence[str], chance: np.random.Generator) -> Manner:
        """Say how a device with some kinds of faults takes its next command; its own name goes before its faults'."""
        for name in (device, *kinds):
            if name in self.told:
                return self.told[name]
        drawn = float(chance.random())
        for manner, share in self.shares.items():
            drawn -= share
            if drawn < 0:
                return manner
        return Manner.OBEY


def parse_manners(texts: Sequence[str]) -> Manners:
    """Read manners as they are typed: ``ev-0003=lie``, ``bus_dead=refuse``, or shares as in ``obey:0.7,lie:0.3``.

    Raises
    ------
    SimulatorError
        When one cannot be read, or the shares are more than all.

    Examples
    --------
    >>> parse_manners(["obey:0.75,silent:0.25", "ev-0003=lie"]).told
    {'ev-0003': <Manner.LIE: 'lie'>}
    """
    shares: dict[Manner, float] = {}
    told: dict[str, Manner] = {}
    for text in texts:
        name, is_told, word = text.strip().partition("=")
        try:
            if is_told:
                told[name] = Manner(word)
            else:
                shares |= {Manner(each.split(":")[0].strip()): float(each.split(":")[1]) for each in text.split(",")}
        except (ValueError, IndexError) as error:
            raise SimulatorError(
                f"--answers {text!r} cannot be read: write ev-0003=lie, bus_dead=refuse or obey:0.7,lie:0.3; "
                f"the manners are {', '.join(Manner)}"
            ) from error
    if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
        raise SimulatorError(f"--answers: shares {shares} have to be 0 to 1, and 1 together at most")
    rest = max(0.0, 1.0 - sum(shares.values()))
    return Manners({**shares, Manner.OBEY: shares.get(Manner.OBEY, 0.0) + rest}, told)
