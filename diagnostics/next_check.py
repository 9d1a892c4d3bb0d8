"""The next best check: which question tells the present hypotheses apart best for what it costs.

A check's answer is yes or no, each hypothesis gives a yes with its own probability, and what an answer is worth before it
is known is the mutual information between answer and fault: the entropy of the answer less what of it would remain if
the fault were known, in bits. Best is what gives the most bits per minute. It looks one question ahead, and does not know
of two that are worth more together.

Source: Lindley, On a measure of the information provided by an experiment (1956); de Kleer and Williams, Diagnosing
multiple faults (1987), for the next measurement.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from devices.checks import Check

# Less than this is not worth asking: next to nothing is in doubt, or no answer would change it.
_LEAST_BITS: Final = 0.005
# A receipt's numbers do not hang on the last bit of a logarithm.
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class NextCheck:
    """A check to do next: what it is expected to tell, and each fault's probability after a yes and after a no."""

    check: str
    minutes: float
    gain_bits: float
    after_yes: Mapping[str, float]
    after_no: Mapping[str, float]


def expected_gain(check: Check, probabilities: Mapping[str, float]) -> float:
    """Return the bits that the answer of a check is expected to tell about which fault it is.

    Examples
    --------
    A question that one of two equally probable faults always answers with yes and the other with no tells one bit; one
    that all faults answer alike tells nothing:

    >>> from devices.checks import Manner
    >>> sharp = Check("sharp", "Sharp?", "c", Manner.REMOTE, 5, {"a": 1.0, "b": 0.0}, otherwise=0.5)
    >>> expected_gain(sharp, {"a": 0.5, "b": 0.5})
    1.0
    >>> blunt = Check("blunt", "Blunt?", "c", Manner.REMOTE, 5, {}, otherwise=0.5)
    >>> expected_gain(blunt, {"a": 0.5, "b": 0.5})
    0.0
    """
    answers = [(probability, _yes(check, fault)) for fault, probability in probabilities.items()]
    of_yes = sum(probability * yes for probability, yes in answers)
    return _entropy(of_yes) - sum(probability * _entropy(yes) for probability, yes in answers)


def best(checks: Iterable[Check], probabilities: Mapping[str, float]) -> NextCheck | None:
    """Return the check that is expected to tell most per minute.

    Parameters
    ----------
    checks : iterable of Check
        Of the component.
    probabilities : mapping of str to float
        Of each hypothesis, by fault code; they add up to one.

    Returns
    -------
    NextCheck or None
        None when no check is expected to tell anything.

    Examples
    --------
    A question to the owner that tells less than a look on site, but costs a twelfth of it:

    >>> from devices.checks import Manner
    >>> look = Check("look", "Is it wet?", "c", Manner.ON_SITE, 60, {"leak": 0.95, "burst": 0.05}, 0.5)
    >>> ask = Check("ask", "Does it rush?", "c", Manner.OWNER, 5, {"leak": 0.2, "burst": 0.8}, 0.5)
    >>> found = best([look, ask], {"leak": 0.5, "burst": 0.5})
    >>> found.check, round(found.gain_bits, 2), {fault: round(p, 2) for fault, p in found.after_yes.items()}
    ('ask', 0.28, {'leak': 0.2, 'burst': 0.8})
    """
    gains = [(expected_gain(check, probabilities), check) for check in checks]
    worth = [(gain, check) for gain, check in gains if gain >= _LEAST_BITS]
    if not worth:
        return None
    gain, check = min(worth, key=lambda each: (-each[0] / each[1].minutes, each[1].name))
    return NextCheck(
        check.name,
        check.minutes,
        round(gain, _DIGITS),
        _after({fault: p * _yes(check, fault) for fault, p in probabilities.items()}),
        _after({fault: p * (1.0 - _yes(check, fault)) for fault, p in probabilities.items()}),
    )


def _yes(check: Check, fault: str) -> float:
    return check.yes.get(fault, check.otherwise)


def _entropy(share: float) -> float:
    return -sum(each * math.log2(each) for each in (share, 1.0 - share) if 0.0 < each < 1.0)


def _after(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {fault: round(weight / total, _DIGITS) if total else 0.0 for fault, weight in weights.items()}
