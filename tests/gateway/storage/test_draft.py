"""Drafted migrations: only what is lacking, applied to a real database, and nothing that would change what is there."""

from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.errors import UndefinedColumn

from devices.products import product_type, product_types
from devices.signals import Kind, Signal
from gateway.storage.connection import Role, connect
from gateway.storage.draft import DraftError, draft, migrated_columns, write_draft
from gateway.storage.migrate import migrations

METER = product_type("smart_meter")
FRESH = {
    "lid_l": Signal("lid_l", "Lid", "l", Kind.COUNTER, (0, 9)),
    "lid_degc": Signal("lid_degc", "Lid", "°C", Kind.SCALAR, (0, 9)),
    "is_lid_open": Signal("is_lid_open", "Lid open", "", Kind.FLAG, (0, 1)),
}


@pytest.mark.parametrize("name", product_types())
def test_the_migrations_so_far_have_every_declared_signal(name: str) -> None:
    assert draft(product_type(name)) == ""


def test_a_new_signal_gets_its_columns_in_both_tables_and_in_the_views(database: str) -> None:
    sql = draft(replace(METER, signals={**METER.signals, **FRESH}))
    with connect(database, Role.ADMIN) as connection:
        with pytest.raises(UndefinedColumn):
            connection.execute("SELECT lid_l FROM smart_meter_reading_seen")
        connection.execute(sql.encode())
        connection.execute("SELECT lid_l, lid_degc, is_lid_open FROM smart_meter_reading_seen")
        connection.execute("SELECT lid_l_max, lid_degc_min, lid_degc_avg, lid_degc_max FROM smart_meter_hour_seen")
        rights = connection.execute(
            "SELECT has_table_privilege('callout_serve', 'smart_meter_reading_seen', 'SELECT')"
        ).fetchone()
    assert rights == (True,)
    assert "is_lid_open" not in sql.split("smart_meter_hour", 1)[1].split("CREATE")[0], "a flag has no hourly column"


def test_a_signal_that_is_declared_no_more_keeps_its_column() -> None:
    fewer = {name: signal for name, signal in METER.signals.items() if name != "water_l"}
    assert draft(replace(METER, signals=fewer)) == ""


def test_a_signal_that_changed_its_kind_is_refused_with_the_next_move() -> None:
    changed = {**METER.signals, "water_l": replace(METER.signals["water_l"], kind=Kind.SCALAR)}
    with pytest.raises(DraftError, match=r"smart_meter_reading\.water_l is bigint.*declare a new one beside it"):
        draft(replace(METER, signals=changed))


def test_a_first_draft_makes_what_the_first_migrations_made() -> None:
    made = next(migration.text for migration in migrations() if migration.name == "0003_smart_meter")
    since = {"heat_wh", "heat_l", "heat_power_w", "heat_flow_l_h", "heat_supply_degc", "heat_return_degc"}
    first = {name: signal for name, signal in METER.signals.items() if name not in since}
    drafted = draft(replace(METER, name="newcomer_pump", signals=first)).replace("newcomer_pump", "smart_meter")
    assert without_blank_lines(drafted) == without_blank_lines(made)


def without_blank_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize(
    ("name", "signal", "told"),
    [
        ("HeatPump", "lid_l", "product type 'HeatPump' cannot be the name of a table.*Rename its folder"),
        ("x" * 50, "lid_l", "at most 42 of them"),
        ("newcomer_pump", "Lid", "signal 'Lid' of newcomer_pump cannot be the name of a column"),
        ("newcomer_pump", "seq", "signal 'seq' of newcomer_pump has the name of a column of every table"),
        ("newcomer_pump", "limit", "signal 'limit' of newcomer_pump is a word of SQL"),
    ],
)
def test_a_name_that_no_table_or_column_can_have_is_refused_with_the_next_move(
    name: str, signal: str, told: str
) -> None:
    with pytest.raises(DraftError, match=told):
        draft(replace(METER, name=name, signals={signal: replace(FRESH["lid_l"], name=signal)}))


def test_drafts_are_written_into_the_next_file_and_only_where_something_is_lacking(tmp_path: Path) -> None:
    (tmp_path / "0041_before.sql").touch()
    first = write_draft(replace(METER, name="newcomer_pump"), tmp_path)
    later = write_draft(replace(METER, signals={**METER.signals, **FRESH}), tmp_path)
    assert [path and path.name for path in (first, later)] == ["0042_newcomer_pump.sql", "0043_smart_meter_signals.sql"]
    assert write_draft(METER, tmp_path) is None
    with pytest.raises(DraftError, match=r"cannot be written: .*without --write the SQL is printed"):
        write_draft(replace(METER, name="newcomer_pump"), tmp_path / "nowhere")


def test_columns_that_a_later_migration_added_are_known() -> None:
    assert migrated_columns("smart_meter_reading")["heat_wh"] == "bigint"
    assert migrated_columns("smart_meter_hour")["heat_return_degc_max"] == "real"
    assert migrated_columns("nothing") == {}
