"""Figures: when one is met, missed or not judged, and how it stands in the table."""

import pytest

from benchmarks.figures import Figure, Verdict, table


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure("ingest", 28.0, "messages/s", 40.0, "alone", at_least=0.7), "met"),
        (Figure("ingest", 27.9, "messages/s", 40.0, "alone", at_least=0.7), "missed"),
        (Figure("cost", 130.0, "us", 100.0, "at 1,000", at_most=1.3), "met"),
        (Figure("cost", 131.0, "us", 100.0, "at 1,000", at_most=1.3), "missed"),
        (Figure("recovery", 15.0, "s", at_most=15.0), "met"),
        (Figure("recovery", 15.1, "s", at_most=15.0), "missed"),
        (Figure("memory", 900.0, "MB"), ""),
        (Figure("ingest", 28.0, "messages/s", 40.0, "alone"), ""),
    ],
)
def test_a_figure_is_judged_by_its_ratio_where_it_has_a_limit_and_else_by_its_value(
    figure: Figure, verdict: Verdict
) -> None:
    assert figure.verdict == verdict


def test_a_missed_figure_says_so_in_the_table_with_what_was_asked() -> None:
    row = table([Figure("ingest", 4015.2, "messages/s", 34_722.0, "broker alone", at_least=0.7)])[0]
    assert row == {
        "figure": "ingest",
        "value": "4,015 messages/s",
        "beside": "34,722 broker alone",
        "ratio": "0.12",
        "asked": "at least 0.70",
        "verdict": "missed",
    }


def test_a_figure_without_a_limit_has_no_ratio() -> None:
    figure = Figure("memory", 1187.4, "MB")
    assert figure.ratio is None
    assert figure.as_json()["ratio"] is None
    assert table([figure])[0]["ratio"] == ""
