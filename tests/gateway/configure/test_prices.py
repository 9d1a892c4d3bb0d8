"""Prices in a tenant's file: set, set again, and refused with what is wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.configure.tenant import apply
from gateway.errors import SettingsError
from tests.gateway.desk import SmallDesk, open_desk

PRICES = """
[[prices.labour]]
per_minute = "100 EUR"
call_out = "5000 EUR"

[prices.part]
EV-CELL-MODULE = "40000 EUR"

[prices.deposit]
percent = 30
above = "100000 EUR"
special_order = ["EV-CELL-MODULE"]

[[prices.goodwill]]
months_after = 12
parts_percent = 50
labour_percent = 0

[[prices.warranty]]
device = "ev-1"
name = "battery"
components = ["traction_battery"]
until = 2034-01-01
labour = false

[[prices.contract]]
device = "ev-1"
name = "care"
since = 2026-01-01
until = 2027-12-31
parts_percent = 80
labour_percent = 100
visits_per_year = 2
"""


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def configured(desk: SmallDesk, folder: Path, more: str) -> None:
    file = folder / "acme.toml"
    base = file.read_text("utf-8").partition("\n[[prices")[0]
    file.write_text(base + more, "utf-8")
    apply(desk.admin, file)


def test_prices_are_set_and_set_again(desk: SmallDesk, tmp_path: Path) -> None:
    desk.vehicle("ev-1")
    configured(desk, tmp_path, PRICES)
    configured(desk, tmp_path, PRICES.replace('"100 EUR"', '"120 EUR"').replace("percent = 80", "percent = 70"))
    assert desk.rows("SELECT per_minute_minor, call_out_minor, currency FROM labour_rate") == [(120, 5000, "EUR")]
    assert desk.rows("SELECT part_no, price_minor, is_special_order FROM part WHERE price_minor IS NOT NULL") == [
        ("EV-CELL-MODULE", 40_000, True)
    ]
    assert desk.rows("SELECT above_minor, currency, per_mille FROM deposit_rule") == [(100_000, "EUR", 300)]
    assert desk.rows("SELECT name, covers_labour, components FROM warranty") == [
        ("battery", False, ["traction_battery"])
    ]
    assert desk.rows("SELECT parts_per_mille, labour_per_mille, visits_per_year FROM service_contract") == [
        (700, 1000, 2)
    ]
    assert desk.rows("SELECT months_after, parts_per_mille FROM goodwill_rule") == [(12, 500)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("100 EUR", "1.00 EUR"), "no amount such as '129000 KRW'"),
        (("100 EUR", "9999999999999999 EUR"), "that is no price"),
        (("40000 EUR", "99999999999999999999 EUR"), "that is no price"),
        (("100 EUR", "100 EURO"), "no ISO 4217 currency"),
        (("5000 EUR", "5000 JPY"), "two currencies"),
        (("EV-CELL-MODULE =", "NO-SUCH ="), "the part 'NO-SUCH'"),
        (('device = "ev-1"\nname = "care"', 'device = "ev-9"\nname = "care"'), "the device 'ev-9'"),
        (("percent = 30", "percent = 130"), "prices.deposit.percent"),
        (('per_minute = "100', 'product = "boat"\nper_minute = "100'), "no product type"),
    ],
)
def test_what_is_wrong_with_a_price_is_said(
    desk: SmallDesk, tmp_path: Path, wrong: tuple[str, str], message: str
) -> None:
    desk.vehicle("ev-1")
    with pytest.raises(SettingsError, match=message):
        configured(desk, tmp_path, PRICES.replace(*wrong, 1))
    assert desk.rows("SELECT * FROM labour_rate") == []
