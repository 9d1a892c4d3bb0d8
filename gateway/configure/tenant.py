"""Set-up of a tenant from a TOML file: staff, service centres with bays, technicians and stock, parts; again and again."""

import tomllib
from collections import Counter
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Literal, Self

from psycopg.types.json import Jsonb
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from gateway.admission.enrolment import Email, Name, Text, Zone
from gateway.configure.calendar import CalendarIn
from gateway.configure.parts import (
    BomRowIn,
    PartIn,
    PartNo,
    SupplierIn,
    TariffIn,
    problem_of_parts,
    save_parts,
)
from gateway.configure.prices import PricesIn, save_prices
from gateway.dates.outside import give_to_a_person, outside_of_hours
from gateway.errors import SettingsError
from gateway.storage.calendars import set_day
from gateway.storage.connection import Connection, tenant_transaction
from gateway.storage.findings import one
from workflows.visits import has_a_window

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _checked_hours(text: str) -> str:
    opens, _, closes = text.partition("-")
    try:
        is_right = time.fromisoformat(opens) < time.fromisoformat(closes)
    except ValueError:
        is_right = False
    if not is_right:
        raise ValueError(f"{text!r} are not opening hours such as '09:00-18:00'")
    return text


def _with_a_window(hours: str) -> str:
    begins, ends = (time.fromisoformat(hour) for hour in hours.split("-"))
    if not has_a_window(begins, ends):
        raise ValueError(f"{hours!r} hold no whole arrival window: these are 08:00-10:00, 10:00-12:00 and so on")
    return hours


Hours = Annotated[str, AfterValidator(_checked_hours)]
WorkingHours = Annotated[Hours, AfterValidator(_with_a_window)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TenantIn(_Model):
    """The organisation that runs a desk here."""

    name: Name
    title: Text


class StaffIn(_Model):
    """Somebody who reviews or owns cases."""

    name: Text
    email: Email
    role: Literal["planner", "case_owner"] = "planner"
    language: Literal["en", "ko", "ja"] = "en"


class BayIn(_Model):
    """A bay of a service centre, with its skills."""

    name: Text
    skills: list[Name] = Field(default_factory=list[str])


class TechnicianIn(_Model):
    """Somebody who visits; his day begins at his place, without one at the centre where he loads parts."""

    name: Text
    skills: list[Name] = Field(min_length=1)
    hours: dict[Weekday, WorkingHours] = Field(min_length=1)
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    retired: bool = False

    @model_validator(mode="after")
    def _has_a_whole_place(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError(f"{self.name!r} has half a place: give latitude and longitude, or neither")
        return self


class StockIn(_Model):
    """How many of a part lie at a service centre."""

    part: PartNo
    on_hand: int = Field(ge=0)


class DayIn(_Model):
    """A day on which a centre is closed, or open at other hours than usual."""

    day: date
    hours: Hours | None = None
    reason: Text = ""


class CentreIn(CalendarIn):
    """A service centre; with a country, and its region, it is closed on the public holidays there."""

    name: Name
    title: Text
    address: Text
    phone: Text = ""
    time_zone: Zone
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    hours: dict[Weekday, Hours]
    day: list[DayIn] = Field(default_factory=list[DayIn])
    bay: list[BayIn] = Field(default_factory=list[BayIn])
    technician: list[TechnicianIn] = Field(default_factory=list[TechnicianIn])
    stock: list[StockIn] = Field(default_factory=list[StockIn])


class DeskFile(_Model):
    """The whole file."""

    tenant: TenantIn
    staff: list[StaffIn] = Field(min_length=1)
    service_centre: list[CentreIn] = Field(default_factory=list[CentreIn])
    part: list[PartIn] = Field(default_factory=list[PartIn])
    prices: PricesIn = PricesIn()
    bill_of_material: list[BomRowIn] = Field(default_factory=list[BomRowIn])
    supplier: list[SupplierIn] = Field(default_factory=list[SupplierIn])
    parts_tariff: TariffIn | None = None


def apply(connection: Connection, path: Path) -> list[int]:
    """Create or update what the file names, in one transaction; what it does not name is left alone.

    A technician who is retired is sent nowhere from then on; what he has promised is kept by another, or called off.
    Stock is set to what the file says only where a part is new at a centre: counts live in the database.

    Returns
    -------
    list of int
        The requests whose promised dates are outside of the hours now, and were not before: a person has each.

    Raises
    ------
    SettingsError
        When the file cannot be read or a value in it cannot be used; the message names each one.
    """
    desk = _read(path)
    row = connection.execute(
        """INSERT INTO tenant (name, title) VALUES (%s, %s)
        ON CONFLICT ON CONSTRAINT tenant_name_is_free DO UPDATE SET title = EXCLUDED.title RETURNING tenant_id""",
        [desk.tenant.name, desk.tenant.title],
    ).fetchone()
    now = datetime.now(UTC)
    with tenant_transaction(connection, one(row)):
        outside = outside_of_hours(connection, now).keys()
        for staff in desk.staff:
            connection.execute(
                """INSERT INTO staff (name, email, role, language) VALUES (%s, %s, %s, %s)
                ON CONFLICT ON CONSTRAINT staff_is_known_by_one_email
                DO UPDATE SET name = EXCLUDED.name, role = EXCLUDED.role, language = EXCLUDED.language""",
                [staff.name, staff.email, staff.role, staff.language],
            )
        save_parts(connection, desk.part, desk.bill_of_material, desk.supplier, desk.parts_tariff)
        for centre in desk.service_centre:
            _centre(connection, centre)
        save_prices(connection, desk.prices)
        return give_to_a_person(connection, outside, now)


def _read(path: Path) -> DeskFile:
    try:
        desk = DeskFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}. Correct it, or name another file.") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()
        )
        raise SettingsError(f"{path} cannot be used: {problems}") from None
    if problem := problem_of_parts(desk.part, desk.bill_of_material, desk.supplier):
        raise SettingsError(f"{path} cannot be used: {problem}")
    named = {part.part for part in desk.part}
    unnamed = sorted({stock.part for centre in desk.service_centre for stock in centre.stock} - named)
    if unnamed:
        raise SettingsError(f"{path} has stock of {', '.join(unnamed)}, but no [[part]] with that number: add one each")
    times = Counter(technician.name for centre in desk.service_centre for technician in centre.technician)
    if twice := sorted(name for name, count in times.items() if count > 1):
        raise SettingsError(f"{path} names the technician {', '.join(twice)} twice: tell them apart, or take one away")
    return desk


def _centre(connection: Connection, centre: CentreIn) -> None:
    centre_id = one(
        connection.execute(
            """INSERT INTO service_centre (name, title, address, phone, time_zone, latitude, longitude, hours,
                country, region)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT ON CONSTRAINT service_centre_name_is_free DO UPDATE SET title = EXCLUDED.title,
                address = EXCLUDED.address, phone = EXCLUDED.phone, time_zone = EXCLUDED.time_zone,
                latitude = EXCLUDED.latitude, longitude = EXCLUDED.longitude, hours = EXCLUDED.hours,
                country = EXCLUDED.country, region = EXCLUDED.region
            RETURNING centre_id""",
            [
                centre.name,
                centre.title,
                centre.address,
                centre.phone,
                centre.time_zone,
                centre.latitude,
                centre.longitude,
                Jsonb({day: hours.split("-") for day, hours in centre.hours.items()}),
                centre.country,
                centre.region,
            ],
        ).fetchone()
    )
    for day in centre.day:
        set_day(connection, centre_id, day.day, _times(day.hours), day.reason, None, datetime.now(UTC))
    for bay in centre.bay:
        connection.execute(
            """INSERT INTO bay (centre_id, name, skills) VALUES (%s, %s, %s)
            ON CONFLICT ON CONSTRAINT bay_name_is_free DO UPDATE SET skills = EXCLUDED.skills""",
            [centre_id, bay.name, list(bay.skills)],
        )
    for technician in centre.technician:
        _technician(connection, centre_id, centre, technician)
    for stock in centre.stock:
        if stock.on_hand:
            connection.execute(
                """INSERT INTO stock_movement (centre_id, part_no, kind, on_hand, reason)
                SELECT %(centre)s, %(part)s, 'receipt', %(count)s, 'opening count' WHERE NOT EXISTS (
                    SELECT FROM stock_level WHERE centre_id = %(centre)s AND part_no = %(part)s)""",
                {"centre": centre_id, "part": stock.part, "count": stock.on_hand},
            )


def _times(hours: str | None) -> tuple[time, time] | None:
    if hours is None:
        return None
    opens, closes = (time.fromisoformat(hour) for hour in hours.split("-"))
    return opens, closes


def _technician(connection: Connection, centre_id: int, centre: CentreIn, technician: TechnicianIn) -> None:
    connection.execute(
        """INSERT INTO technician AS t (centre_id, name, skills, hours, latitude, longitude, retired_at)
        VALUES (%(centre_id)s, %(name)s, %(skills)s, %(hours)s, %(latitude)s, %(longitude)s,
            CASE WHEN %(retired)s THEN now() END)
        ON CONFLICT ON CONSTRAINT technician_name_is_free DO UPDATE SET centre_id = EXCLUDED.centre_id,
            skills = EXCLUDED.skills, hours = EXCLUDED.hours, latitude = EXCLUDED.latitude,
            longitude = EXCLUDED.longitude,
            retired_at = CASE WHEN %(retired)s THEN coalesce(t.retired_at, EXCLUDED.retired_at) END""",
        {
            "centre_id": centre_id,
            "name": technician.name,
            "skills": technician.skills,
            "hours": Jsonb({day: hours.split("-") for day, hours in technician.hours.items()}),
            "latitude": centre.latitude if technician.latitude is None else technician.latitude,
            "longitude": centre.longitude if technician.longitude is None else technician.longitude,
            "retired": technician.retired,
        },
    )
