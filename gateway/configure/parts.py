"""The parts of a tenant's file: catalogue, bills of material, suppliers and what ways cost; set again and again."""

from collections.abc import Sequence
from datetime import date, time
from typing import Annotated

from psycopg.types.json import Jsonb
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from devices.products import product_types
from gateway.admission.enrolment import Name, Text, Zone
from gateway.configure.calendar import CalendarIn
from gateway.storage.connection import Connection
from gateway.storage.findings import one
from gateway.texts import LANGUAGE_NAMES
from workflows.money import LONGEST_AMOUNT, Money


def _checked_price(text: str) -> str:
    _money(text)
    return text


def _money(text: str) -> Money:
    """Read '129000 KRW': whole minor units, and a currency."""
    minor, _, currency = text.partition(" ")
    if not (minor.isdecimal() and minor.isascii()):
        raise ValueError(f"{text!r} is no amount such as '129000 KRW': minor units, a space, the currency")
    if len(minor) > LONGEST_AMOUNT:
        raise ValueError(f"{text!r} has more than {LONGEST_AMOUNT} digits: that is no price")
    return Money(int(minor), currency)


def _checked_url(url: str) -> str:
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise ValueError(f"{url!r} is no address of a supplier: orders go by https://, or stay on this machine")
    return url.rstrip("/")


def _checked_product(product: str) -> str:
    if product and product not in product_types():
        raise ValueError(f"{product!r} is no product type; known are {', '.join(sorted(product_types()))}")
    return product


def _checked_titles(titles: dict[str, str]) -> dict[str, str]:
    known = ", ".join(f"{code} ({name})" for code, name in LANGUAGE_NAMES.items())
    for language, title in titles.items():
        if language not in LANGUAGE_NAMES:
            raise ValueError(f"{language!r} is no language of these pages; there are {known}: take {title!r} away")
        if not title:
            raise ValueError(f"the title in {language!r} is empty: write it, or take it away")
    return titles


PartNo = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Price = Annotated[str, AfterValidator(_checked_price)]
Titles = Annotated[dict[str, Text], AfterValidator(_checked_titles)]
Range = Annotated[str, StringConstraints(max_length=64)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScopeIn(_Model):
    """For which devices a row is good; what is not given is any."""

    product: Annotated[str, AfterValidator(_checked_product)] = ""
    model: Range = ""
    serial_from: Range = ""
    serial_to: Range = ""
    firmware_from: Range = ""
    firmware_to: Range = ""

    def columns(self) -> dict[str, object]:
        """Return the row's devices by column."""
        return {
            "product": self.product,
            "model": self.model,
            "serial_from": self.serial_from,
            "serial_to": self.serial_to,
            "firmware_from": self.firmware_from,
            "firmware_to": self.firmware_to,
        }


class StandInIn(ScopeIn):
    """Another part that may take its place on these devices."""

    part: PartNo


class PartIn(_Model):
    """A part that remedies need, what replaces it from a day on, and what may stand in for it.

    `titles` has what it is called in further languages; whose language is not among them reads `title`.
    """

    part: PartNo
    title: Text
    titles: Titles = Field(default_factory=dict[str, str])
    price: Price | None = None
    replaced_by: PartNo | None = None
    replaced_from: date | None = None
    substitute: list[StandInIn] = Field(default_factory=list[StandInIn])

    @model_validator(mode="after")
    def _is_replaced_from_a_day_on(self) -> "PartIn":
        if (self.replaced_by is None) != (self.replaced_from is None):
            raise ValueError(f"{self.part!r} needs both replaced_by and replaced_from, or neither")
        return self


class BomRowIn(ScopeIn):
    """Which part a remedy's part is on these devices."""

    role: PartNo
    part: PartNo


class SupplyIn(_Model):
    """What a supplier brings, and in how many working days."""

    part: PartNo
    lead_days: int = Field(ge=0, le=365)
    price: Price | None = None


class SupplierIn(CalendarIn):
    """Where parts are ordered; the secret for signatures is a setting, not in this file.

    With a country, and its region, lead times leave out its public holidays and weekends, and `closed_on` always.
    """

    name: Name
    title: Text
    url: Annotated[str, AfterValidator(_checked_url)]
    time_zone: Zone
    cut_off: time = time(15)
    takes_back: bool = True
    closed_on: Annotated[list[date], Field(max_length=366)] = Field(default_factory=list[date])
    supplies: list[SupplyIn] = Field(default_factory=list[SupplyIn])


class TariffIn(_Model):
    """What a day's transfer and a second visit cost, and what carrying a part along costs in thousandths of its price."""

    transfer: Price
    second_visit: Price
    carrying_per_mille: int = Field(default=20, ge=0, le=1000)


def problem_of_parts(parts: Sequence[PartIn], bill: Sequence[BomRowIn], suppliers: Sequence[SupplierIn]) -> str | None:
    """Return what is wrong with the parts as a whole and the next move, or None."""
    named = {part.part for part in parts}
    used = {
        *(part.replaced_by for part in parts if part.replaced_by),
        *(stand_in.part for part in parts for stand_in in part.substitute),
        *(row.part for row in bill),
        *(supply.part for supplier in suppliers for supply in supplier.supplies),
    }
    if unnamed := sorted(used - named):
        return f"it speaks of {', '.join(unnamed)}, but has no [[part]] with that number: add one each"
    after = {part.part: part.replaced_by for part in parts if part.replaced_by}
    for first in after:
        seen, at = {first}, after.get(first)
        while at is not None and at not in seen:
            seen.add(at)
            at = after.get(at)
        if at is not None:
            return f"the successors of {first} lead back to {at}: one of them is wrong, take its replaced_by away"
    return None


def save_parts(
    connection: Connection,
    parts: Sequence[PartIn],
    bill: Sequence[BomRowIn],
    suppliers: Sequence[SupplierIn],
    tariff: TariffIn | None,
) -> None:
    """Create or update what is given, in the caller's transaction of the tenant; nothing is taken away."""
    for part in parts:
        connection.execute(
            """INSERT INTO part (part_no, title, titles, price_minor, price_currency) VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (tenant_id, part_no) DO UPDATE SET title = EXCLUDED.title, titles = EXCLUDED.titles,
                price_minor = EXCLUDED.price_minor, price_currency = EXCLUDED.price_currency""",
            [part.part, part.title, Jsonb(part.titles), *_amount(part.price)],
        )
    for part in parts:
        _replacements(connection, part)
    for row in bill:
        connection.execute(
            """INSERT INTO bill_of_material (role, part_no, product, model, serial_from, serial_to, firmware_from,
                firmware_to)
            VALUES (%(role)s, %(part)s, %(product)s, %(model)s, %(serial_from)s, %(serial_to)s, %(firmware_from)s,
                %(firmware_to)s)
            ON CONFLICT ON CONSTRAINT device_range_is_named_once DO UPDATE SET part_no = EXCLUDED.part_no""",
            {"role": row.role, "part": row.part} | row.columns(),
        )
    for supplier in suppliers:
        _supplier(connection, supplier)
    if tariff is not None:
        transfer, second_visit = _money(tariff.transfer), _money(tariff.second_visit)
        connection.execute(
            """INSERT INTO parts_tariff (currency, transfer_minor, second_visit_minor, carrying_per_mille)
            VALUES (%s, %s, %s, %s)
            ON CONFLICT (tenant_id) DO UPDATE SET currency = EXCLUDED.currency,
                transfer_minor = EXCLUDED.transfer_minor, second_visit_minor = EXCLUDED.second_visit_minor,
                carrying_per_mille = EXCLUDED.carrying_per_mille""",
            [transfer.currency, transfer.minor, second_visit.minor, tariff.carrying_per_mille],
        )


def _replacements(connection: Connection, part: PartIn) -> None:
    if part.replaced_by is not None:
        connection.execute(
            """INSERT INTO part_supersession (part_no, successor_no, from_on) VALUES (%s, %s, %s)
            ON CONFLICT ON CONSTRAINT part_has_one_successor DO UPDATE SET successor_no = EXCLUDED.successor_no,
                from_on = EXCLUDED.from_on""",
            [part.part, part.replaced_by, part.replaced_from],
        )
    for stand_in in part.substitute:
        connection.execute(
            """INSERT INTO part_substitute (part_no, stand_in_no, product, model, serial_from, serial_to, firmware_from,
                firmware_to)
            VALUES (%(part)s, %(stand_in)s, %(product)s, %(model)s, %(serial_from)s, %(serial_to)s, %(firmware_from)s,
                %(firmware_to)s)
            ON CONFLICT ON CONSTRAINT substitute_is_named_once DO NOTHING""",
            {"part": part.part, "stand_in": stand_in.part} | stand_in.columns(),
        )


def _supplier(connection: Connection, supplier: SupplierIn) -> None:
    supplier_id = one(
        connection.execute(
            """INSERT INTO supplier (name, title, url, time_zone, cut_off, takes_back, country, region, closed_on)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT ON CONSTRAINT supplier_name_is_free DO UPDATE SET title = EXCLUDED.title, url = EXCLUDED.url,
                time_zone = EXCLUDED.time_zone, cut_off = EXCLUDED.cut_off, takes_back = EXCLUDED.takes_back,
                country = EXCLUDED.country, region = EXCLUDED.region, closed_on = EXCLUDED.closed_on
            RETURNING supplier_id""",
            [
                supplier.name,
                supplier.title,
                supplier.url,
                supplier.time_zone,
                supplier.cut_off,
                supplier.takes_back,
                supplier.country,
                supplier.region,
                supplier.closed_on,
            ],
        ).fetchone()
    )
    for supply in supplier.supplies:
        connection.execute(
            """INSERT INTO part_supply (supplier_id, part_no, lead_days, price_minor, price_currency)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (supplier_id, part_no) DO UPDATE SET lead_days = EXCLUDED.lead_days,
                price_minor = EXCLUDED.price_minor, price_currency = EXCLUDED.price_currency""",
            [supplier_id, supply.part, supply.lead_days, *_amount(supply.price)],
        )


def move_supplier(connection: Connection, name: str, url: str) -> None:
    """Let a supplier be reached at another address, in the caller's transaction of the tenant."""
    connection.execute("UPDATE supplier SET url = %s WHERE name = %s", [_checked_url(url), name])


def _amount(price: str | None) -> tuple[int | None, str | None]:
    if price is None:
        return None, None
    money = _money(price)
    return money.minor, money.currency
