"""What a device does when the desk asks something of it over its command topic, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from simulators.fleet.ring import Ring
from simulators.link import Outgoing

ANSWER_SCHEMA = "callout.answer/1"
_COMMAND_SCHEMA = "callout.command/1"
_MOST_SPANS = 100


class _Command(msgspec.Struct):
    schema: str
    id: str
    command: str
    boot: int = 0
    seqs: list[tuple[int, int]] = msgspec.field(default_factory=list[tuple[int, int]])


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command leads to: messages to be sent again, then an answer; no answer to what has no id."""

    resent: tuple[Outgoing, ...] = ()
    answer: bytes = b""


Act = Callable[[str], tuple[str, str] | None]
"""Does what a command says, and returns outcome and detail of the answer; None where the device stays silent."""


def knows_nothing(command: str) -> tuple[str, str] | None:
    """Refuse whatever is not about messages."""
    return "refused", f"{command[:40]!r} is not known here: ask resend"


def obey(payload: bytes, ring: Ring, act: Act = knows_nothing) -> Reply:
    """Do what a command says, as far as a device can.

    Parameters
    ----------
    payload
        The command, ``callout.command/1``.
    ring
        What the device still has of what it said.
    act
        What it can do beside saying things again.
    """
    try:
        command = msgspec.json.decode(payload, type=_Command)
    except msgspec.ValidationError as error:
        return Reply(answer=_answer(_id_of(payload), "refused", f"the command is not understood: {error}"))
    except msgspec.DecodeError:
        return Reply()
    if command.schema != _COMMAND_SCHEMA:
        return Reply(answer=_answer(command.id, "refused", f"schema {command.schema[:40]!r} is not known here"))
    if command.command != "resend":
        done = act(command.command)
        return Reply() if done is None else Reply(answer=_answer(command.id, *done))
    if not 1 <= len(command.seqs) <= _MOST_SPANS or any(first > last for first, last in command.seqs):
        detail = f"resend needs 1 to {_MOST_SPANS} spans, each with its first seq before its last"
        return Reply(answer=_answer(command.id, "refused", detail))
    found, missing = ring.find(command.boot, command.seqs)
    detail = f"{len(found)} messages of boot {command.boot} are sent again"
    return Reply(tuple(found), _answer(command.id, "partly" if missing else "done", detail, missing))


def _answer(id_: str, outcome: str, detail: str, missing: list[tuple[int, int]] | None = None) -> bytes:
    if not id_:
        return b""
    answer: dict[str, object] = {"schema": ANSWER_SCHEMA, "id": id_, "outcome": outcome, "detail": detail}
    return msgspec.json.encode({**answer, "missing": missing} if missing else answer)


def _id_of(payload: bytes) -> str:
    class Named(msgspec.Struct):
        id: str = ""

    try:
        return msgspec.json.decode(payload, type=Named).id
    except msgspec.DecodeError:
        return ""
