"""Keeps pieces running: whatever ends by itself is started again, at once at first and ever later if it keeps ending."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway.errors import CalloutError

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0
# Who has lived this long has recovered: his next end is a first one again.
_RECOVERED_SECONDS: Final = 60.0

Tell = Callable[[str], None]


class Piece(Protocol):
    """Something that runs beside us and can be started again after it has ended."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether it is there."""
        ...

    def start(self) -> object:
        """Start it and return when it can be used."""
        ...

    def stop(self) -> None:
        """Stop it; nothing happens when it has ended already."""
        ...


@dataclass(slots=True)
class _Kept:
    piece: Piece
    started_at_s: float
    pause_s: float = _FIRST_PAUSE_SECONDS
    due_at_s: float | None = None


@dataclass(slots=True)
class Keeper:
    """The pieces of a household in the order of their start.

    Parameters
    ----------
    tell
        Takes a line for the person at the terminal.
    clock
        Seconds of a clock that only goes forward.
    """

    tell: Tell
    clock: Callable[[], float] = time.monotonic
    _kept: list[_Kept] = field(default_factory=list["_Kept"], init=False)

    def start(self, piece: Piece) -> None:
        """Start a piece and keep it from now on.

        Raises
        ------
        CalloutError
            It could not be started this first time.
        """
        piece.start()
        self._kept.append(_Kept(piece, self.clock()))

    def look(self) -> None:
        """Start again what has ended, if its time has come; to be called a few times a second."""
        for kept in self._kept:
            if kept.piece.is_running:
                continue
            now_s = self.clock()
            if kept.due_at_s is None:
                self._plan(kept, now_s, "ended")
            elif now_s >= kept.due_at_s:
                self._start_again(kept)

    def stop(self) -> None:
        """Stop all pieces, the last one first."""
        while self._kept:
            self._kept.pop().piece.stop()

    def _plan(self, kept: _Kept, now_s: float, what: str) -> None:
        if now_s - kept.started_at_s > _RECOVERED_SECONDS:
            kept.pause_s = _FIRST_PAUSE_SECONDS
        kept.due_at_s = now_s + kept.pause_s
        self.tell(f"{kept.piece.name} {what}; starting it again in {kept.pause_s:.1f} s")
        kept.pause_s = min(2 * kept.pause_s, _LONGEST_PAUSE_SECONDS)

    def _start_again(self, kept: _Kept) -> None:
        kept.started_at_s = self.clock()
        try:
            kept.piece.start()
        except CalloutError as error:
            self._plan(kept, self.clock(), f"could not be started: {error}")
        else:
            kept.due_at_s = None
            self.tell(f"{kept.piece.name} runs again")
