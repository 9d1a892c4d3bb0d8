"""Bytes per value: a small run shows that each table is measured, and the columnstore where the server has one."""

import psycopg
import pytest

from benchmarks.storage import figures
from simulators.progress import ProgressLine


def test_the_tables_of_both_products_are_measured(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLOUT_TEST_DSN", postgres_dsn)
    found = {figure.name: figure for figure in figures(True, ProgressLine())}
    with psycopg.connect(postgres_dsn) as connection:
        row = connection.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    wanted = {"electric_vehicle, plain", "smart_meter, plain"}
    if row == (1,):
        wanted |= {"electric_vehicle, columnstore", "smart_meter, columnstore"}
        assert all(figure.ratio is None or figure.ratio < 0.5 for figure in found.values())
    assert set(found) == wanted
    assert 3 < found["electric_vehicle, plain"].value < 15
    assert 8 < found["smart_meter, plain"].value < 40
