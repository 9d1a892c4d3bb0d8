"""A life: one seed's world as it goes on, in virtual time; what is going to happen next, and what has happened.

Nothing here decides anything of the journey: the real steps do, on a real database. What is drawn here is when they
come, in which order, how often, and where they are cut off.
"""

import heapq
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from random import Random
from typing import Final

from gateway.rehearsal.checker import Checker, Violation
from gateway.rehearsal.crashes import CrashError, Fuse
from gateway.rehearsal.overheard import overheard
from gateway.rehearsal.story import Story
from gateway.rehearsal.world import World
from gateway.settings import Settings
from gateway.storage.connection import Connection

_LINK: Final = re.compile(r"/o/([A-Za-z0-9_-]{72})")

Act = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Desk:
    """The connections of a scratch database in each role, and what the processes are set to."""

    admin: Connection
    ingest: Connection
    work: Connection
    serve: Connection
    fuse: Fuse
    settings: Settings


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as it arrives: to whom, what about, and the word in its link, empty where it leads to a planner's page."""

    recipient: str
    subject: str
    token: str


class BrokenStepError(Exception):
    """A step of the journey has failed in a way that nobody had planned."""


@dataclass(slots=True)
class Life:
    """One seed's world in virtual time.

    Parameters
    ----------
    desk, world, chance
        The database, what was there at first, and the seed's generator.
    ends_at
        When it is over.
    """

    desk: Desk
    world: World
    chance: Random
    ends_at: datetime
    now: datetime
    checker: Checker
    story: Story = field(default_factory=Story)
    letters: list[Letter] = field(default_factory=list[Letter])
    violations: list[Violation] = field(default_factory=list[Violation])
    _ahead: list[tuple[datetime, int, str, Act]] = field(default_factory=list[tuple[datetime, int, str, Act]])
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def plan(self, after: timedelta, actor: str, act: Act) -> None:
        """Let something happen some time from now; `act` says what it did."""
        heapq.heappush(self._ahead, (self.now + after, next(self.numbers), actor, act))

    @property
    def next_at(self) -> datetime:
        """When the next planned thing happens."""
        return self._ahead[0][0] if self._ahead else self.ends_at

    def draw(self, least: timedelta, most: timedelta) -> timedelta:
        """Return a length of time between two, in whole seconds."""
        return timedelta(seconds=self.chance.randint(int(least.total_seconds()), int(most.total_seconds())))

    def go_on(self) -> None:
        """Let the next planned thing happen."""
        at, _, actor, act = heapq.heappop(self._ahead)
        self.now = max(self.now, at)
        self.happen(actor, act)

    def happen(self, actor: str, act: Act) -> None:
        """Let something happen now; a process that dies in it has done nothing, and says so."""
        failures: list[BaseException] = []
        try:
            with overheard() as failures:
                what = act()
        except CrashError:
            what = "the process dies in the middle"
        except Exception as error:
            raise self._broken(actor, error) from error
        finally:
            self.desk.fuse.put_out()
        if failures:
            raise self._broken(actor, failures[0]) from failures[0]
        if not what:
            return
        self.story.tell(self.now, actor, what)
        self.story.follow(self.desk.admin)
        self.violations += self.checker.check(self.now)

    def _broken(self, actor: str, error: BaseException) -> BrokenStepError:
        self.story.tell(self.now, actor, f"fails with {type(error).__name__}: {error}")
        self.violations.append(Violation("no step fails", f"{type(error).__name__}: {error}"))
        return BrokenStepError()

    def send_message(self, msg: EmailMessage) -> None:
        """Take a letter of the desk, as a mail server does; it arrives at once."""
        body = msg.get_body(("plain",))
        found = _LINK.search(body.get_content()) if body is not None else None
        recipient = msg["To"].addresses[0].addr_spec
        self.letters.append(Letter(recipient, str(msg["Subject"]), found[1] if found else ""))
