"""Answers of devices to commands: read, and settled with the command and the gaps, or the request, that it was about."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from devices.codecs.own_json import MAX_BYTES
from devices.numbering import HIGHEST_SEQ
from devices.readings import Refusal
from devices.seqs import Range, add, common
from gateway import jobs
from gateway.ingest.directory import Known
from gateway.ingest.source import Message
from gateway.storage.commands import Order, settle_answer
from gateway.storage.connection import Connection
from gateway.storage.gaps import Lost, lose

ANSWER_SCHEMA: Final = "callout.answer/1"
MOST_MISSING: Final = 1000
_MOST_DETAIL: Final = 500


class Answer(msgspec.Struct):
    """What a device answers: `missing` lists (first, last) numbers, both inclusive, that it no longer has."""

    schema: str
    id: UUID
    outcome: Literal["done", "partly", "refused"]
    detail: str = ""
    missing: list[tuple[int, int]] = []


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that could be read, with the message that it came in."""

    message: Message
    device: Known
    answer: Answer
    missing: list[Range]


_read = msgspec.json.Decoder(Answer).decode


def read_answer(message: Message, device: Known) -> Answered | Refusal:
    """Read a message of the channel `answer`; it never raises, whatever the device sent."""
    if len(message.payload) > MAX_BYTES:
        return Refusal("oversized", f"{len(message.payload)} bytes; at most {MAX_BYTES} are read")
    try:
        answer = _read(message.payload)
    except msgspec.ValidationError as error:
        return Refusal("wrong_form", f"{error}; the form is that of schema {ANSWER_SCHEMA}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Refusal("not_json", f"{type(error).__name__}: {error}")
    if answer.schema != ANSWER_SCHEMA:
        return Refusal("unknown_schema", f"schema {answer.schema[:80]!r} is not {ANSWER_SCHEMA!r}", "schema")
    if len(answer.missing) > MOST_MISSING:
        return Refusal("wrong_form", f"{len(answer.missing)} pairs; at most {MOST_MISSING} are read", "missing")
    missing: list[Range] = []
    for number, (first, last) in enumerate(answer.missing):
        if not 0 <= first <= last <= HIGHEST_SEQ:
            detail = f"[{first}, {last}] is not two numbers between 0 and {HIGHEST_SEQ}, the lower one first"
            return Refusal("wrong_form", detail[:200], f"missing[{number}]")
        add(missing, first, last)
    return Answered(message, device, answer, missing)


def settle_answers(
    connection: Connection, answers: Iterable[Answered], now: datetime
) -> tuple[list[tuple[Answered, Refusal]], list[tuple[Known, Lost]]]:
    """Keep answers with their commands, in the batch's transaction, after its messages are counted.

    Returns
    -------
    (list of (Answered, Refusal), list of (Known, Lost))
        Answers to what was never asked of the device; messages that are given up because it no longer has them.
    """
    refused: list[tuple[Answered, Refusal]] = []
    lost: list[tuple[Known, Lost]] = []
    answered: list[dict[str, int | str]] = []
    for each in answers:
        device, answer = each.device, each.answer
        detail = answer.detail.replace("\0", "\\0")[:_MOST_DETAIL]
        command = settle_answer(connection, answer.id, device.device_id, answer.outcome, detail, now)
        if command is None:
            text = f"no command {answer.id} was given to this device: answer with the id of the command"
            refused.append((each, Refusal("unknown_command", text, "id")))
            continue
        if isinstance(command, Order):
            if command.request_id is not None:
                answered.append({"tenant_id": device.tenant_id, "request_id": command.request_id})
            continue
        gone = command.seqs if answer.outcome == "refused" else common(each.missing, command.seqs)
        if gone:
            key = (device.device_id, command.boot, command.epoch)
            lost += [(device, every) for every in lose(connection, key, gone, now)]
    jobs.defer(connection, jobs.REMEDY, lock="request-{request_id}", calls=answered)
    return refused, lost
