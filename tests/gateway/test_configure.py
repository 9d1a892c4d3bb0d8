"""Set-up files: applied again and again, and refused with the place of what is wrong."""

from pathlib import Path

import pytest

from gateway.configure import apply
from gateway.errors import SettingsError
from gateway.settings import CHECKOUT
from gateway.storage.connection import Role, connect
from tests.gateway.desk import WORLD, open_desk


def test_a_file_can_be_applied_again_and_leaves_counted_stock_alone(database: str, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path, stock=5)
    desk.admin.execute("UPDATE stock_level SET on_hand = 3")
    apply(desk.admin, tmp_path / "acme.toml")
    assert desk.rows("SELECT DISTINCT on_hand FROM stock_level") == [(3,)]
    for table, expected in (("tenant", 1), ("staff", 1), ("service_centre", 1), ("bay", 1), ("part", 2)):
        assert desk.value(f"SELECT count(*) FROM {table}") == expected
    desk.close()


def test_the_file_of_the_demonstration_can_be_applied(database: str) -> None:
    with connect(database, Role.ADMIN) as connection:
        apply(connection, CHECKOUT / "simulators" / "worlds" / "demo.toml")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"Europe/Berlin"', '"Mars/Olympus"', "service_centre.0.time_zone.*not a time zone"),
        ('mon = "09:00-18:00"', 'mon = "18:00-09:00"', "service_centre.0.hours.mon.*not opening hours"),
        ("mon =", "moonday =", "service_centre.0.hours"),
        ("on_hand = 2", "on_hand = -1", "on_hand"),
        ('part = "EV-TYRE-REPAIR"\ntitle', 'part = "EV-OTHER"\ntitle', "EV-TYRE-REPAIR, but no"),
        ('"acme"', '"a/b"', "not a usable name"),
        ("[tenant]", "[tenant", "cannot be read"),
        ("[[staff]]", "[[stuff]]", "staff.*stuff|stuff.*staff"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_and_nothing_is_applied(
    database: str, tmp_path: Path, old: str, new: str, words: str
) -> None:
    text = WORLD.replace("STOCK", "2")
    assert old in text
    file = tmp_path / "desk.toml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    with connect(database, Role.ADMIN) as connection:
        with pytest.raises(SettingsError, match=words):
            apply(connection, file)
        assert connection.execute("SELECT count(*) FROM tenant").fetchone() == (0,)
