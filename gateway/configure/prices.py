"""The prices of a tenant's file: labour, parts, deposits, goodwill by age, warranties and contracts; set again and again."""

from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from devices.products import product_types
from gateway.admission.enrolment import Name, Text
from gateway.errors import SettingsError
from gateway.storage.connection import Connection
from workflows.money import LONGEST_AMOUNT, Money


def _money(text: str) -> Money:
    """Read '129000 KRW': whole minor units, and a currency."""
    minor, _, currency = text.partition(" ")
    if not (minor.isdecimal() and minor.isascii()):
        raise ValueError(f"{text!r} is no amount such as '129000 KRW': minor units, a space, the currency")
    if len(minor) > LONGEST_AMOUNT:
        raise ValueError(f"{text!r} has more than {LONGEST_AMOUNT} digits: that is no price")
    return Money(int(minor), currency)


def _checked_amount(text: str) -> str:
    _money(text)
    return text


def _checked_product(product: str) -> str:
    if product and product not in product_types():
        raise ValueError(f"{product!r} is no product type; known are {', '.join(sorted(product_types()))}")
    return product


Amount = Annotated[str, AfterValidator(_checked_amount)]
Product = Annotated[str, AfterValidator(_checked_product)]
Percent = Annotated[int, Field(ge=0, le=100)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LabourIn(_Model):
    """What a minute of work and a call-out cost; of one product or skill, or of any."""

    product: Product = ""
    skill: str = ""
    per_minute: Amount
    call_out: Amount

    @model_validator(mode="after")
    def _has_one_currency(self) -> Self:
        if _money(self.per_minute).currency != _money(self.call_out).currency:
            raise ValueError(f"{self.per_minute!r} and {self.call_out!r} are of two currencies: use one")
        return self


class DepositIn(_Model):
    """Above which amount, and for which parts that are ordered for one owner alone, which share is paid first."""

    percent: Annotated[int, Field(ge=1, le=100)]
    above: Amount | None = None
    special_order: list[str] = Field(default_factory=list[str])


class GoodwillIn(_Model):
    """What is paid by itself for a device whose warranty has ended no more than so many months ago."""

    product: Product = ""
    months_after: Annotated[int, Field(ge=1, le=600)]
    parts_percent: Percent
    labour_percent: Percent


class _Term(_Model):
    """Something that holds for one device from one day to another, both included."""

    device: Name
    name: Text
    components: list[str] = Field(default_factory=list[str])
    until: date


class WarrantyIn(_Term):
    """What a maker pays of a device beside the warranty that it was enrolled with."""

    since: date | None = None
    parts: bool = True
    labour: bool = True


class ContractIn(_Term):
    """What a service contract pays of a device."""

    since: date
    parts_percent: Percent
    labour_percent: Percent
    visits_per_year: Annotated[int, Field(ge=0)] | None = None


class PricesIn(_Model):
    """All prices of a tenant; without labour it agrees each price in person."""

    labour: list[LabourIn] = Field(default_factory=list[LabourIn])
    part: dict[str, Amount] = Field(default_factory=dict[str, Amount])
    deposit: DepositIn | None = None
    goodwill: list[GoodwillIn] = Field(default_factory=list[GoodwillIn])
    warranty: list[WarrantyIn] = Field(default_factory=list[WarrantyIn])
    contract: list[ContractIn] = Field(default_factory=list[ContractIn])


def save_prices(connection: Connection, prices: PricesIn) -> None:
    """Set what the file names, in the tenant's transaction; what it does not name is left alone.

    Raises
    ------
    SettingsError
        A part or a device that it names is not there.
    """
    _save_labour(connection, prices)
    for part_no, text in prices.part.items():
        price = _money(text)
        _must_be_there(
            connection.execute(
                "UPDATE part SET price_minor = %s, price_currency = %s WHERE part_no = %s",
                [price.minor, price.currency, part_no],
            ).rowcount,
            f"the part {part_no!r}, which has a price",
        )
    if prices.deposit is not None:
        _save_deposit(connection, prices.deposit)
    for warranty in prices.warranty:
        _save_warranty(connection, warranty)
    for contract in prices.contract:
        _save_contract(connection, contract)


def _save_labour(connection: Connection, prices: PricesIn) -> None:
    for labour in prices.labour:
        connection.execute(
            """INSERT INTO labour_rate (product, skill, per_minute_minor, call_out_minor, currency)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT ON CONSTRAINT rate_is_set_once DO UPDATE SET per_minute_minor = EXCLUDED.per_minute_minor,
                call_out_minor = EXCLUDED.call_out_minor, currency = EXCLUDED.currency""",
            [
                labour.product,
                labour.skill,
                _money(labour.per_minute).minor,
                _money(labour.call_out).minor,
                _money(labour.per_minute).currency,
            ],
        )
    for rule in prices.goodwill:
        connection.execute(
            """INSERT INTO goodwill_rule (product, months_after, parts_per_mille, labour_per_mille)
            VALUES (%s, %s, %s, %s)
            ON CONFLICT ON CONSTRAINT goodwill_rule_is_set_once DO UPDATE
                SET parts_per_mille = EXCLUDED.parts_per_mille, labour_per_mille = EXCLUDED.labour_per_mille""",
            [rule.product, rule.months_after, rule.parts_percent * 10, rule.labour_percent * 10],
        )


def _save_deposit(connection: Connection, deposit: DepositIn) -> None:
    above = None if deposit.above is None else _money(deposit.above)
    connection.execute(
        """INSERT INTO deposit_rule (above_minor, currency, per_mille) VALUES (%s, %s, %s)
        ON CONFLICT (tenant_id) DO UPDATE SET above_minor = EXCLUDED.above_minor, currency = EXCLUDED.currency,
            per_mille = EXCLUDED.per_mille""",
        [None if above is None else above.minor, None if above is None else above.currency, deposit.percent * 10],
    )
    connection.execute("UPDATE part SET is_special_order = part_no = ANY(%s)", [deposit.special_order])


def _save_warranty(connection: Connection, warranty: WarrantyIn) -> None:
    count = connection.execute(
        """INSERT INTO warranty (device_id, name, covers_parts, covers_labour, components, from_on, until_on)
        SELECT device_id, %(name)s, %(parts)s, %(labour)s, %(components)s, %(since)s, %(until)s
        FROM device WHERE name = %(device)s
        ON CONFLICT ON CONSTRAINT warranty_of_a_device_has_its_own_name DO UPDATE
            SET covers_parts = EXCLUDED.covers_parts, covers_labour = EXCLUDED.covers_labour,
                components = EXCLUDED.components, from_on = EXCLUDED.from_on, until_on = EXCLUDED.until_on""",
        warranty.model_dump(),
    ).rowcount
    _must_be_there(count, f"the device {warranty.device!r}, which has the warranty {warranty.name!r}")


def _save_contract(connection: Connection, contract: ContractIn) -> None:
    count = connection.execute(
        """INSERT INTO service_contract (device_id, name, parts_per_mille, labour_per_mille, components,
            visits_per_year, from_on, until_on)
        SELECT device_id, %(name)s, %(parts_percent)s * 10, %(labour_percent)s * 10, %(components)s,
            %(visits_per_year)s, %(since)s, %(until)s
        FROM device WHERE name = %(device)s
        ON CONFLICT ON CONSTRAINT contract_of_a_device_has_its_own_name DO UPDATE
            SET parts_per_mille = EXCLUDED.parts_per_mille, labour_per_mille = EXCLUDED.labour_per_mille,
                components = EXCLUDED.components, visits_per_year = EXCLUDED.visits_per_year,
                from_on = EXCLUDED.from_on, until_on = EXCLUDED.until_on""",
        contract.model_dump(),
    ).rowcount
    _must_be_there(count, f"the device {contract.device!r}, which has the contract {contract.name!r}")


def _must_be_there(count: int, what: str) -> None:
    if not count:
        raise SettingsError(f"the file names {what}, but it is not there: add or enrol it first, or correct the name")
