"""What a part is called in further languages: kept, set anew with each file, and refused where nobody could read it."""

from pathlib import Path

import pytest
from psycopg.errors import CheckViolation

from gateway.configure.tenant import apply
from gateway.errors import SettingsError
from gateway.settings import CHECKOUT
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.quotes import part_titles
from gateway.texts import LANGUAGES
from tests.gateway.desk import WORLD, open_desk

METER = 'title = "Water meter"'


def titled(file: Path, given: str) -> Path:
    file.write_text(WORLD.replace("STOCK", "2").replace(METER, f"{METER}\n{given}"), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "given",
    [
        'titles = { ko = "수도 계량기", ja = "水道メーター" }',
        '[part.titles]\nko = "수도 계량기"\nja = "水道メーター"',
    ],
)
def test_a_part_is_called_by_its_title_in_a_readers_language_and_by_its_own_in_any_other(
    database: str, tmp_path: Path, given: str
) -> None:
    desk = open_desk(database, tmp_path)
    apply(desk.admin, titled(tmp_path / "desk.toml", given))
    parts = ["MTR-WATER", "EV-CELL-MODULE", "GONE"]
    with tenant_transaction(desk.work, desk.tenant_id):
        said = {language: part_titles(desk.work, parts, language) for language in LANGUAGES}
    assert said == {
        "en": {"MTR-WATER": "Water meter", "EV-CELL-MODULE": "Battery cell module"},
        "ko": {"MTR-WATER": "수도 계량기", "EV-CELL-MODULE": "Battery cell module"},
        "ja": {"MTR-WATER": "水道メーター", "EV-CELL-MODULE": "Battery cell module"},
    }
    apply(desk.admin, titled(tmp_path / "desk.toml", ""))
    assert desk.rows("SELECT DISTINCT titles FROM part") == [({},)], "what the file does not say any more is gone"
    desk.close()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            'titles = { fr = "Compteur" }',
            r"part\.0\.titles.*'fr' is no language of these pages; there are en \(English\), ko .*take 'Compteur' away",
        ),
        ('titles = { KO = "수도" }', r"'KO' is no language of these pages"),
        ('titles = { ko = " " }', r"the title in 'ko' is empty: write it, or take it away"),
        ('titles = "수도"', r"part\.0\.titles"),
        ('titles = { ko = ["수도"] }', r"part\.0\.titles\.ko"),
    ],
)
def test_a_title_that_nobody_could_read_is_refused_in_a_sentence(
    database: str, tmp_path: Path, given: str, words: str
) -> None:
    file = titled(tmp_path / "desk.toml", given)
    with connect(database, Role.ADMIN) as connection:
        with pytest.raises(SettingsError, match=words):
            apply(connection, file)
        assert connection.execute("SELECT count(*) FROM part").fetchone() == (0,)


@pytest.mark.parametrize("titles", ["[]", '"ko"', "null", '{"ko": ""}', '{"ko": 1}', '{"KO": "a"}', '{"": "a"}'])
def test_the_database_keeps_texts_by_language_and_nothing_else(database: str, tmp_path: Path, titles: str) -> None:
    desk = open_desk(database, tmp_path)
    with pytest.raises(CheckViolation, match="part_titles_are_texts_by_language"):
        desk.admin.execute("UPDATE part SET titles = %s", [titles])
    desk.close()


def test_every_part_of_the_demonstration_is_called_in_every_language(database: str) -> None:
    with connect(database, Role.ADMIN) as connection:
        apply(connection, CHECKOUT / "simulators" / "worlds" / "demo.toml")
        lacking = connection.execute(
            "SELECT part_no FROM part WHERE NOT titles ?& %s", [list(LANGUAGES[1:])]
        ).fetchall()
    assert lacking == []
