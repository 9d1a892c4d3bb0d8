"""A small desk for tests: one tenant with a planner, a centre with a bay, a technician and stock, vehicles and meters."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from devices.identity import Identity, partition_of
from gateway.configure.tenant import apply
from gateway.owners.mandates import sign
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from workflows.mandate import USUAL, Clause
from workflows.money import Money

# Owners of tests have signed before any time that a test makes up.
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

WORLD = """
[tenant]
name = "acme"
title = "Acme"

[[staff]]
name = "Pat Planner"
email = "pat@acme.example"

[[service_centre]]
name = "main"
title = "Main Centre"
address = "1 Main Street"
time_zone = "Europe/Berlin"
latitude = 52.5
longitude = 13.4
hours = { mon = "09:00-18:00", tue = "09:00-18:00", wed = "09:00-18:00", thu = "09:00-18:00", fri = "09:00-18:00" }

[[service_centre.bay]]
name = "Bay 1"
skills = ["high_voltage", "hoist"]

[[service_centre.technician]]
name = "Tina Technician"
skills = ["water_meter", "electricity_meter"]
hours = { mon = "08:00-18:00", tue = "08:00-18:00", wed = "08:00-18:00", thu = "08:00-18:00", fri = "08:00-18:00" }

[[service_centre.stock]]
part = "EV-CELL-MODULE"
on_hand = STOCK

[[service_centre.stock]]
part = "EV-TYRE-REPAIR"
on_hand = STOCK

[[service_centre.stock]]
part = "MTR-WATER"
on_hand = STOCK

[[part]]
part = "MTR-WATER"
title = "Water meter"

[[part]]
part = "EV-CELL-MODULE"
title = "Battery cell module"

[[part]]
part = "EV-TYRE-REPAIR"
title = "Tyre repair kit"
"""


@dataclass
class SmallDesk:
    """A tenant in a test's database, with connections in each role."""

    dsn: str
    tenant_id: int
    admin: Connection
    work: Connection

    def close(self) -> None:
        """Close the connections."""
        self.admin.close()
        self.work.close()

    def vehicle(self, name: str) -> int:
        """Enrol a vehicle without credentials and return its id."""
        return self._device(name, "electric_vehicle", 52.4, 13.3)

    def meter(self, name: str, latitude: float | None = 52.53, longitude: float | None = 13.41) -> int:
        """Enrol a meter without credentials and return its id."""
        return self._device(name, "smart_meter", latitude, longitude)

    def other(self, name: str, product: str) -> int:
        """Enrol a device of any product type without credentials and return its id."""
        return self._device(name, product, 52.5, 13.4)

    def _device(self, name: str, product: str, latitude: float | None, longitude: float | None) -> int:
        with tenant_transaction(self.admin, self.tenant_id):
            owner = self.admin.execute(
                "INSERT INTO owner (name, email, language) VALUES (%s, %s, 'en') RETURNING owner_id",
                [f"Owner of {name}", f"{name}@owners.example"],
            ).fetchone()
            row = self.admin.execute(
                """INSERT INTO device (name, partition, product, serial, owner_id, latitude, longitude)
                VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING device_id""",
                [name, partition_of("acme", name), product, name, owner[0], latitude, longitude],  # type: ignore[index]
            ).fetchone()
            device_id: int = row[0]  # type: ignore[index]
        self.sign(device_id, *USUAL)
        return device_id

    def sign(
        self,
        device_id: int,
        *clauses: Clause,
        limit: Money | None = None,
        expires_at: datetime | None = None,
        signed_at: datetime = LONG_AGO,
    ) -> int:
        """Let the owner sign clauses in place of what he signed before; a limit is that of putting a part aside."""
        with tenant_transaction(self.admin, self.tenant_id):
            return sign(
                self.admin,
                device_id=device_id,
                owner_id=self.value("SELECT owner_id FROM device WHERE device_id = %s", device_id),
                clauses={clause: limit if clause is Clause.RESERVE_PART else None for clause in clauses},
                signed_by="page",
                now=signed_at,
                expires_at=expires_at,
            )

    def symptom(
        self,
        device_id: int,
        monitor: str,
        element: int = 0,
        component: str = "traction_battery",
        *,
        else_well: bool = True,
    ) -> int:
        """Write a confirmed symptom, as ingest does, and return its id; a battery's other channels were seen to be well."""
        now = datetime.now(UTC)
        if component == "traction_battery" and else_well:
            self._see_well(device_id, now - timedelta(hours=4))
        row = self.admin.execute(
            """INSERT INTO symptom (tenant_id, device_id, monitor, component, element, state, since_at, noticed_at,
                confirmed_at, value, threshold, decided_by_ingest_no, decided_received_at)
            VALUES (%s, %s, %s, %s, %s, 'confirmed', %s, %s, %s, -0.03, 0.02, 1, %s) RETURNING symptom_id""",
            [self.tenant_id, device_id, monitor, component, element, now - timedelta(hours=3), now, now, now],
        ).fetchone()
        return row[0]  # type: ignore[index]

    def _see_well(self, device_id: int, at: datetime) -> None:
        """Write a vehicle's reading of which every channel of its battery is well."""
        self.admin.execute("SELECT ensure_day('electric_vehicle_reading', %s)", [at.date()])
        row = self.admin.execute(
            """UPDATE ingest_partition SET last_ingest_no = greatest(last_ingest_no, 1)
            WHERE partition = (SELECT partition FROM device WHERE device_id = %s) RETURNING partition""",
            [device_id],
        ).fetchone()
        self.admin.execute(
            """INSERT INTO electric_vehicle_reading (device_id, claimed_at, boot, seq, sample, partition, ingest_no,
                received_at, is_backfill, cell_voltages_v, probe_temps_degc, insulation_kohm, pack_voltage_v, bms_level)
            VALUES (%s, %s, 1, 1, 0, %s, 1, %s, false, %s, %s, 2400, 360, 0) ON CONFLICT DO NOTHING""",
            [device_id, at, row[0], at, [3.75] * 96, [24.0] * 6],  # type: ignore[index]
        )

    def count(self, on_hand: int, part_no: str = "%") -> None:
        """A count finds so many of a part, or of every part, at every centre: the ledger is adjusted by the planner."""
        self.admin.execute(
            """INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, on_hand, staff_id, reason)
            SELECT l.tenant_id, l.centre_id, l.part_no, 'adjust', %(count)s - l.on_hand,
                (SELECT min(staff_id) FROM staff s WHERE s.tenant_id = l.tenant_id), 'counted'
            FROM stock_level l WHERE l.tenant_id = %(tenant)s AND l.part_no LIKE %(part)s AND l.on_hand <> %(count)s""",
            {"count": on_hand, "part": part_no, "tenant": self.tenant_id},
        )

    def receive(self, part_no: str, quantity: int) -> None:
        """So many of a part are put on the shelves of every centre."""
        self.admin.execute(
            """INSERT INTO stock_movement (tenant_id, centre_id, part_no, kind, on_hand)
            SELECT tenant_id, centre_id, %s, 'receipt', %s FROM service_centre WHERE tenant_id = %s""",
            [part_no, quantity, self.tenant_id],
        )

    def rows(self, query: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a query, seen by the owner of the database."""
        return self.admin.execute(query, parameters).fetchall()

    def value(self, query: Any, *parameters: Any) -> Any:
        """The only value of a query's only row."""
        ((value,),) = self.rows(query, *parameters)
        return value


def open_desk(dsn: str, folder: Path, *, stock: int = 2, tenant: str = "acme") -> SmallDesk:
    """Set a tenant up in a database."""
    file = folder / f"{tenant}.toml"
    file.write_text(WORLD.replace("STOCK", str(stock)).replace('"acme"', f'"{tenant}"'), encoding="utf-8")
    admin = connect(dsn, Role.ADMIN)
    apply(admin, file)
    row = admin.execute("SELECT tenant_id FROM tenant WHERE name = %s", [tenant]).fetchone()
    return SmallDesk(dsn, row[0], admin, connect(dsn, Role.WORK))  # type: ignore[index]


def topic(device: str, channel: str = "telemetry", tenant: str = "acme") -> str:
    """A device's topic."""
    return Identity(partition_of(tenant, device), tenant, device).topic(channel)


def telemetry(seq: int, *samples: dict[str, object], boot: int = 1, **more: object) -> bytes:
    """A telemetry message."""
    return json.dumps(
        {"schema": "callout.telemetry/1", "boot": boot, "seq": seq, "samples": list(samples), **more}
    ).encode()


def sample(at: datetime, **values: object) -> dict[str, object]:
    """One sample."""
    return {"at": at.isoformat(), **values}
