"""The audit's chain: each act's record has a hash, and each link hashes it together with the link before.

Pure functions of records; it knows neither where they are stored nor who wrote them. A record that was changed, taken
out, put in or moved does not fit its link. What was cut off at the end together with every trace of it fits: only a
head that was published outside before can show that.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import rfc8785

# What the first link of a chain has before it.
GENESIS: Final = bytes(32)


class Rule(StrEnum):
    """Who acts where no clause is needed: a rule that always holds. The database says which acts are whose."""

    SAFETY = "rule-safety"  # nobody signs that he does not want to be warned
    PRICE = "rule-price"  # what the tenant has set, and who pays it
    DEPOSIT = "rule-deposit"  # what an owner has said yes to comes first, and goes back


@dataclass(frozen=True, slots=True)
class Act:
    """What was done, by whom, on which ground; `inputs` is JSON. The desk acts on a clause; else a rule or a person is named."""

    tenant_id: int
    at: datetime
    actor: str
    act: str
    device_id: int
    request_id: int | None
    mandate_id: int | None
    clause: str | None
    inputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """A stored link: its number in the tenant's chain, and what it says of its record, None for one that is missing."""

    number: int
    audit_id: int
    previous: bytes
    hash: bytes
    act: Act | None
    act_sha256: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain is known to fit: the number and hash of its last link; 0 for none."""

    number: int = 0
    hash: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class Misfit:
    """The first record that does not fit, and why; `audit_id` is None when it is not there any more."""

    number: int
    audit_id: int | None
    why: str


def act_hash(act: Act) -> bytes:
    """Return the SHA-256 of an act's canonical JSON (RFC 8785).

    Raises
    ------
    ValueError
        When the inputs cannot be written as JSON: an infinite number, or an integer beyond 2**53.
    """
    content = {
        "tenant_id": act.tenant_id,
        "at": act.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": act.actor,
        "act": act.act,
        "device_id": act.device_id,
        "request_id": act.request_id,
        "mandate_id": act.mandate_id,
        "clause": act.clause,
        "inputs": act.inputs,
    }
    return hashlib.sha256(rfc8785.dumps(content)).digest()


def link_hash(number: int, previous: bytes, act_sha256: bytes) -> bytes:
    """Return the hash of a link: SHA-256 of canonical JSON that names its number, its act and the link before.

    The database makes the same when a transaction is committed; a test holds the two together.
    """
    content = {"act": act_sha256.hex(), "number": number, "previous": previous.hex()}
    return hashlib.sha256(rfc8785.dumps(content)).digest()


def follow_chain(head: Head, links: Iterable[Link]) -> Head | Misfit:
    """Follow a chain from a head that fits over the next links, in order of their numbers.

    Returns
    -------
    Head or Misfit
        The new head, or the first record that does not fit.
    """
    for link in links:
        if link.number != head.number + 1:
            missing = head.number + 1
            return Misfit(missing, None, f"link {missing} is missing: the next one is {link.number}")
        if link.act is None:
            return Misfit(link.number, link.audit_id, "its record is missing")
        if act_hash(link.act) != link.act_sha256:
            return Misfit(link.number, link.audit_id, "its record was changed")
        if link.previous != head.hash:
            return Misfit(link.number, link.audit_id, "it does not name the link before it")
        if link_hash(link.number, link.previous, link.act_sha256) != link.hash:
            return Misfit(link.number, link.audit_id, "its link was changed")
        head = Head(link.number, link.hash)
    return head
