"""The world of a seed: a desk with few bays, few technicians and few parts, and the devices of some owners near it.

Scarce on purpose: what everybody can have at once is never fought for. Everything is drawn from the seed.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Final

from devices.faults import Fulfilment
from devices.identity import partition_of
from devices.products import product_types
from gateway.admission.enrolment import EnrolmentRequest, OwnerIn, PlaceIn, enrol
from gateway.configure.tenant import apply
from gateway.owners.mandates import sign
from gateway.storage.connection import Connection, tenant_transaction
from gateway.storage.findings import one
from workflows.mandate import USUAL, Clause

TENANT: Final = "rehearsal"
# Each zone has its own days on which clocks change; the first days are shortly before one of them, or before holidays.
_PLACES: Final = (
    ("seoul", "Asia/Seoul", 37.54, 127.05),
    ("berlin", "Europe/Berlin", 52.56, 13.41),
    ("london", "Europe/London", 51.52, -0.11),
    ("new-york", "America/New_York", 40.71, -73.98),
    ("adelaide", "Australia/Adelaide", -34.92, 138.60),
)
_FIRST_DAYS: Final = (date(2023, 3, 1), date(2023, 3, 20), date(2023, 10, 1), date(2023, 10, 20), date(2023, 12, 15))
_HOURS: Final = ("09:00-18:00", "08:00-16:00", "10:00-18:00")
_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class Machine:
    """A device of the world, by its names."""

    device_id: int
    name: str
    product: str
    owner: str
    email: str
    partition: int


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff."""

    staff_id: int
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class World:
    """What a seed begins with."""

    tenant_id: int
    begins_at: datetime
    machines: tuple[Machine, ...]
    staff: tuple[Person, ...]
    takes_payments: bool


def build(connection: Connection, chance: Random, folder: Path) -> World:
    """Set a seed's world up in an empty database.

    Parameters
    ----------
    connection : Connection
        As the owner of the tables.
    chance : random.Random
        Of the seed.
    folder : Path
        Where its configuration is written.
    """
    begins_at = datetime.combine(chance.choice(_FIRST_DAYS), time(6), UTC)
    places = chance.sample(_PLACES, 1 + (chance.random() < 0.3))
    file = folder / "desk.toml"
    file.write_text(_desk(chance, places), encoding="utf-8")
    apply(connection, file)
    tenant_id = one(connection.execute("SELECT tenant_id FROM tenant WHERE name = %s", [TENANT]).fetchone())
    machines = tuple(_machine(connection, chance, number, places, begins_at) for number in range(chance.randint(4, 7)))
    connection.execute("UPDATE device SET enrolled_at = %s", [begins_at])
    connection.execute("UPDATE device_owner SET since_at = %s", [begins_at])
    for machine in machines:
        with tenant_transaction(connection, tenant_id):
            _sign(connection, chance, machine, begins_at)
    staff = connection.execute("SELECT staff_id, name, email FROM staff ORDER BY staff_id").fetchall()
    takes_payments = chance.random() < 0.85
    return World(tenant_id, begins_at, machines, tuple(Person(*row) for row in staff), takes_payments)


def _desk(chance: Random, places: list[tuple[str, str, float, float]]) -> str:
    parts = sorted(
        {part for product in product_types().values() for each in product.remedies.values() for part in each.part_nos}
    )
    lines = [f'[tenant]\nname = "{TENANT}"\ntitle = "Rehearsal"']
    for name, role in (("Pat", "planner"), ("Cas", "case_owner"))[: 1 + (chance.random() < 0.7)]:
        lines.append(f'[[staff]]\nname = "{name}"\nemail = "{name.lower()}@desk.example"\nrole = "{role}"')
    for place in places:
        lines += _centre(chance, parts, *place)
    lines += [f'[[part]]\npart = "{part}"\ntitle = "{part}"' for part in parts]
    lines += _prices(chance, parts) + _suppliers(chance, parts)
    return "\n\n".join(lines) + "\n"


def _suppliers(chance: Random, parts: list[str]) -> list[str]:
    """Return who brings what no centre has; some desks have nobody, some two who bring the same."""
    lines: list[str] = []
    for number in range(chance.choice((0, 1, 2))):
        head = f'name = "supplier-{number + 1}"\ntitle = "Supplier {number + 1}"\nurl = "https://supplier.example"'
        # One keeps a calendar of his own, the other that of whom he brings to.
        days = '\ncountry = "KR"' if number else ""
        lines.append(f'[[supplier]]\n{head}\ntime_zone = "{chance.choice(_PLACES)[1]}"{days}')
        lines += [
            f'[[supplier.supplies]]\npart = "{part}"\nlead_days = {chance.randint(1, 6)}'
            for part in parts
            if chance.random() < 0.7
        ]
    return lines


def _prices(chance: Random, parts: list[str]) -> list[str]:
    """Return what work and parts cost, mostly; some desks show goodwill, some agree each price."""
    if chance.random() < 0.3:
        return []
    lines = ['[[prices.labour]]\nper_minute = "150 EUR"\ncall_out = "3000 EUR"']
    priced = [part for part in parts if chance.random() < 0.95]
    lines.append("[prices.part]\n" + "\n".join(f'{part} = "{chance.randint(10, 900) * 100} EUR"' for part in priced))
    if chance.random() < 0.4:
        lines.append("[[prices.goodwill]]\nmonths_after = 24\nparts_percent = 50\nlabour_percent = 30")
    if chance.random() < 0.6:
        special = [part for part in priced if chance.random() < 0.5]
        above = chance.choice(("", '\nabove = "5000 EUR"'))
        lines.append(f"[prices.deposit]\npercent = {chance.choice((10, 30, 100))}{above}\nspecial_order = {special}")
    return lines


def _centre(chance: Random, parts: list[str], name: str, zone: str, latitude: float, longitude: float) -> list[str]:
    centre = f'[[service_centre]]\nname = "{name}"\ntitle = "{name}"\naddress = "1 Street"\ntime_zone = "{zone}"'
    lines = [f"{centre}\nlatitude = {latitude}\nlongitude = {longitude}\nhours = {{ {_hours(chance)} }}"]
    lines += [
        f'[[service_centre.bay]]\nname = "{name} bay {number + 1}"\nskills = {_skills(Fulfilment.DROP_OFF)}'
        for number in range(chance.randint(1, 2))
    ]
    visits = _skills(Fulfilment.VISIT)
    for number in range(chance.randint(1, 2)):
        person = f'[[service_centre.technician]]\nname = "{name} technician {number + 1}"\nskills = {visits}'
        lines.append(f"{person}\nhours = {{ {_hours(chance)} }}")
    return lines + [
        f'[[service_centre.stock]]\npart = "{part}"\non_hand = {chance.choice((0, 1, 1, 2, 3))}' for part in parts
    ]


def _hours(chance: Random) -> str:
    days = _WEEK[: chance.choice((5, 5, 6))]
    hours = chance.choice(_HOURS)
    return ", ".join(f'{day} = "{hours}"' for day in days)


def _skills(fulfilment: Fulfilment) -> str:
    skills = {
        skill
        for product in product_types().values()
        for remedy in product.remedies.values()
        if remedy.fulfilment is fulfilment
        for skill in remedy.skills
    }
    return "[" + ", ".join(f'"{skill}"' for skill in sorted(skills)) + "]"


def _machine(
    connection: Connection,
    chance: Random,
    number: int,
    places: list[tuple[str, str, float, float]],
    begins_at: datetime,
) -> Machine:
    product = chance.choice(sorted(product_types()))
    name = f"{'car' if product == 'electric_vehicle' else product.replace('_', '-')}-{number + 1}"
    _, zone, latitude, longitude = chance.choice(places)
    owner = OwnerIn(
        name=f"Owner {number + 1}",
        email=f"owner{number + 1}@home.example",
        language=chance.choice(("en", "ko", "ja")),
        time_zone=zone,
    )
    place = PlaceIn(
        name="Home",
        latitude=round(latitude + chance.uniform(-0.15, 0.15), 4),
        longitude=round(longitude + chance.uniform(-0.15, 0.15), 4),
        time_zone=zone,
    )
    warranty = begins_at.date() + timedelta(days=chance.choice((-400, 10, 400)))
    request = EnrolmentRequest(
        tenant=TENANT,
        device=name,
        certificate_request=None,
        mandate=None,
        product=product,
        serial=name,
        owner=owner,
        place=place,
        warranty_until=warranty,
    )
    enrol(connection, request, wait_s=0)
    device_id = one(connection.execute("SELECT device_id FROM device WHERE name = %s", [name]).fetchone())
    return Machine(device_id, name, product, owner.name, owner.email, partition_of(TENANT, name))


def _sign(connection: Connection, chance: Random, machine: Machine, begins_at: datetime) -> None:
    """Let most owners sign all, some a part of it or for some days only, and a few nothing."""
    clauses = [clause for clause in Clause if chance.random() < (0.95 if clause in USUAL else 0.6)]
    if not clauses or chance.random() < 0.05:
        return
    owner_id = one(
        connection.execute("SELECT owner_id FROM device WHERE device_id = %s", [machine.device_id]).fetchone()
    )
    sign(
        connection,
        device_id=machine.device_id,
        owner_id=owner_id,
        clauses=dict.fromkeys(clauses),
        signed_by="enrolment",
        now=begins_at,
        expires_at=begins_at + timedelta(days=chance.randint(3, 25)) if chance.random() < 0.1 else None,
    )
