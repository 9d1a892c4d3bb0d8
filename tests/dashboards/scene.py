"""A service desk with realistic rows, for tests of pages and messages: one tenant, its vehicles, what was found."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from gateway.owners.mandates import sign
from gateway.settings import Settings
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from tests.gateway.desk import LONG_AGO
from workflows.mandate import USUAL

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
SECRET = "a-secret-of-the-tests-32-characters-long"
HOURS = {day: ["09:00", "18:00"] for day in ("mon", "tue", "wed", "thu", "fri")} | {"sat": ["09:00", "13:00"]}
CELLS = 96


def settings(database: str, **more: Any) -> Settings:
    """Settings of a desk on a database of the tests."""
    given = {"database_url": database, "secret": SECRET, "api_token": "token", "public_url": "http://testserver"}
    return Settings(**(given | more))


@dataclass
class Scene:
    """Makes rows; each method returns the key of what it made."""

    conn: Connection
    tenant_id: int = 0
    planner_id: int = 0
    centre_id: int = 0
    serial: int = 0
    regions: int = 0

    @classmethod
    def open(cls, database: str, name: str = "hanbit", title: str = "Hanbit Mobility") -> "Scene":
        scene = cls(connect(database, Role.ADMIN))
        scene.tenant_id = scene.one("INSERT INTO tenant (name, title) VALUES (%s, %s) RETURNING tenant_id", name, title)
        scene.planner_id = scene.insert(
            "staff", "staff_id", name="Kim Ji-woo", email=f"planner@{name}.example", role="planner"
        )
        scene.centre_id = scene.insert(
            "service_centre",
            "centre_id",
            name="seongsu",
            title="Seongsu Service Centre",
            address="12 Seongsui-ro, Seongdong-gu, Seoul",
            phone="+82 2 5550 0142",
            time_zone="Asia/Seoul",
            latitude=37.544,
            longitude=127.056,
            hours=Jsonb(HOURS),
        )
        for bay in ("Bay 1", "Bay 2"):
            scene.insert("bay", "bay_id", centre_id=scene.centre_id, name=bay, skills=["high_voltage", "hoist"])
        for part_no, part_title in (
            ("EV-CELL-MODULE", "Battery cell module"),
            ("EV-TYRE-REPAIR", "Tyre repair kit"),
            ("EV-HV-INSULATION-KIT", "High-voltage insulation kit"),
            ("EV-12V-BATTERY", "12 V battery"),
        ):
            scene.insert("part", "part_no", part_no=part_no, title=part_title)
            scene.insert(
                "stock_movement",
                "movement_id",
                centre_id=scene.centre_id,
                part_no=part_no,
                kind="receipt",
                on_hand=8,
            )
        return scene

    def close(self) -> None:
        self.conn.close()

    def one(self, query: Any, *values: Any) -> Any:
        row = self.conn.execute(query, values).fetchone()
        return row[0] if row else None

    def insert(self, table: str, key: str, **columns: Any) -> Any:
        columns = {"tenant_id": self.tenant_id} | columns
        names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
        return self.one(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING {key}", *columns.values())

    def device(self, *, language: str = "en", name: str = "", warranty: str | None = "2028-01-01", **more: Any) -> int:
        self.serial += 1
        owner_name, zone, place = {
            "en": ("Anna Weber", "Europe/Berlin", "Berlin, Kreuzberg"),
            "ko": ("이서연", "Asia/Seoul", "서울 마포구"),
            "ja": ("佐藤 美咲", "Asia/Tokyo", "東京都世田谷区"),
        }[language]
        owner_id = self.insert(
            "owner",
            "owner_id",
            name=owner_name,
            email=f"owner{self.serial}@example.org",
            language=language,
            time_zone=zone,
        )
        device_id: int = self.insert(
            "device",
            "device_id",
            name=name or f"ev-{100 + self.serial:04d}",
            partition=3,
            product=more.pop("product", "electric_vehicle"),
            serial=f"KMHHB81EVNU{self.serial:06d}",
            model=more.pop("model", "Hanbit Aurora 77"),
            firmware="4.11.2",
            owner_id=owner_id,
            place_name=place,
            time_zone=zone,
            warranty_until=warranty,
            **more,
        )
        with self.in_tenant():
            sign(
                self.conn,
                device_id=device_id,
                owner_id=owner_id,
                clauses=dict.fromkeys(USUAL),
                signed_by="page",
                now=LONG_AGO,
                expires_at=None,
            )
        return device_id

    def incident(self, *, place: str = "서울 성동구", closed: bool = False, **more: Any) -> int:
        """A region that fell silent a day ago."""
        self.regions += 1
        columns: dict[str, Any] = {
            "kind": "silence",
            "product": "smart_meter",
            "region": self.regions,
            "place": place,
            "since_at": NOW - timedelta(hours=25),
            "opened_at": NOW - timedelta(minutes=40),
            "looked_at": NOW,
            "staff_id": self.planner_id,
            "due_at": NOW + timedelta(hours=7),
            "devices": 500,
        }
        if closed:
            columns |= {"closed_at": NOW - timedelta(minutes=5), "heard_again": 490}
        return self.insert("incident", "incident_id", **(columns | more))

    def trouble(self, device_id: int, kind: str, *, closed_at: datetime | None = None, **detail: Any) -> int:
        """What was wrong with how a device reports, seen three times, last a quarter of an hour ago."""
        return self.insert(
            "door_trouble",
            "trouble_id",
            device_id=device_id,
            kind=kind,
            since_at=NOW - timedelta(hours=3),
            last_at=NOW - timedelta(minutes=15),
            count=3,
            detail=Jsonb(detail),
            closed_at=closed_at,
        )

    def gap(self, device_id: int, first: int, last: int, noticed_at: datetime, **more: Any) -> None:
        """Missing messages of the device's third boot."""
        self.conn.execute(
            """INSERT INTO sequence_gap (device_id, boot, epoch, missing, noticed_at, next_at, attempts, asked_at,
                filled_at, given_up_at)
            VALUES (%(device)s, 3, 0, int8range(%(first)s, %(last)s, '[]'), %(noticed)s, %(noticed)s, %(attempts)s,
                %(asked)s, %(filled)s, %(given_up)s)""",
            {"device": device_id, "first": first, "last": last, "noticed": noticed_at}
            | {"attempts": 0, "asked": None, "filled": None, "given_up": None}
            | more,
        )

    def command(self, device_id: int, seqs: str, written_at: datetime, **more: Any) -> None:
        """A command to send messages of the third boot again."""
        columns = {"sent_at": written_at, "expires_at": written_at + timedelta(minutes=10)} | more
        names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
        self.conn.execute(
            f"""INSERT INTO device_command (command_id, device_id, command, boot, epoch, seqs, written_at, {names})
            VALUES (gen_random_uuid(), %s, 'resend', 3, 0, %s, %s, {marks})""",  # type: ignore[arg-type]
            [device_id, seqs, written_at, *columns.values()],
        )

    def clock(self, device_id: int, skew_s: float, *, is_off: bool) -> None:
        self.conn.execute(
            "INSERT INTO device_clock VALUES (%s, %s, %s, %s)", [device_id, skew_s, is_off, NOW - timedelta(minutes=4)]
        )

    def heard(self, device_id: int) -> None:
        at = NOW - timedelta(minutes=2)
        self.conn.execute("INSERT INTO device_presence (device_id, heard_at) VALUES (%s, %s)", [device_id, at])

    def reports_badly(self, name: str) -> int:
        """A device that has every trouble at the door, open or over, with gaps and commands of every kind."""
        device_id = self.device(name=name)
        self.heard(device_id)
        self.trouble(device_id, "two_devices", boot=3, seq=1861, other_boot=9, other_seq=12)
        self.trouble(device_id, "clock_off", skew_s=-7384.0)
        self.trouble(device_id, "gap_lost", boot=3)
        self.trouble(device_id, "seq_restarted", closed_at=NOW - timedelta(hours=2), boot=2, from_seq=900, to_seq=1)
        self.clock(device_id, -7384.2, is_off=True)
        asked_at, earlier = NOW - timedelta(minutes=6), NOW - timedelta(hours=4)
        self.gap(device_id, 1900, 1900, NOW - timedelta(minutes=1))
        self.gap(device_id, 1841, 1850, NOW - timedelta(minutes=8), attempts=2, asked=asked_at)
        self.gap(device_id, 700, 1699, earlier, attempts=1, asked=earlier, filled=earlier + timedelta(minutes=3))
        self.gap(device_id, 12, 14, earlier, attempts=5, asked=earlier, given_up=earlier + timedelta(hours=1))
        answered = {"answered_at": earlier, "outcome": "partly", "detail": "12 to 14 are <gone>"}
        self.command(device_id, "{[12,15),[700,1700)}", earlier, **answered)
        self.command(device_id, "{[1,2),[3,4),[5,6),[7,8)}", earlier - timedelta(minutes=1))
        self.command(device_id, "{[1841,1851)}", asked_at)
        return device_id

    def request(
        self,
        device_id: int,
        hypotheses: list[dict[str, Any]],
        *,
        state: str = "open",
        component: str = "traction_battery",
        severity: str = "major",
        verdict: str = "sure",
        opened_at: datetime = NOW - timedelta(minutes=12),
        since_at: datetime = NOW - timedelta(hours=14),
    ) -> int:
        found = {"device_id": device_id, "component": component}
        best = hypotheses[0]["fault"]
        fault_id = self.insert("fault", "fault_id", **found, code=best, since_at=since_at, opened_at=opened_at)
        symptom_id = self.insert(
            "symptom",
            "symptom_id",
            **found,
            monitor="cell_leaves_pack",
            element=81,
            state="confirmed",
            since_at=since_at,
            noticed_at=since_at + timedelta(hours=2),
            confirmed_at=since_at + timedelta(hours=2),
            decided_by_ingest_no=1,
            decided_received_at=opened_at,
        )
        diagnosis_id = self.insert(
            "diagnosis",
            "diagnosis_id",
            **found,
            made_at=opened_at,
            verdict=verdict,
            hypotheses=Jsonb(hypotheses),
            symptom_ids=[symptom_id],
            since_at=since_at,
            decided_received_at=opened_at,
        )
        owner_id = self.one("SELECT owner_id FROM device WHERE device_id = %s", device_id)
        request_id = self.insert(
            "service_request",
            "request_id",
            **found,
            owner_id=owner_id,
            fault_id=fault_id,
            diagnosis_id=diagnosis_id,
            state=state,
            is_safety=verdict == "safety",
            severity=severity,
            decided_received_at=opened_at,
            opened_at=opened_at,
            closed_at=NOW if state == "cancelled" else None,
        )
        self.event(request_id, "opened", opened_at)
        return request_id

    def event(self, request_id: int, event: str, at: datetime, actor: str = "desk", **detail: Any) -> None:
        self.insert(
            "request_event",
            "event_id",
            request_id=request_id,
            event=event,
            actor=actor,
            happened_at=at,
            detail=Jsonb(detail),
        )

    def case(self, request_id: int, queue: str, reason: str, due_at: datetime) -> int:
        return self.insert(
            "human_case",
            "case_id",
            request_id=request_id,
            queue=queue,
            reason=reason,
            staff_id=self.planner_id,
            opened_at=NOW - timedelta(minutes=12),
            due_at=due_at,
        )

    def reserve(self, request_id: int, part_no: str = "EV-CELL-MODULE") -> None:
        self.insert(
            "reservation",
            "reservation_id",
            request_id=request_id,
            centre_id=self.centre_id,
            part_no=part_no,
            quantity=1,
            reserved_at=NOW - timedelta(minutes=11),
        )
        self.event(request_id, "part_reserved", NOW - timedelta(minutes=11), part_no=part_no)

    def offer(
        self, request_id: int, *, first_day: int = 2, expires_at: datetime = NOW + timedelta(days=2), bay: str = "Bay 1"
    ) -> tuple[int, list[int]]:
        """Three dates from 00:00 UTC on, 09:00 in Seoul, each three hours long."""
        offer_id = self.insert(
            "offer", "offer_id", request_id=request_id, made_at=NOW - timedelta(minutes=10), expires_at=expires_at
        )
        bay_id = self.one("SELECT bay_id FROM bay WHERE centre_id = %s AND name = %s", self.centre_id, bay)
        bookings = []
        for rank, (day, hour, why) in enumerate(
            ((0, 0, "soonest"), (0, 5, "other_time"), (2, 0, "other_day")), start=1
        ):
            begins_at = datetime(2026, 11, 21, hour, tzinfo=UTC) + timedelta(days=first_day + day)
            bookings.append(
                self.one(
                    """INSERT INTO booking (tenant_id, bay_id, request_id, offer_id, during, rank, reason, kind)
                       VALUES (%s, %s, %s, %s, tstzrange(%s, %s), %s, %s, 'held') RETURNING booking_id""",
                    self.tenant_id,
                    bay_id,
                    request_id,
                    offer_id,
                    begins_at,
                    begins_at + timedelta(hours=3),
                    rank,
                    Jsonb({"why": why}),
                )
            )
        self.conn.execute("UPDATE service_request SET state = 'offered' WHERE request_id = %s", [request_id])
        self.event(request_id, "offered", NOW - timedelta(minutes=10))
        return offer_id, bookings

    def book(self, request_id: int, booking_id: int) -> int:
        """Book a date by hand, as if the owner had tapped it."""
        self.conn.execute(
            """UPDATE booking SET kind = CASE WHEN booking_id = %(b)s THEN 'booked' ELSE kind END,
                      released_at = CASE WHEN booking_id = %(b)s THEN NULL ELSE %(now)s END WHERE request_id = %(r)s""",
            {"b": booking_id, "r": request_id, "now": NOW},
        )
        self.conn.execute(
            "UPDATE offer SET closed_at = %s, outcome = 'accepted' WHERE request_id = %s", [NOW, request_id]
        )
        self.conn.execute("UPDATE service_request SET state = 'confirmed' WHERE request_id = %s", [request_id])
        self.event(request_id, "confirmed", NOW - timedelta(minutes=2), actor="owner")
        return self.one(
            """INSERT INTO appointment (tenant_id, request_id, booking_id, state, during, confirmed_at)
               SELECT tenant_id, request_id, booking_id, 'confirmed', during, %s FROM booking
               WHERE booking_id = %s RETURNING appointment_id""",
            NOW - timedelta(minutes=2),
            booking_id,
        )

    def notice(self, request_id: int, kind: str, *, detail: dict[str, Any] | None = None, **more: Any) -> int:
        owner = self.conn.execute(
            "SELECT email, language FROM owner JOIN service_request USING (owner_id) WHERE request_id = %s",
            [request_id],
        ).fetchone()
        assert owner is not None
        columns = {"recipient": owner[0], "language": owner[1], "cause": kind, "written_at": NOW} | more
        return self.insert(
            "notice", "notice_id", request_id=request_id, kind=kind, detail=Jsonb(detail or {}), **columns
        )

    def in_tenant(self) -> Any:
        return tenant_transaction(self.conn, self.tenant_id)

    def readings(self, device_id: int, *, hours: float = 24.0, drift_mv_per_hour: float = -4.2) -> None:
        """Readings every four minutes until now; cell 81 leaves the pack 14 hours ago."""
        begins_at = NOW - timedelta(hours=hours)
        for day in {(begins_at + timedelta(hours=hour)).date() for hour in range(int(hours) + 1)} | {NOW.date()}:
            self.conn.execute("SELECT ensure_day('electric_vehicle_reading', %s)", [day])
        count = int(hours * 15)
        with (
            self.conn.cursor() as cursor,
            cursor.copy(
                """COPY electric_vehicle_reading (device_id, claimed_at, boot, seq, sample, partition, ingest_no,
               received_at, is_backfill, cell_voltages_v, insulation_kohm, tyre_pressures_kpa) FROM STDIN"""
            ) as copy,
        ):
            for number in range(count):
                at = begins_at + timedelta(minutes=4 * number)
                copy.write_row(
                    (
                        device_id,
                        at,
                        1,
                        number,
                        0,
                        3,
                        device_id * 100000 + number,
                        at,
                        False,
                        *_values(at, number, drift_mv_per_hour),
                    )
                )


def _values(at: datetime, number: int, drift_mv_per_hour: float) -> tuple[list[float], float, list[float]]:
    gone_h = max(0.0, (at - (NOW - timedelta(hours=14))).total_seconds() / 3600)
    level = 3.78 + 0.06 * math.sin(number / 40)
    cells = [level + 0.004 * math.sin(cell * 1.7) + 0.0015 * math.sin(number * 0.9 + cell) for cell in range(CELLS)]
    cells[80] += drift_mv_per_hour * gone_h / 1000
    insulation = 2400.0 * math.exp(-0.28 * gone_h) + 40 + 12 * math.sin(number)
    tyres = [251.0, 249.0 - 3.1 * gone_h, 255.0, 253.0]
    return [round(cell, 3) for cell in cells], insulation, tyres


def evidence(monitor: str, title: str, **more: Any) -> dict[str, Any]:
    since = (NOW - timedelta(hours=14)).isoformat()
    return {
        "symptom_id": 1,
        "monitor": monitor,
        "title": title,
        "element": 0,
        "element_name": "",
        "since_at": since,
    } | more


WEAK_CELL: list[dict[str, Any]] = [
    {
        "fault": "weak_cell",
        "title": "Cell leaves its pack",
        "probability": 0.912,
        "evidence_for": [
            evidence(
                "cell_leaves_pack",
                "A cell leaves its pack",
                element=81,
                element_name="Cell",
                value=-6.9,
                threshold=4.0,
                unit="σ",
                text_value=None,
            )
        ],
        "evidence_against": [],
    },
    {
        "fault": "cell_measuring_line",
        "title": "Cell measuring line interrupted",
        "probability": 0.081,
        "evidence_for": [],
        "evidence_against": [{"title": "Cells give no value"}],
    },
    {
        "fault": "thermal_event",
        "title": "Battery overheats and cells fail",
        "probability": 0.004,
        "evidence_for": [],
        "evidence_against": [{"title": "The battery is dangerously hot"}],
    },
]
INSULATION: list[dict[str, Any]] = [
    {
        "fault": "insulation_breakdown",
        "title": "High-voltage insulation lost",
        "probability": 0.96,
        "evidence_for": [
            evidence(
                "isolation_code",
                "The vehicle reports lost insulation",
                value=None,
                threshold=None,
                unit="",
                text_value="P0AA6",
            ),
            evidence(
                "insulation_low", "Insulation is below its warning limit", value=212.0, threshold=500.0, unit="Ω/V"
            ),
        ],
        "evidence_against": [],
    },
]
TYRE: list[dict[str, Any]] = [
    {
        "fault": "tyre_leak",
        "title": "Tyre loses air",
        "probability": 0.99,
        "evidence_for": [
            evidence(
                "tyre_soft", "A tyre loses air", element=2, element_name="Tyre", value=81.5, threshold=83.0, unit="%"
            )
        ],
        "evidence_against": [],
    },
]


def furnish(scene: Scene) -> dict[str, int]:
    """Fill a desk with one request of each kind; returns request numbers by what they are."""
    offered_device = scene.device(language="en", name="ev-0003")
    scene.readings(offered_device)
    offered = scene.request(offered_device, WEAK_CELL)
    scene.reserve(offered)
    scene.offer(offered)
    scene.notice(offered, "offer", sent_at=NOW - timedelta(minutes=9), attempts=1)

    safety_device = scene.device(language="ko", name="ev-0007", model="Hanbit Aurora 58")
    scene.readings(safety_device, drift_mv_per_hour=0)
    safety = scene.request(safety_device, INSULATION, verdict="safety", severity="critical")
    scene.case(
        safety, "safety", "Insulation is lost; a person decides before anybody touches it.", NOW + timedelta(minutes=18)
    )
    scene.event(safety, "case_opened", NOW - timedelta(minutes=12))
    scene.notice(safety, "safety", sent_at=NOW - timedelta(minutes=12), attempts=1)
    scene.notice(
        safety,
        "case_opened",
        recipient="planner@hanbit.example",
        attempts=3,
        last_error="the mail server does not answer",
    )

    tyre_device = scene.device(language="ja", name="ev-0011", warranty="2024-05-31")
    scene.readings(tyre_device, drift_mv_per_hour=0)
    confirmed = scene.request(tyre_device, TYRE, component="tyres", severity="minor")
    scene.reserve(confirmed, "EV-TYRE-REPAIR")
    _, bookings = scene.offer(confirmed, bay="Bay 2")
    scene.book(confirmed, bookings[1])
    scene.notice(confirmed, "confirmed")

    unsure_device = scene.device(language="en")
    unsure = scene.request(
        unsure_device,
        [WEAK_CELL[1] | {"probability": 0.52}, WEAK_CELL[0] | {"probability": 0.41}],
        verdict="unsure",
        opened_at=NOW - timedelta(hours=3),
    )
    scene.case(unsure, "judgement", "Two causes are about as likely.", NOW - timedelta(minutes=20))
    waiting = scene.request(scene.device(language="ko"), WEAK_CELL, state="waiting", opened_at=NOW - timedelta(hours=5))
    cancelled = scene.request(scene.device(language="en"), TYRE, state="cancelled", component="tyres", severity="minor")
    for number in range(3):
        refused(scene, offered_device, number)
    return {
        "offered": offered,
        "safety": safety,
        "confirmed": confirmed,
        "unsure": unsure,
        "waiting": waiting,
        "cancelled": cancelled,
    }


def refused(scene: Scene, device_id: int, number: int) -> None:
    payload = json.dumps({"schema": "callout.telemetry/1", "boot": "three", "seq": number}).encode() + b"\xff"
    scene.insert(
        "rejection",
        "rejection_id",
        received_at=NOW - timedelta(minutes=number),
        device_id=device_id,
        topic="callout/v1/3/hanbit/ev-0003/telemetry",
        reason="wrong_type",
        detail="boot is 'three', expected a whole number; send boot as a number",
        place="boot",
        payload=payload,
    )
