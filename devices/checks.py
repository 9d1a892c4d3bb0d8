"""Checks: what a person or the desk can do to tell a product's faults apart, what it costs, and how each fault answers it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Manner(StrEnum):
    """How a check is done."""

    REMOTE = "remote"  # from the desk, with what the device itself can tell
    OWNER = "owner"  # a question to the owner
    ON_SITE = "on_site"  # a technician looks, at the premises or at the workshop


@dataclass(frozen=True, slots=True)
class Check:
    """A question about one component whose answer is yes or no.

    Parameters
    ----------
    name, question : str
        Stable name; what is asked (a gettext message id).
    component : str
        Whose faults it tells apart.
    manner : Manner
        How it is done.
    minutes : float
        What it costs in people's working minutes, the way there included.
    yes : mapping of str to float
        Probability of a yes by fault code, over 0 and under 1: no answer is proof.
    otherwise : float
        Probability of a yes from any other fault, and from what nobody has described.
    """

    name: str
    question: str
    component: str
    manner: Manner
    minutes: float
    yes: Mapping[str, float]
    otherwise: float
