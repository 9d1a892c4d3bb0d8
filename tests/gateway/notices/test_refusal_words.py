"""Every reason for which the door refuses has words and a next move."""

import re

from gateway.notices.refusal_words import REFUSALS, UNKNOWN, refused
from gateway.settings import CHECKOUT

# What is counted by stands first in a refusal; a unit's error brings its own.
REASON = re.compile(r'(?:Refusal|UnitError)\(\s*"([a-z_]+)"')


def reasons() -> set[str]:
    """The reasons in the code of the codecs, the products and the door."""
    places = ("devices/codecs", "devices/products", "gateway/ingest")
    files = (file for place in places for file in (CHECKOUT / place).rglob("*.py"))
    return {found for file in files for found in REASON.findall(file.read_text("utf-8"))}


def test_every_reason_has_words_and_no_words_are_left_over() -> None:
    assert len(reasons()) > 20
    assert set(REFUSALS) == reasons()


def test_a_reason_of_a_newer_desk_is_refused_in_general() -> None:
    assert refused("quantum_noise") is UNKNOWN
