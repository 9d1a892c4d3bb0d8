"""Asking an owner once: for one look that tells causes apart, or for a deed of his own that may heal.

Pure: what his answer makes of the hypotheses, and how long anybody waits for it. Whether he is asked at all is decided by
cost, in `workflows.costs`.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from devices.checks import Check

ANSWER_WITHIN: Final = timedelta(days=3)
"""After so long without an answer dates are looked for."""


class Answer(StrEnum):
    """What an owner may answer: yes, no or that he cannot tell about a look; that he did it or not about a deed."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    DONE = "done"
    NOT_DONE = "not_done"


OF_A_CHECK: Final = (Answer.YES, Answer.NO, Answer.UNKNOWN)
OF_A_GUIDE: Final = (Answer.DONE, Answer.NOT_DONE)


def after_answer(probabilities: Mapping[str, float], check: Check, answer: Answer) -> Mapping[str, float]:
    """Return the hypotheses' probabilities after an owner's answer, by Bayes' rule.

    Examples
    --------
    >>> from devices.checks import Manner
    >>> wet = Check("wet", "Is it wet?", "c", Manner.OWNER, 5, {"leak": 0.9}, otherwise=0.1)
    >>> {fault: round(p, 2) for fault, p in after_answer({"leak": 0.5, "other": 0.5}, wet, Answer.YES).items()}
    {'leak': 0.9, 'other': 0.1}
    """
    match answer:
        case Answer.YES:
            weights = {fault: p * check.yes.get(fault, check.otherwise) for fault, p in probabilities.items()}
        case Answer.NO:
            weights = {fault: p * (1 - check.yes.get(fault, check.otherwise)) for fault, p in probabilities.items()}
        case _:
            return dict(probabilities)
    total = sum(weights.values())
    return {fault: weight / total for fault, weight in weights.items()} if total else dict(probabilities)
