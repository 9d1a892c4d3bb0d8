"""Who depends on a device's supply, by what its owners have said; what a former owner said counts no more."""

from datetime import datetime

from gateway.storage.connection import Connection


def answers(connection: Connection, device_id: int) -> list[bool]:
    """Return what each present owner of a device has said: whether somebody depends on powered medical equipment."""
    rows = connection.execute(
        """SELECT n.depends FROM supply_need n JOIN device_owner w USING (device_id, owner_id)
        WHERE n.device_id = %s AND w.until_at IS NULL AND n.said_at >= w.since_at ORDER BY n.owner_id""",
        [device_id],
    ).fetchall()
    return [row[0] for row in rows]


def answer_of(connection: Connection, device_id: int, owner_id: int) -> bool | None:
    """Return what one of a device's present owners has said; None when he has said nothing."""
    row = connection.execute(
        """SELECT n.depends FROM supply_need n JOIN device_owner w USING (device_id, owner_id)
        WHERE n.device_id = %s AND n.owner_id = %s AND w.until_at IS NULL AND n.said_at >= w.since_at""",
        [device_id, owner_id],
    ).fetchone()
    return None if row is None else row[0]


def keep_answer(connection: Connection, device_id: int, owner_id: int, *, depends: bool, now: datetime) -> None:
    """Keep what an owner says in place of what he said before."""
    connection.execute(
        """INSERT INTO supply_need (device_id, owner_id, depends, said_at) VALUES (%s, %s, %s, %s)
        ON CONFLICT (device_id, owner_id) DO UPDATE SET depends = EXCLUDED.depends, said_at = EXCLUDED.said_at""",
        [device_id, owner_id, depends, now],
    )
