"""The ledger: what was sent against what is stored, reading by reading, and how long the desk took to recover.

It asks the reading's own table and the desk's symptoms, nothing that the desk counts itself.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.storage.connection import Connection
from tests.trust.street import BOOT, STEP, Said

_MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of the readings of some devices.

    Attributes
    ----------
    sent, acknowledged, stored
        Readings that devices made; that the broker acknowledged; that are in the table, each counted once.
    lost, doubled, foreign
        Readings that are not in the table; rows too many of a reading that is; rows that nobody sent, or sent otherwise.
    examples
        Some devices with any of them.
    """

    sent: int
    acknowledged: int
    stored: int
    lost: int
    doubled: int
    foreign: int
    examples: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """How a scenario ended.

    Attributes
    ----------
    name, seed
        What was done, and with which chance.
    balance, forgetful
        Of the devices that do as the documents say; of those that forget what is acknowledged, when there are any.
    strikes, inside_a_batch
        How often it was struck, and how often in the middle of a transaction of ingest.
    refused
        Messages that the broker refused, and Rejections that the desk keeps.
    wrong_symptoms
        What the desk says of faults that it should not, or does not say and should; empty when each is said once.
    symptoms
        How many faults there were to find.
    recoveries_s
        Seconds from each strike until readings made after it were stored with a lag under 5 s.
    crashes
        How often a process died that nobody had struck.
    """

    name: str
    seed: int
    balance: Balance
    forgetful: Balance | None
    strikes: int
    inside_a_batch: int
    refused: int
    symptoms: int
    wrong_symptoms: Sequence[str]
    recoveries_s: Sequence[float]
    crashes: Sequence[str] = field(default_factory=tuple[str, ...])

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled, refused or said wrongly."""
        wrong = self.balance.lost + self.balance.doubled + self.balance.foreign + self.refused
        return wrong == 0 and not self.wrong_symptoms

    def lines(self) -> Iterable[str]:
        """Say it to people."""
        yield f"{self.name}: seed {self.seed}, {self.strikes} strikes, {self.inside_a_batch} of them inside a batch"
        yield from _told("devices that keep their last seconds", self.balance)
        if self.forgetful is not None:
            yield from _told("devices that forget what is acknowledged (not held against the desk)", self.forgetful)
        yield f"  {'refused':<14}{self.refused:>12,}"
        yield f"  {'faults found':<14}{self.symptoms:>12,} each once" if not self.wrong_symptoms else "  faults WRONG:"
        yield from (f"    {wrong}" for wrong in self.wrong_symptoms)
        if self.recoveries_s:
            median_s, worst_s = statistics.median(self.recoveries_s), max(self.recoveries_s)
            yield f"  {'recovery':<14}{median_s:>10.1f} s median, {worst_s:.1f} s worst (lag under 5 s again)"
        yield from (f"  died by itself: {crash}" for crash in self.crashes)
        yield f"  {'clean' if self.is_clean else 'NOT CLEAN'}"

    def figures(self) -> Mapping[str, object]:
        """Say it to machines."""
        return {
            "scenario": self.name,
            "seed": self.seed,
            "strikes": self.strikes,
            "inside_a_batch": self.inside_a_batch,
            **_figures(self.balance),
            "refused": self.refused,
            "faults": self.symptoms,
            "wrong_faults": len(self.wrong_symptoms),
            "recovery_median_s": round(statistics.median(self.recoveries_s), 2) if self.recoveries_s else None,
            "recovery_worst_s": round(max(self.recoveries_s), 2) if self.recoveries_s else None,
            "forgetful": None if self.forgetful is None else _figures(self.forgetful),
            "crashes": len(self.crashes),
            "clean": self.is_clean,
        }


def weigh(connection: Connection, said: Iterable[Said]) -> Balance:
    """Hold what devices said against what is stored; the devices are of one street."""
    devices = list(said)
    sent = sum(device.messages * device.samples for device in devices)
    rows = {name: counts for name, *counts in _counted(connection, devices)}
    own, distinct = (sum(rows[device.device][column] for device in devices) for column in (0, 1))
    foreign = sum(rows[device.device][2] for device in devices)
    short = [d for d in devices if rows[d.device][1] < d.messages * d.samples]
    odd = [d for d in devices if rows[d.device][0] > rows[d.device][1] or rows[d.device][2]]
    examples = [_missing(connection, device) for device in short[:_MOST_EXAMPLES]]
    return Balance(
        sent=sent,
        acknowledged=sum(device.acknowledged * device.samples for device in devices),
        stored=distinct,
        lost=sent - distinct,
        doubled=own - distinct + _shared_numbers(connection),
        foreign=foreign,
        examples=[*examples, *(f"doubled or foreign: {device.device}" for device in odd[:_MOST_EXAMPLES])],
    )


def wrong_symptoms(connection: Connection, said: Iterable[Said]) -> Sequence[str]:
    """Return what the desk says too much or too little: each faulty device has one symptom, nobody else any."""
    wanted = sorted((device.device, "cell_leaves_pack", 3, "confirmed") for device in said if device.is_faulty)
    told = connection.execute(
        "SELECT d.name, s.monitor, s.element, s.state FROM symptom s JOIN device d USING (device_id)"
    ).fetchall()
    left = list(wanted)
    surplus: list[str] = []
    for row in sorted(told):
        if row in left:
            left.remove(row)
        else:
            surplus.append(f"too much: {row}")
    return [*surplus, *(f"not found: {row}" for row in left)]


def rejections(connection: Connection) -> int:
    """Count what the desk refused."""
    row = connection.execute("SELECT count(*) FROM rejection").fetchone()
    assert row is not None
    return int(row[0])


def _counted(connection: Connection, devices: Sequence[Said]) -> Sequence[tuple[str, int, int, int]]:
    """By device: rows of its own, how many different readings they are, and rows that it never sent so."""
    return connection.execute(
        """WITH said AS (
            SELECT d.device_id, d.name, s.messages FROM device d
            JOIN unnest(%(names)s::text[], %(messages)s::bigint[]) AS s(name, messages) USING (name)
        ), seen AS (
            SELECT said.name, r.odometer_m AS number,
                r.boot = %(boot)s AND r.seq BETWEEN 1 AND said.messages AND r.odometer_m / %(samples)s = r.seq - 1
                AND r.claimed_at = %(begins_at)s + r.odometer_m * %(step)s::interval AND r.odometer_m >= 0
                AND cardinality(r.cell_voltages_v) = 6 AS is_own
            FROM said JOIN electric_vehicle_reading r USING (device_id)
        )
        SELECT said.name, count(*) FILTER (WHERE is_own), count(DISTINCT number) FILTER (WHERE is_own),
            count(*) FILTER (WHERE is_own IS NOT TRUE AND seen.name IS NOT NULL)
        FROM said LEFT JOIN seen USING (name) GROUP BY said.name""",
        {
            "names": [device.device for device in devices],
            "messages": [device.messages for device in devices],
            "boot": BOOT,
            "samples": devices[0].samples,
            "begins_at": devices[0].begins_at,
            "step": STEP,
        },
    ).fetchall()


def _shared_numbers(connection: Connection) -> int:
    """Count the ingest numbers that more than one row bears."""
    row = connection.execute(
        """SELECT count(*) FROM (
            SELECT FROM electric_vehicle_reading GROUP BY partition, ingest_no HAVING count(*) > 1) AS shared"""
    ).fetchone()
    assert row is not None
    return int(row[0])


def _missing(connection: Connection, device: Said) -> str:
    """Say which messages of a device are not there: how many, and the first."""
    row = connection.execute(
        """SELECT count(*), min(seq) FROM generate_series(1, %(messages)s) AS seq
        WHERE NOT EXISTS (SELECT FROM electric_vehicle_reading r JOIN device d USING (device_id)
            WHERE d.name = %(name)s AND r.seq = seq.seq AND r.boot = %(boot)s)""",
        {"messages": device.messages, "name": device.device, "boot": BOOT},
    ).fetchone()
    assert row is not None
    return f"lost: {device.device}, {row[0]} of {device.messages} messages, the first is {row[1]}"


def _told(who: str, balance: Balance) -> Iterable[str]:
    yield f"  {who}"
    for name in ("sent", "acknowledged", "stored", "lost", "doubled", "foreign"):
        yield f"  {name:<14}{getattr(balance, name):>12,}{' readings' if name == 'sent' else ''}"
    yield from (f"    {example}" for example in balance.examples)


def _figures(balance: Balance) -> Mapping[str, object]:
    return {name: getattr(balance, name) for name in ("sent", "acknowledged", "stored", "lost", "doubled", "foreign")}
