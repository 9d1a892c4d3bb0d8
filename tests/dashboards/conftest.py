"""A furnished desk, its pages, and a browserless reader of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards import desk
from dashboards.app import create
from gateway import access
from gateway.settings import Settings
from tests.dashboards.scene import NOW, Scene, furnish, settings


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    """An empty desk of the tenant hanbit."""
    scene = Scene.open(database)
    yield scene
    scene.close()


@pytest.fixture
def ids(scene: Scene) -> dict[str, int]:
    """One request of each kind."""
    return furnish(scene)


@pytest.fixture
def chosen(database: str) -> Settings:
    return settings(database, smtp_url="smtp://127.0.0.1:2525")


@pytest.fixture
def app(chosen: Settings) -> FastAPI:
    """The application, at the moment NOW."""
    app = create(chosen)
    app.dependency_overrides[desk.now] = lambda: NOW
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@dataclass
class Links:
    """Makes links and logins for the furnished desk."""

    scene: Scene
    chosen: Settings

    def owner(self, request_id: int, **more: object) -> str:
        """The path of an owner's page."""
        issued_at = more.get("now", NOW)
        with self.scene.in_tenant():
            url = access.issue_owner_link(
                self.scene.conn,
                self.chosen,
                tenant_id=self.scene.tenant_id,
                request_id=request_id,
                now=issued_at,  # pyright: ignore[reportArgumentType]
            )
        return url.removeprefix("http://testserver")

    def technician(self, technician_id: int) -> str:
        """The path of a technician's day."""
        with self.scene.in_tenant():
            url = access.issue_technician_link(
                self.scene.conn, self.chosen, tenant_id=self.scene.tenant_id, technician_id=technician_id, now=NOW
            )
        return url.removeprefix("http://testserver")

    def login(self, tenant: str = "hanbit") -> str:
        """The path of a planner's login."""
        url = access.issue_planner_login(
            self.scene.conn, self.chosen, tenant=tenant, email=f"planner@{tenant}.example", now=NOW
        )
        return url.removeprefix("http://testserver")


@pytest.fixture
def links(scene: Scene, chosen: Settings) -> Links:
    return Links(scene, chosen)


@pytest.fixture
def planner(client: TestClient, links: Links) -> TestClient:
    """A client with a planner's session."""
    assert client.post(links.login()).status_code == 200
    return client
