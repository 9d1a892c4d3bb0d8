"""What happened to a device: what was noticed for a moment and never confirmed is no part of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.storage.connection import tenant_transaction
from gateway.storage.pages import story
from tests.gateway.desk import open_desk


def test_symptoms_are_those_that_were_confirmed_or_may_be(database: str, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path)
    device_id = desk.vehicle("ev-1")
    now = datetime.now(UTC)
    for element, (state, confirmed_at, healed_at) in enumerate(
        [
            ("healed", None, now),
            ("healed", now - timedelta(hours=1), now),
            ("pending", None, None),
            ("confirmed", now, None),
            ("withdrawn", now, None),
        ]
    ):
        symptom_id = desk.symptom(device_id, "cell_leaves_pack", element)
        desk.rows(
            "UPDATE symptom SET state = %s, confirmed_at = %s, healed_at = %s WHERE symptom_id = %s RETURNING 1",
            state,
            confirmed_at,
            healed_at,
            symptom_id,
        )
    with tenant_transaction(desk.work, desk.tenant_id):
        told = story.symptoms(desk.work, device_id)
    desk.close()
    assert sorted((symptom.element, symptom.state) for symptom in told) == [
        (1, "healed"),
        (2, "pending"),
        (3, "confirmed"),
    ]
