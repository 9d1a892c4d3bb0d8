"""The account of a tenant's devices: rows of a recording against what the desk stored, absorbed and refused.

Everything here is reckoned from values; what is stored is counted in `gateway.storage.accounting`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from gateway.errors import SettingsError
from gateway.storage.accounting import Counted, Kept, RefusedPiece

_SAMPLE: Final = re.compile(r"samples\[\d+\](?:\.at)?")
_SCHEMA: Final = "callout.account/1"
_MORE: Final = "and_more"


class Sent(msgspec.Struct):
    """What a replay says of one device: rows of the file, samples sent, and rows that were not sent by reason."""

    rows: int
    sent: int
    messages: int = 0
    not_sent: dict[str, int] = {}
    bad_values: dict[str, int] = {}
    same_time: int = 0


class _File(msgspec.Struct):
    schema: str
    devices: dict[str, Sent]


@dataclass(frozen=True, slots=True)
class Line:
    """The account of one device.

    Attributes
    ----------
    device
        Its name; empty for rows that name no device.
    rows, sent
        Rows of the recording and samples sent, None when no replay's account was given.
    not_sent
        Rows that were not sent, by reason.
    stored
        Readings stored.
    not_there
        Messages that were sent, and of which nothing is stored or refused: on their way, or lost.
    duplicate
        Samples that came again and were absorbed, None when it is not known what was sent or not all of it is there.
    refused
        Samples refused, by reason.
    values_refused
        Values refused whose reading is stored, by reason.
    symptoms, requests
        Confirmed symptoms by monitor, and service requests by fault.
    """

    device: str
    rows: int | None
    sent: int | None
    stored: int
    not_there: int
    duplicate: int | None
    not_sent: dict[str, int]
    refused: dict[str, int]
    values_refused: dict[str, int]
    symptoms: dict[str, int]
    requests: dict[str, int]

    @property
    def is_balanced(self) -> bool:
        """Whether every row is accounted for: what was sent is stored, absorbed or refused, and the rest has its reason."""
        if self.rows is None or self.sent is None:
            return True
        return (
            self.duplicate is not None and self.duplicate >= 0 and self.rows == self.sent + sum(self.not_sent.values())
        )


@dataclass(slots=True)
class _Refusals:
    messages: int = 0
    samples: Counter[str] = field(default_factory=Counter[str])
    values: Counter[str] = field(default_factory=Counter[str])


def read_sent(path: Path) -> dict[str, Sent]:
    """Read a replay's account.

    Raises
    ------
    SettingsError
        When it cannot be read.
    """
    try:
        read = msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.DecodeError) as error:
        message = f"{path} cannot be read as a replay's account: {error}. It is written by `callout replay --account`."
        raise SettingsError(message) from error
    if read.schema != _SCHEMA:
        message = (
            f"{path} is of schema {read.schema!r}, not {_SCHEMA!r}: write it anew with `callout replay --account`."
        )
        raise SettingsError(message)
    return read.devices


def account(
    names: Iterable[str],
    sent: Mapping[str, Sent],
    stored: Mapping[str, Kept],
    refused: Iterable[RefusedPiece],
    symptoms: Iterable[Counted],
    requests: Iterable[Counted],
) -> list[Line]:
    """Draw up the account, one line for each device, and one for rows that name none.

    Parameters
    ----------
    names
        Devices in order; with a replay's account only those that stand in it are drawn up.
    sent
        What the replay says, by device; empty for none.
    stored, refused, symptoms, requests
        What the desk has.
    """
    refusals = _refusals(refused)
    found = {"symptoms": _by_device(symptoms), "requests": _by_device(requests)}
    wanted = [name for name in names if not sent or name in sent]
    return [
        _line(
            name,
            sent.get(name),
            stored.get(name, Kept(0, 0)),
            refusals[name],
            found["symptoms"][name],
            found["requests"][name],
        )
        for name in [*wanted, *(name for name in sent if name not in wanted)]
    ]


def _line(
    name: str, sent: Sent | None, stored: Kept, refusals: _Refusals, symptoms: dict[str, int], requests: dict[str, int]
) -> Line:
    refused = refusals.samples.total()
    not_there = max(0, sent.messages - stored.messages - refusals.messages) if sent else 0
    return Line(
        device=name,
        rows=sent.rows if sent else None,
        sent=sent.sent if sent else None,
        stored=stored.readings,
        not_there=not_there,
        duplicate=sent.sent - stored.readings - refused if sent and not not_there else None,
        not_sent=dict(sent.not_sent) if sent else {},
        refused=dict(refusals.samples),
        values_refused=dict(refusals.values),
        symptoms=symptoms,
        requests=requests,
    )


def _by_device(counted: Iterable[Counted]) -> defaultdict[str, dict[str, int]]:
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for each in counted:
        found[each.device][each.what] = each.count
    return found


def _refusals(pieces: Iterable[RefusedPiece]) -> defaultdict[str, _Refusals]:
    """Tell refused samples from refused values; what was shortened to a number counts as the piece before it."""
    found: defaultdict[str, _Refusals] = defaultdict(_Refusals)
    is_sample = True
    for piece in pieces:
        count = 1
        if piece.reason == _MORE:
            count = int(piece.detail.partition(" ")[0])
        elif not piece.place or piece.place in {"schema", "samples", "boot", "seq", "at", "codes"}:
            is_sample, count = True, _samples_in(piece.payload)
            found[piece.device].messages += 1
        else:
            is_sample = _SAMPLE.fullmatch(piece.place) is not None
        kind = found[piece.device].samples if is_sample else found[piece.device].values
        kind[piece.reason] += count
    return found


def _samples_in(payload: bytes) -> int:
    """Count the samples of a message that was refused as a whole; one when that cannot be seen."""
    try:
        message: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return 1
    samples: object = cast("dict[str, object]", message).get("samples") if isinstance(message, dict) else None
    return len(cast("list[object]", samples)) if isinstance(samples, list) and samples else 1
