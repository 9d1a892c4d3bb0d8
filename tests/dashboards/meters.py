"""Meters on the furnished desk: a home whose water never rests, and a technician who can come."""

from datetime import timedelta

from psycopg.types.json import Jsonb

from gateway import journey
from tests.dashboards.scene import NOW, Scene

HOURS = {day: ["08:00", "18:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
LEAK = ("water_pipes", "water_never_rests")
GAS = ("gas_meter", "gas_flows_closed")


def hire(scene: Scene, name: str = "Oh Jae-hyun") -> int:
    """A technician for water and electricity, whose day begins at the service centre."""
    return scene.insert(
        "technician",
        "technician_id",
        centre_id=scene.centre_id,
        name=name,
        skills=["water_meter", "electricity_meter"],
        hours=Jsonb(HOURS),
        latitude=37.544,
        longitude=127.056,
    )


def meter(scene: Scene, *, language: str = "ko", place: tuple[float, float] | None = (37.556, 126.909)) -> int:
    latitude, longitude = place or (None, None)
    return scene.device(
        language=language,
        product="smart_meter",
        model="Hanbit Home Meter",
        name=f"mtr-{100 + scene.serial:04d}",
        latitude=latitude,
        longitude=longitude,
    )


def ill(scene: Scene, device_id: int, symptom: tuple[str, str] = LEAK) -> int:
    """The request that a symptom of two days opens by itself."""
    component, monitor = symptom
    since_at = NOW - timedelta(hours=50)
    scene.insert(
        "symptom",
        "symptom_id",
        device_id=device_id,
        component=component,
        monitor=monitor,
        state="confirmed",
        since_at=since_at,
        noticed_at=since_at + timedelta(hours=12),
        confirmed_at=since_at + timedelta(hours=36),
        value=3.0,
        threshold=0.9,
        decided_by_ingest_no=1,
        decided_received_at=NOW - timedelta(minutes=12),
    )
    with scene.in_tenant():
        journey.diagnose(scene.conn, device_id=device_id, component=component, now=NOW - timedelta(minutes=11))
    return scene.one("SELECT request_id FROM service_request WHERE device_id = %s", device_id)


def offered(scene: Scene, *, language: str = "ko") -> int:
    """A leak at a home, its readings, and three windows on offer."""
    device_id = meter(scene, language=language)
    readings(scene, device_id)
    request_id = ill(scene, device_id)
    with scene.in_tenant():
        assert journey.offer(scene.conn, request_id=request_id, now=NOW - timedelta(minutes=10)) is not None
    return request_id


def confirmed(scene: Scene, request_id: int, rank: int = 1) -> None:
    """The owner took one of the windows."""
    booking_id = scene.one("SELECT booking_id FROM booking WHERE request_id = %s AND rank = %s", request_id, rank)
    with scene.in_tenant():
        result = journey.confirm(scene.conn, request_id=request_id, booking_id=booking_id, now=NOW)
    assert isinstance(result, journey.Confirmed)


def readings(scene: Scene, device_id: int, *, days: int = 5) -> None:
    """Hourly registers until now; for fifty hours three litres an hour are lost."""
    begins_at = NOW - timedelta(days=days)
    for day in range(days + 1):
        scene.conn.execute("SELECT ensure_day('smart_meter_reading', %s)", [(begins_at + timedelta(days=day)).date()])
    water_l = 412_300
    for hour in range(days * 24 + 1):
        at = begins_at + timedelta(hours=hour)
        water_l += (38 if at.hour in {22, 23, 10, 11} else 0) + (3 if NOW - at < timedelta(hours=50) else 0)
        scene.conn.execute(
            """INSERT INTO smart_meter_reading (device_id, claimed_at, boot, seq, sample, partition, ingest_no,
                received_at, is_backfill, water_l) VALUES (%s, %s, 1, %s, 0, 3, %s, %s, false, %s)""",
            [device_id, at, hour, hour + 1, at, water_l],
        )
