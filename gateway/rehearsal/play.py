"""Playing one seed from its first day to its last, or to the first invariant that does not hold."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

from pydantic import SecretStr

from gateway.rehearsal import (
    handovers,
    machines,
    obeying,
    owners,
    planners,
    processes,
    provider,
    replanning,
    reports,
    stores,
)
from gateway.rehearsal.checker import Checker, Violation
from gateway.rehearsal.crashes import Fuse, wire
from gateway.rehearsal.life import BrokenStepError, Desk, Life
from gateway.rehearsal.scratch import Slate
from gateway.rehearsal.story import Story
from gateway.rehearsal.world import build
from gateway.settings import Settings
from gateway.storage.connection import Connection, Role, connect

# With jobs waiting, one is taken mostly at once; else the worker is late, and the world goes on meanwhile.
_AT_ONCE: Final = 0.93


@dataclass(frozen=True, slots=True)
class Played:
    """How a seed went; `story` is its last page of what happened, in full."""

    seed: int
    events: int
    requests: int
    confirmed: int
    violations: tuple[Violation, ...]
    story: Story


@dataclass(frozen=True, slots=True)
class Stage:
    """A scratch database with its connections, on which one seed after the other is played."""

    desk: Desk
    slate: Slate
    checker: Checker
    folder: Path

    def play(self, seed: int, days: int) -> Played:
        """Play a seed for some days of virtual time."""
        self.slate.wipe()
        provider.open_books(self.desk.admin)
        chance = Random(seed)  # noqa: S311  # a story, no secret
        world = build(self.desk.admin, chance, self.folder)
        ends_at = world.begins_at + timedelta(days=days)
        life = Life(self.desk, world, chance, ends_at, world.begins_at, self.checker)
        for machine in world.machines:
            machines.live(life, machine, days)
            obeying.speak(life, machine)
            owners.waver(life, machine)
            reports.begin(life, machine)
            handovers.hand_over(life, machine)
        for person in world.staff:
            planners.meddle(life, person)
            stores.keep(life, person)
            replanning.ask_by_hand(life, person)
        planners.fall_ill(life, world.staff[0])
        life.plan(timedelta(minutes=1), "sweep", lambda: processes.sweep(life))
        try:
            _go_on(life)
        except BrokenStepError:
            # Its violation is written down; the database is as the step has left it.
            life.story.follow(self.desk.admin)
        return self._told(seed, life)

    def _told(self, seed: int, life: Life) -> Played:
        row = self.desk.admin.execute(
            "SELECT (SELECT count(*) FROM service_request), (SELECT count(*) FROM appointment)"
        ).fetchone() or (0, 0)
        return Played(seed, life.story.events, row[0], row[1], tuple(life.violations), life.story)


def _go_on(life: Life) -> None:
    while not life.violations and life.now < life.ends_at:
        is_late = life.chance.random() >= _AT_ONCE
        if is_late or not processes.work(life):
            if life.next_at >= life.ends_at:
                return
            life.go_on()
        _deliver(life)


def _plan_once(connection: Connection) -> None:
    """Let each statement be planned once: they are a few hundred, asked some hundred thousand times of small tables."""
    # From the second time on: what holds several commands shows at its first, and cannot be prepared.
    connection.prepare_threshold = 1
    connection.prepared_max = None
    connection.execute("SET plan_cache_mode = force_generic_plan")


def _deliver(life: Life) -> None:
    """Let those react who have got letters, or commands."""
    obeying.take_commands(life)
    letters, life.letters = life.letters, []
    staff = {person.email: person for person in life.world.staff}
    for letter in letters:
        if letter.recipient in staff:
            planners.read(life, staff[letter.recipient], letter)
        else:
            owners.read(life, letter)


@contextmanager
def stage(database_url: str, settings: Settings, folder: Path) -> Generator[Stage]:
    """Open a stage on a scratch database in which nothing has happened yet.

    Parameters
    ----------
    database_url
        With rights to everything in it.
    settings
        Those of the processes; letters go to the world and to no mail server.
    folder
        For the files that a world needs.
    """
    fuse = Fuse()
    secret = SecretStr("a rehearsal has nothing to hide from anybody")
    present = settings.model_copy(update={"secret": secret, "smtp_url": ""})
    with (
        connect(database_url, Role.ADMIN) as admin,
        connect(database_url, Role.INGEST) as ingest,
        connect(database_url, Role.WORK) as work,
        connect(database_url, Role.SERVE) as serve,
    ):
        for connection in (admin, ingest, work, serve):
            _plan_once(connection)
        for connection in (work, serve):
            wire(connection, fuse)
        provider.open_books(admin)
        yield Stage(Desk(admin, ingest, work, serve, fuse, present), Slate(admin), Checker(admin), folder)
