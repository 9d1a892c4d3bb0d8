"""A simulated week of vehicles and meters as messages that come late, twice and out of order, through the real worker."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway import journey
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect, tenant_transaction
from simulators.breeds import breed_of
from simulators.enrolment import Place
from simulators.faults import Fault, strain_at
from tests.fakes.source import ListSource
from tests.gateway.desk import SmallDesk, topic


@dataclass(frozen=True, slots=True)
class Street:
    """Devices of a product: how often they say something, what is wrong with which of them, and how late they may be."""

    product: str
    count: int
    begins_before: timedelta
    cadence: timedelta
    samples_per_message: int
    latest: timedelta
    faults: Mapping[int, tuple[str, float]]

    @property
    def names(self) -> list[str]:
        return breed_of(self.product).names(self.count)


def messages(street: Street, begins_at: datetime, ends_at: datetime, seed: int) -> list[Message]:
    """All that the devices say, in the order in which it comes: some of it late, some twice, trouble codes at once."""
    chance = random.Random(seed)
    breed = breed_of(street.product)
    places = [_place(number) for number in range(street.count)]
    plant = breed.build(places, seed)
    kinds = breed.kinds
    faults = [
        Fault(street.product, row, kind, begins_at + timedelta(days=1), severity, 1 + row % kinds[kind].channels)
        for row, (kind, severity) in street.faults.items()
    ]
    heard: list[Message] = []
    batches: list[list[dict[str, object]]] = [[] for _ in range(street.count)]
    codes: list[Sequence[str]] = [()] * street.count
    seqs = [0] * street.count

    def say(row: int, channel: str, content: dict[str, object], at: datetime) -> None:
        seqs[row] += 1
        payload = msgspec.json.encode({"schema": f"callout.{channel}/1", "boot": 1, "seq": seqs[row], **content})
        late = chance.random() * street.latest if channel == "telemetry" and chance.random() < 0.15 else timedelta()
        for again in range(2 if chance.random() < 0.05 else 1):
            comes_at = at + late + again * chance.random() * street.latest
            heard.append(Message(topic(street.names[row], channel), payload, comes_at, (1, len(heard))))

    at = begins_at - street.begins_before
    while at < ends_at:
        plant.step(street.cadence.total_seconds(), at, strain_at(street.product, faults, street.count, at))
        for row, sample in enumerate(plant.samples()):
            written = at.isoformat()
            batches[row].append({"at": written, **sample})
            if len(batches[row]) >= street.samples_per_message:
                say(row, "telemetry", {"samples": batches[row]}, at)
                batches[row] = []
            if plant.codes(row) != codes[row]:
                codes[row] = plant.codes(row)
                say(row, "event", {"at": written, "codes": list(codes[row])}, at)
        at += street.cadence
    return heard


def _place(number: int) -> Place:
    return Place(name="Berlin", latitude=52.5 + number / 100, longitude=13.4, timeZone="Europe/Berlin")


# A worker is lost after about so many messages.
_LOST_EVERY: Final = 150


def _worker(desk: SmallDesk) -> Worker:
    return Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))


def live(desk: SmallDesk, heard: Sequence[Message], batch: timedelta) -> None:
    """Let messages come as they do, in batches of so long, with the diagnoses that they ask for.

    Now and then the worker is lost, and another one begins with what is stored.
    """
    worker = _worker(desk)
    chance = random.Random(7)
    waiting = sorted(heard, key=lambda each: each.received_at)
    place, now = 0, waiting[0].received_at
    while place < len(waiting):
        now += batch
        begins = place
        while place < len(waiting) and waiting[place].received_at <= now:
            place += 1
        if place > begins and place // _LOST_EVERY > begins // _LOST_EVERY:
            worker.close()
            worker = _worker(desk)
        if place > begins:
            worker.take(waiting[begins:place])
        # Work is sometimes behind: then more has come than what asked for a diagnosis.
        if chance.random() < 0.7 or place == len(waiting):
            work(desk, now)
    worker.close()


def work(desk: SmallDesk, now: datetime) -> None:
    """Do the diagnoses that wait, as the work process does."""
    jobs = desk.rows(
        "DELETE FROM jobs.procrastinate_jobs WHERE status = 'todo' AND task_name = 'diagnose' RETURNING args"
    )
    for (args,) in jobs:
        with tenant_transaction(desk.work, desk.tenant_id):
            journey.diagnose(desk.work, device_id=args["device_id"], component=args["component"], now=now)
