"""Set-up files: applied again and again, and refused with the place of what is wrong."""

from pathlib import Path

import pytest

from devices.faults import Fulfilment
from devices.products import product_types
from gateway.configure.tenant import apply
from gateway.errors import SettingsError
from gateway.settings import CHECKOUT
from gateway.storage.connection import Role, connect
from tests.gateway.desk import WORLD, open_desk


def test_a_file_can_be_applied_again_and_leaves_counted_stock_alone(database: str, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path, stock=5)
    desk.count(3)
    apply(desk.admin, tmp_path / "acme.toml")
    assert desk.rows("SELECT DISTINCT on_hand FROM stock_level") == [(3,)]
    for table, expected in (
        ("tenant", 1),
        ("staff", 1),
        ("service_centre", 1),
        ("bay", 1),
        ("technician", 1),
        ("part", 3),
    ):
        assert desk.value(f"SELECT count(*) FROM {table}") == expected
    desk.close()


def test_a_technician_moves_to_another_place_and_retires_by_the_file(database: str, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path)
    assert desk.rows("SELECT latitude, longitude FROM technician") == [(52.5, 13.4)], "the centre's place"
    file = tmp_path / "acme.toml"
    text = file.read_text("utf-8")
    tina = 'name = "Tina Technician"'
    file.write_text(text.replace(tina, f"{tina}\nlatitude = 52.6\nlongitude = 13.5\nretired = true"), "utf-8")
    apply(desk.admin, file)
    apply(desk.admin, file)
    assert desk.rows("SELECT latitude, longitude, retired_at IS NULL FROM technician") == [(52.6, 13.5, False)]
    file.write_text(text, "utf-8")
    apply(desk.admin, file)
    assert desk.rows("SELECT latitude, longitude, retired_at IS NULL FROM technician") == [(52.5, 13.4, True)]
    desk.close()


def test_a_technician_who_stands_in_a_file_twice_is_named(database: str, tmp_path: Path) -> None:
    technician = WORLD.partition("[[service_centre.technician]]")[2].partition("[[")[0]
    text = WORLD.replace("STOCK", "2").replace(technician, f"{technician}[[service_centre.technician]]{technician}")
    (tmp_path / "desk.toml").write_text(text, "utf-8")
    with connect(database, Role.ADMIN) as connection, pytest.raises(SettingsError, match="Tina Technician twice"):
        apply(connection, tmp_path / "desk.toml")


def test_the_demonstration_has_or_orders_the_part_for_whatever_a_product_needs_and_somebody_to_fit_it(
    database: str,
) -> None:
    with connect(database, Role.ADMIN) as connection:
        apply(connection, CHECKOUT / "simulators" / "worlds" / "demo.toml")
        for product in product_types().values():
            for remedy in product.remedies.values():
                found = connection.execute(
                    """SELECT count(*) FROM service_centre c
                    WHERE (SELECT count(*) FROM unnest(%(parts)s::text[]) AS wanted (part_no)
                            WHERE EXISTS (SELECT FROM stock_level s WHERE s.centre_id = c.centre_id AND s.on_hand > 0
                                    AND s.part_no = wanted.part_no)
                                OR EXISTS (SELECT FROM part_supply y WHERE y.part_no = wanted.part_no))
                            = cardinality(%(parts)s::text[])
                        AND CASE WHEN %(is_visit)s
                            THEN EXISTS (SELECT FROM technician t WHERE t.centre_id = c.centre_id AND t.skills @> %(skills)s)
                            ELSE EXISTS (SELECT FROM bay b WHERE b.centre_id = c.centre_id AND b.skills @> %(skills)s) END""",
                    {
                        "parts": list(remedy.part_nos),
                        "skills": sorted(remedy.skills),
                        "is_visit": remedy.fulfilment is Fulfilment.VISIT,
                    },
                ).fetchone()
                assert remedy.why_none or found != (0,), remedy.fault


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
        ('skills = ["water_meter", "electricity_meter"]', "skills = []", "technician.0.skills"),
        ('mon = "08:00-18:00"', 'mon = "09:00-11:00"', "technician.0.hours.mon.*no whole arrival window.*08:00-10:00"),
        ("[[service_centre.technician]]", "[[service_centre.technician]]\nlatitude = 52.5", "half a place"),
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
