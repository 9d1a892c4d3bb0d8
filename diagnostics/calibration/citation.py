"""Citations: what a decision says of the reporting cycles that confirmed a symptom, so that anyone can reckon them again.

A citation holds a device's own score of each cycle, the p-value that the published null gives to it, and what the cycle
asked. So it is made of two kinds of things only: published values, the same for all devices, and what the device's own
readings say. It needs no other device, partition or tenant, and does not know where any of it is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diagnostics.calibration.null import Null
from diagnostics.receipt import digest, instant


@dataclass(frozen=True, slots=True)
class Published:
    """The null of a product's monitor as it was published; the versions of a monitor count from 1."""

    product: str
    monitor: str
    version: int
    null: Null

    @property
    def document(self) -> dict[str, Any]:
        """All of it, as it is hashed and kept."""
        tail = self.null.tail
        return {
            "schema": "callout.calibration/1",
            "product": self.product,
            "monitor": self.monitor,
            "version": self.version,
            "scores": self.null.count,
            "body": [float(each) for each in self.null.body],
            "tail": {"start": tail.start, "share": tail.share, "shape": tail.shape, "scale": tail.scale},
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """What a cycle asked, as it was published; `p_value` and `score` are what had to be reached."""

    ends_us: int
    rate: float
    p_value: float
    score: float | None
    family: int
    published: Published


@dataclass(frozen=True, slots=True)
class Answer:
    """A device's part in a cycle: its score, None where there is none, and the place of the readings that said it."""

    asked: Asked
    score: float | None
    stretch: int | None

    @property
    def p_value(self) -> float | None:
        """How probable at least such a score is where nothing is wrong."""
        return None if self.score is None else float(self.asked.published.null.p_values(np.array([self.score]))[0])

    @property
    def is_passed(self) -> bool:
        """Whether it is as small as the cycle asked."""
        return self.p_value is not None and self.p_value <= self.asked.p_value


@dataclass(frozen=True, slots=True)
class Citation:
    """The cycles that confirmed a symptom, the earlier one first."""

    symptom_id: int
    monitor: str
    element: int
    answers: Sequence[Answer]

    def is_confirmed(self, cycle_s: float) -> bool:
        """Whether a device has passed two cycles that follow each other."""
        ends_us = [answer.asked.ends_us for answer in self.answers]
        follow = len(ends_us) == 2 and ends_us[1] - ends_us[0] == int(cycle_s * 1e6)
        return follow and all(answer.is_passed for answer in self.answers)

    @property
    def document(self) -> dict[str, Any]:
        """As a receipt says it."""
        return {
            "symptom_id": self.symptom_id,
            "monitor": self.monitor,
            "element": self.element,
            "cycles": [_answer(each) for each in self.answers],
        }


def _answer(answer: Answer) -> dict[str, Any]:
    asked, document = answer.asked, answer.asked.published.document
    return {
        "ends_at": instant(asked.ends_us),
        "calibration": {
            "version": document["version"],
            "sha256": digest(document),
            "scores": document["scores"],
            "tail": document["tail"],
        },
        "rate": asked.rate,
        "family": asked.family,
        "threshold": {"p_value": asked.p_value, "score": asked.score},
        "score": answer.score,
        "p_value": answer.p_value,
        "is_passed": answer.is_passed,
        "readings": answer.stretch,
    }
