"""What work costs: a line per part, one for labour, one for coming; or what has no price."""

import pytest

from workflows.money import Money
from workflows.pricing import Job, Kind, Line, PriceList, Rate, Unpriced, price

PARTS = {"CELL": Money(40_000, "EUR"), "YEN": Money(900, "JPY")}


def rate(product: str = "", skill: str = "", minute: int = 100, call_out: int = 5000, currency: str = "EUR") -> Rate:
    return Rate(product, skill, Money(minute, currency), Money(call_out, currency))


def job(*part_nos: str, is_visit: bool = False) -> Job:
    return Job("car", part_nos, 90, frozenset({"hoist", "high_voltage"}), is_visit)


def test_a_job_has_a_line_per_part_one_for_labour_and_one_for_coming() -> None:
    assert price(job("CELL", "CELL", is_visit=True), PriceList([rate()], PARTS)) == (
        Line(Kind.PART, "CELL", 2, Money(80_000, "EUR")),
        Line(Kind.LABOUR, "", 90, Money(9_000, "EUR")),
        Line(Kind.CALL_OUT, "", 1, Money(5_000, "EUR")),
    )


def test_nobody_pays_for_coming_where_the_owner_comes_himself() -> None:
    lines = price(job("CELL"), PriceList([rate()], PARTS))
    assert not isinstance(lines, Unpriced)
    assert [line.kind for line in lines] == [Kind.PART, Kind.LABOUR]


@pytest.mark.parametrize(
    ("rates", "minute"),
    [
        ([rate(minute=1), rate("car", minute=2)], 2),
        ([rate(skill="hoist", minute=3), rate("car", minute=2)], 2),
        ([rate("car", "hoist", 4), rate("car", "high_voltage", 5), rate("car", minute=9)], 5),
        ([rate("meter", minute=7), rate(minute=1)], 1),
        ([rate(skill="welding", minute=7), rate(minute=1)], 1),
    ],
)
def test_the_rate_that_is_meant_most_closely_is_taken(rates: list[Rate], minute: int) -> None:
    lines = price(job(), PriceList(rates, {}))
    assert not isinstance(lines, Unpriced)
    assert lines[0].gross == Money(minute * 90, "EUR")


@pytest.mark.parametrize(
    ("rates", "part_nos", "missing"),
    [
        ([], ("CELL", "NONE"), ("labour", "NONE")),
        ([rate("meter")], (), ("labour",)),
        ([rate()], ("CELL", "NONE"), ("NONE",)),
        ([rate()], ("CELL", "YEN"), ("YEN",)),
    ],
)
def test_what_has_no_price_in_the_currency_of_labour_is_named(
    rates: list[Rate], part_nos: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert price(job(*part_nos), PriceList(rates, PARTS)) == Unpriced(missing)
