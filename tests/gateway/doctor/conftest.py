"""A setup that the doctor finds well, with ways to break it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.doctor.examine import examine
from gateway.doctor.point import Level, Point
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import open_folder
from gateway.embedded.ports import next_free_port
from gateway.settings import Settings
from gateway.storage.alarms import say_alive
from tests.conftest import free_port, make_enterable
from tests.gateway.desk import SmallDesk, open_desk

Examine = Callable[..., dict[str, Point]]


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A broker with nobody else's accounts, in a data folder that remembers its ports."""
    path = tmp_path_factory.mktemp("doctor")
    make_enterable(path)
    folder, first = open_folder(path / "data"), free_port()
    with EmbeddedBroker(folder, first, next_free_port(first + 1)) as server:
        folder.remember_ports({"broker": server.port, "broker for services": server.service_port, "http": free_port()})
        yield server


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def look(desk: SmallDesk, own_broker: EmbeddedBroker) -> Examine:
    """Examines a setup in which all is well but for the settings that are given; points by room and name."""
    for process in ("ingest", "work", "serve"):
        say_alive(desk.admin, process, desk.value("SELECT now()"))

    def examined(**settings: object) -> dict[str, Point]:
        given = Settings.model_validate({"data_dir": own_broker.folder.path, "database_url": desk.dsn} | settings)
        return {f"{room.name}: {each.name}": each for room in examine(given) for each in room.points}

    return examined


def levels(found: dict[str, Point], level: Level) -> set[str]:
    """The points that stand so."""
    return {name for name, point in found.items() if point.level is level}
