"""How a device proves who it is, on its page: never "it cannot connect" of one that can."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tests.dashboards.scene import NOW, Scene


def certified(scene: Scene, *, ends_in_days: float, is_revoked: bool = False) -> None:
    """A device of the furnished desk whose only credential is a certificate."""
    ends_at = NOW + timedelta(days=ends_in_days)
    scene.conn.execute("UPDATE device_credential SET revoked_at = now()")
    scene.conn.execute(
        """INSERT INTO device_certificate (device_id, serial, authority_fingerprint, fingerprint, key_fingerprint,
            certificate, issued_at, ends_at, revoked_at, revoked_because)
        SELECT device_id, 'ab12', '', '', '', '', %(ends_at)s - interval '365 days', %(ends_at)s,
            CASE WHEN %(is_revoked)s THEN %(now)s END, CASE WHEN %(is_revoked)s THEN 'revoked' END
        FROM device WHERE name = 'ev-0003'""",
        {"ends_at": ends_at, "is_revoked": is_revoked, "now": NOW},
    )


@pytest.mark.parametrize(
    ("ends_in_days", "is_revoked", "said", "is_warned"),
    [
        (100, False, "certificate, valid until", False),
        (-1, False, "it cannot connect", True),
        (100, True, "none: it cannot connect", True),
    ],
)
def test_the_page_says_until_when_a_certificate_is_good(
    planner: TestClient,
    scene: Scene,
    ids: dict[str, int],
    ends_in_days: float,
    is_revoked: bool,
    said: str,
    is_warned: bool,
) -> None:
    certified(scene, ends_in_days=ends_in_days, is_revoked=is_revoked)
    html = planner.get("/planner/devices/ev-0003").text
    assert said in html
    assert ("callout reissue" in html) is is_warned
    assert ("it cannot connect" in html) is is_warned


def test_it_is_said_in_each_language(planner: TestClient, scene: Scene, ids: dict[str, int]) -> None:
    certified(scene, ends_in_days=100)
    for language, said in (("ko", "까지 유효"), ("ja", "まで有効")):
        scene.conn.execute("UPDATE staff SET language = %s", [language])
        assert said in planner.get("/planner/devices/ev-0003").text
