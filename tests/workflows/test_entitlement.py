"""Who pays which line: decided at the onset, never beyond the gross, and the lines are the total."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.entitlement import Contract, Entitlement, Goodwill, Ground, Rule, Terms, Warranty, entitle, months_later
from workflows.money import Money, total
from workflows.pricing import Kind, Line

ONSET = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = date(2026, 6, 15)
LINES = (
    Line(Kind.PART, "CELL", 1, Money(40_000, "EUR")),
    Line(Kind.LABOUR, "hoist", 90, Money(9_000, "EUR")),
    Line(Kind.CALL_OUT, "hoist", 1, Money(5_000, "EUR")),
)


def warranty(until_on: date = DAY, *, parts: bool = True, labour: bool = True, components: str = "") -> Warranty:
    return Warranty(1, parts, labour, frozenset(components.split()), None, until_on)


def contract(contract_id: int = 2, parts: int = 500, labour: int = 1000, left: int | None = None) -> Contract:
    return Contract(contract_id, parts, labour, frozenset(), left, DAY, DAY)


def decided(terms: Terms, onset_at: datetime = ONSET, zone_name: str = "UTC") -> Entitlement:
    return entitle(LINES, terms, component="battery", onset_at=onset_at, zone_name=zone_name)


ENDED = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("terms", "to_pay", "grounds"),
    [
        (Terms(), [40_000, 9_000, 5_000], [[], [], []]),
        (Terms([warranty()]), [0, 0, 0], [["warranty"]] * 3),
        (Terms([warranty(DAY - timedelta(days=1))]), [40_000, 9_000, 5_000], [[], [], []]),
        (Terms([warranty(labour=False)]), [0, 9_000, 5_000], [["warranty"], [], []]),
        (Terms([warranty(parts=False)]), [40_000, 0, 0], [[], ["warranty"], ["warranty"]]),
        (Terms([warranty(components="battery motor")]), [0, 0, 0], [["warranty"]] * 3),
        (Terms([warranty(components="motor")]), [40_000, 9_000, 5_000], [[], [], []]),
        (Terms([], [contract()]), [20_000, 0, 0], [["contract"]] * 3),
        (Terms([], [contract(left=0)]), [40_000, 9_000, 5_000], [[], [], []]),
        (Terms([], [contract(left=1)]), [20_000, 0, 0], [["contract"]] * 3),
        (Terms([], [contract(parts=100, labour=0), contract(3)]), [20_000, 0, 0], [["contract"]] * 3),
        (Terms([warranty(labour=False)], [contract()]), [0, 0, 0], [["warranty"], ["contract"], ["contract"]]),
        (Terms([], [], [], Goodwill(4, 300)), [28_000, 6_300, 3_500], [["goodwill"]] * 3),
        (
            Terms([], [contract(labour=0)], [], Goodwill(4, 500)),
            [10_000, 4_500, 2_500],
            [["contract", "goodwill"], ["goodwill"], ["goodwill"]],
        ),
        (Terms([warranty(ENDED)], [], [Rule(5, 6, 500, 0)]), [20_000, 9_000, 5_000], [["rule"], [], []]),
        (Terms([warranty(ENDED)], [], [Rule(5, 3, 500, 0)]), [40_000, 9_000, 5_000], [[], [], []]),
        (
            Terms([warranty(ENDED)], [], [Rule(5, 24, 100, 0), Rule(6, 6, 500, 0)]),
            [20_000, 9_000, 5_000],
            [["rule"], [], []],
        ),
        (Terms([], [], [Rule(5, 6, 500, 0)]), [40_000, 9_000, 5_000], [[], [], []]),
        (Terms([warranty(ENDED)], [], [Rule(5, 6, 500, 0)], Goodwill(4, 1000)), [0, 0, 0], [["goodwill"]] * 3),
    ],
)
def test_each_line_is_paid_by_what_was_in_force(terms: Terms, to_pay: list[int], grounds: list[list[str]]) -> None:
    found = decided(terms)
    assert [line.to_pay.minor for line in found.lines] == to_pay
    assert [[str(cover.ground) for cover in line.covers] for line in found.lines] == grounds
    assert found.to_pay == Money(sum(to_pay), "EUR")


@pytest.mark.parametrize(
    ("zone_name", "onset_at", "onset_on"),
    [
        ("Asia/Seoul", datetime(2026, 6, 15, 14, 59, 59, tzinfo=UTC), date(2026, 6, 15)),
        ("Asia/Seoul", datetime(2026, 6, 15, 15, 0, tzinfo=UTC), date(2026, 6, 16)),
        ("America/St_Johns", datetime(2026, 6, 16, 2, 29, 59, tzinfo=UTC), date(2026, 6, 15)),
        ("America/St_Johns", datetime(2026, 6, 16, 2, 30, tzinfo=UTC), date(2026, 6, 16)),
        ("Pacific/Kiritimati", datetime(2026, 6, 15, 9, 59, 59, tzinfo=UTC), date(2026, 6, 15)),
        ("Pacific/Kiritimati", datetime(2026, 6, 15, 10, 0, tzinfo=UTC), date(2026, 6, 16)),
        # Across the change of the clocks: the last moment of the shorter day.
        ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC), date(2026, 3, 29)),
        ("Europe/Berlin", datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
        ("UTC", datetime(2026, 6, 15, 23, 59, 59, tzinfo=UTC), date(2026, 6, 15)),
    ],
)
def test_the_day_of_the_onset_is_that_of_where_the_device_lives(
    zone_name: str, onset_at: datetime, onset_on: date
) -> None:
    last_day = decided(Terms([warranty(onset_on)]), onset_at, zone_name)
    day_before = decided(Terms([warranty(onset_on - timedelta(days=1))]), onset_at, zone_name)
    assert last_day.onset_on == onset_on
    assert last_day.to_pay.minor == 0
    assert day_before.to_pay == day_before.gross


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 12, 1), 12, date(2027, 12, 1)),
        (date(2026, 1, 15), 0, date(2026, 1, 15)),
    ],
)
def test_months_end_where_the_month_ends(day: date, months: int, later: date) -> None:
    assert months_later(day, months) == later


PER_MILLE = st.integers(0, 1000)
DAYS = st.dates(DAY - timedelta(days=400), DAY + timedelta(days=400))
COMPONENTS = st.frozensets(st.sampled_from(["battery", "motor"]))
TERMS = st.builds(
    Terms,
    st.lists(st.builds(Warranty, st.integers(1, 9), st.booleans(), st.booleans(), COMPONENTS, st.none() | DAYS, DAYS)),
    st.lists(
        st.builds(
            Contract, st.integers(1, 9), PER_MILLE, PER_MILLE, COMPONENTS, st.none() | st.integers(0, 3), DAYS, DAYS
        )
    ),
    st.lists(st.builds(Rule, st.integers(1, 9), st.integers(1, 36), PER_MILLE, PER_MILLE)),
    st.none() | st.builds(Goodwill, st.integers(1, 9), PER_MILLE),
)
SOME_LINES = st.lists(
    st.builds(
        Line,
        st.sampled_from(Kind),
        st.text(max_size=3),
        st.integers(1, 5),
        st.builds(Money, st.integers(0, 10**9), st.just("KRW")),
    ),
    min_size=1,
    max_size=6,
)


@given(SOME_LINES, TERMS)
def test_the_lines_are_the_total_and_no_line_is_paid_beyond_its_gross(lines: list[Line], terms: Terms) -> None:
    found = entitle(lines, terms, component="battery", onset_at=ONSET, zone_name="Asia/Seoul")
    assert found.gross == total((line.gross for line in lines), "KRW")
    assert found.to_pay + total((line.covered for line in found.lines), "KRW") == found.gross
    for line in found.lines:
        assert Money(0, "KRW") <= line.covered <= line.line.gross
        assert all(cover.amount.minor > 0 for cover in line.covers)


@given(SOME_LINES, TERMS, st.integers(1, 1000))
def test_goodwill_never_makes_it_dearer_than_paying_without_help(
    lines: list[Line], terms: Terms, per_mille: int
) -> None:
    plain = Terms(terms.warranties, terms.contracts)
    kind = Terms(terms.warranties, terms.contracts, (), Goodwill(1, per_mille))
    without, with_it = (
        entitle(lines, each, component="battery", onset_at=ONSET, zone_name="UTC") for each in (plain, kind)
    )
    assert with_it.to_pay <= without.to_pay
    grounds = {cover.ground for line in with_it.lines for cover in line.covers}
    assert Ground.RULE not in grounds
