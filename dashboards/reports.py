"""How a device reports, in words: its clock, messages that are missing, troubles at the door, commands and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from devices.seqs import Range
from gateway.storage.clocks import ClockRow, clock_of_device
from gateway.storage.connection import Connection
from gateway.storage.gaps import GapRow, gaps_of_device
from gateway.storage.pages.reports import (
    CommandRow,
    Membership,
    commands_of_device,
    incident_of_device,
    waits_for_messages,
)
from gateway.storage.troubles import KINDS, TroubleRow, open_troubles, troubles_of_device
from gateway.texts import Translator, msgid

COMMAND_STATES: Final[Mapping[str, str]] = {
    "waits": msgid("waits to be sent"),
    "unsent": msgid("was never sent"),
    "refused_by_broker": msgid("the broker did not take it"),
    "sent": msgid("sent, not answered yet"),
    "unanswered": msgid("not answered"),
    "done": msgid("done"),
    "partly": msgid("done in part"),
    "refused": msgid("refused by the device"),
}
GAP_STATES: Final[Mapping[str, str]] = {
    "noticed": msgid("missing"),
    "asked": msgid("asked for"),
    "filled": msgid("came later"),
    "given_up": msgid("lost"),
}
_ROWS: Final = 10
_RANGES_SHOWN: Final = 3
_LARGEST_US: Final = 10**16
# Less than this nobody calls a clock ahead or behind.
_NOTHING_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Reports:
    """How one device reports; lists are the newest first, and bounded.

    `is_waiting` says that messages are missing that may still come.
    `following` is the place in the address at which older gaps begin, empty where there are none.
    """

    clock: ClockRow | None
    is_waiting: bool
    gaps: Sequence[GapRow]
    following: str
    is_first: bool
    troubles: Sequence[TroubleRow]
    past: Sequence[TroubleRow]
    commands: Sequence[CommandRow]
    incident: Membership | None

    @property
    def is_calm(self) -> bool:
        """Whether nothing that is shown is wrong now."""
        is_off = self.clock is not None and self.clock.is_off
        return not (self.is_waiting or is_off or self.troubles or self.incident)


def reports_of(conn: Connection, device_id: int, before: str) -> Reports:
    """Read how a device of the present tenant reports; `before` is the place that older gaps begin at, or empty."""
    place = _place(before)
    gaps = gaps_of_device(conn, device_id, before=place, limit=_ROWS + 1)
    newest = troubles_of_device(conn, device_id, _ROWS)
    return Reports(
        clock=clock_of_device(conn, device_id),
        is_waiting=waits_for_messages(conn, device_id),
        gaps=gaps[:_ROWS],
        following=_address(gaps[_ROWS - 1]) if len(gaps) > _ROWS else "",
        is_first=place is None,
        troubles=open_troubles(conn, device_id=device_id, limit=len(KINDS)),
        past=[trouble for trouble in newest if trouble.closed_at is not None],
        commands=commands_of_device(conn, device_id, limit=_ROWS),
        incident=incident_of_device(conn, device_id),
    )


def _address(gap: GapRow) -> str:
    return f"{round(gap.noticed_at.timestamp() * 1_000_000)}.{gap.gap_id}"


def _place(text: str) -> tuple[datetime, int] | None:
    """Read a place in the list of gaps out of an address; None, which is the first page, for what is none."""
    parts = text.split(".")
    if len(parts) != 2 or not all(part.isdecimal() and part.isascii() and len(part) < 18 for part in parts):
        return None
    return datetime.fromtimestamp(min(int(parts[0]), _LARGEST_US) / 1_000_000, UTC), int(parts[1])


def seen(trouble: TroubleRow, t: Translator) -> str:
    """Return what was seen of a trouble, with its numbers."""
    detail = trouble.detail
    match trouble.kind:
        case "two_devices":
            return (
                t.gettext("Boot %(boot)s, number %(seq)s takes turns with boot %(other_boot)s, number %(other_seq)s.")
                % detail
            )
        case "seq_restarted":
            return t.gettext("In boot %(boot)s from number %(from_seq)s back to %(to_seq)s.") % detail
        case "clock_off":
            return off_by(float(detail["skew_s"]), t)
        case "gap_lost":
            count = t.ngettext("%(number)s message", "%(number)s messages", trouble.count)
            return count % {"number": t.number(trouble.count, 0)}


def off_by(skew_s: float, t: Translator) -> str:
    """Return how far a clock is from ours in words; `skew_s` is seconds that it is ahead."""
    if abs(skew_s) < _NOTHING_S:
        return t.gettext("less than a second off")
    text = t.gettext("%(length)s ahead") if skew_s > 0 else t.gettext("%(length)s behind")
    return text % {"length": t.length(abs(skew_s))}


def numbers(seqs: Sequence[Range], t: Translator) -> str:
    """Return which numbers of messages are meant: "1841–1850, 1860"; of many ranges the first few."""
    told = [str(first) if first == last else f"{first}–{last}" for first, last in seqs[:_RANGES_SHOWN]]
    text = ", ".join(told)
    if len(seqs) > _RANGES_SHOWN:
        return t.gettext("%(numbers)s and more") % {"numbers": text}
    return text
