"""Obeying: the world's devices answer commands that the desk sends from afar: at once, late, twice, never, or with a lie.

A device that is to be healed says first how it is, so that the desk may send its command; then it takes the command out
of the outbox as ingest would hand it on, answers, and heals or does not. What it answers says nothing about that.
"""

from datetime import timedelta
from typing import Final, Literal

from psycopg import sql

from devices.identity import Identity
from devices.products import product_type
from gateway.ingest.answers import ANSWER_SCHEMA, Answer, Answered, settle_answers
from gateway.ingest.directory import Known
from gateway.ingest.source import Message
from gateway.rehearsal import machines, processes
from gateway.rehearsal.life import Life
from gateway.rehearsal.world import TENANT, Machine
from gateway.storage.commands import Order, Unsent, mark_sent, unsent
from gateway.storage.door import take_numbers

_PARTITIONS: Final = range(64)
_MOST: Final = 50
_MINUTE: Final = timedelta(minutes=1)
Outcome = Literal["done", "partly", "refused"]


def speak(life: Life, machine: Machine) -> None:
    """Let a machine say now and then how it is, for as long as the world goes on."""
    life.plan(life.draw(timedelta(hours=3), timedelta(hours=40)), machine.name, lambda: _say(life, machine))


def _say(life: Life, machine: Machine) -> str:
    """Say what a command asks to be told of, while one waits for it; the sweep comes by soon after."""
    speak(life, machine)
    row = life.desk.admin.execute(
        "SELECT rung, fault FROM remedy_attempt WHERE device_id = %s AND state = 'planned' ORDER BY attempt_id LIMIT 1",
        [machine.device_id],
    ).fetchone()
    if row is None:
        return ""
    rung = product_type(machine.product).rung(row[1], row[0])
    if rung is None:
        raise LookupError(f"{machine.product} has no rung {row[0]!r} against {row[1]!r}")
    is_well = life.chance.random() < 0.8
    values = {need.signal: (need.side == "above") is is_well for need in rung.needs}
    _store(
        life, machine, {name: 24.0 * high if name.endswith(("_v", "_kmh")) else high for name, high in values.items()}
    )
    life.plan(life.draw(timedelta(seconds=10), 3 * _MINUTE), "sweep", lambda: processes.sweep_once(life))
    return "says that it is ready" if is_well else "says that it is not ready"


def _store(life: Life, machine: Machine, values: dict[str, float | bool]) -> None:
    table = sql.Identifier(f"{machine.product}_reading")
    ingest = life.desk.ingest
    with ingest.transaction():
        (number,) = take_numbers(ingest, {machine.partition: 1}).values()
        ingest.execute("SELECT ensure_day(%s::regclass, %s)", [f"{machine.product}_reading", life.now.date()])
        ingest.execute(
            sql.SQL(
                """INSERT INTO {table} (device_id, claimed_at, boot, seq, sample, partition, ingest_no, received_at,
                    is_backfill, {names}) VALUES ({values})"""
            ).format(
                table=table,
                names=sql.SQL(", ").join(map(sql.Identifier, values)),
                values=sql.SQL(", ").join([sql.Placeholder()] * (9 + len(values))),
            ),
            [machine.device_id, life.now, 1, number, 0, machine.partition, number, life.now, False, *values.values()],
        )


def take_commands(life: Life) -> None:
    """Let devices take what is in the outbox to them; each reacts in its own time."""
    waiting = unsent(life.desk.ingest, life.now, _PARTITIONS, _MOST)
    if not waiting:
        return
    machines_by_name = {machine.name: machine for machine in life.world.machines}
    with life.desk.ingest.transaction():
        mark_sent(life.desk.ingest, [(each.command.command_id, None) for each in waiting], life.now)
    # In the order of their devices: the numbers of commands are drawn by production code and come in any order.
    for each in sorted(waiting, key=lambda each: (each.identity.device, _name(each))):
        machine = machines_by_name[each.identity.device]
        life.story.tell(life.now, machine.name, f"gets the command {_name(each)}")
        _react(life, machine, each)


def _name(command: Unsent) -> str:
    return command.command.command if isinstance(command.command, Order) else "resend"


def _react(life: Life, machine: Machine, command: Unsent) -> None:
    temper = life.chance.random()
    if temper < 0.2:
        return
    outcome: Outcome = "refused" if temper < 0.3 else "partly" if temper < 0.35 else "done"
    delay = life.draw(timedelta(seconds=1), 8 * _MINUTE)
    life.plan(delay, machine.name, lambda: _answer(life, machine, command, outcome))
    if life.chance.random() < 0.2:
        life.plan(2 * delay, machine.name, lambda: _answer(life, machine, command, "done"))
    if life.chance.random() < 0.5:
        healed = life.draw(timedelta(seconds=1), 20 * _MINUTE)
        life.plan(healed, machine.name, lambda: machines.heal_all(life, machine))
        life.plan(healed + life.draw(_MINUTE, 60 * _MINUTE), "sweep", lambda: processes.sweep_once(life))


def _answer(life: Life, machine: Machine, command: Unsent, outcome: Outcome) -> str:
    known = Known(machine.device_id, life.world.tenant_id, machine.partition, machine.product)
    topic = Identity(machine.partition, TENANT, machine.name).topic("answer")
    message = Message(topic, b"", life.now, (0, 0))
    answer = Answer(ANSWER_SCHEMA, command.command.command_id, outcome)
    with life.desk.ingest.transaction():
        settle_answers(life.desk.ingest, [Answered(message, known, answer, [])], life.now)
    return f"answers {_name(command)}: {outcome}"
