"""The whole compose file, running once for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.conftest import make_enterable
from tests.deploy.stack import Stack, close_database, find, open_database


@pytest.fixture(scope="session")
def stack(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All services of the compose file but the database, which is the tests', and the proxy."""
    if find("mosquitto") is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    home = tmp_path_factory.mktemp("stack")
    make_enterable(home)
    open_database(postgres_dsn)
    running = Stack(home, postgres_dsn)
    try:
        running.start_all()
        yield running
    finally:
        running.stop()
        close_database(postgres_dsn)
