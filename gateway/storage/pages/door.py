"""Who works at the desk."""

from dataclasses import dataclass

from psycopg.rows import class_row

from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A member of staff."""

    staff_id: int
    name: str
    email: str
    role: str
    language: str
    tenant_title: str


def find_staff(conn: Connection, staff_id: int) -> StaffRow | None:
    """Return a member of the present tenant's staff."""
    with conn.cursor(row_factory=class_row(StaffRow)) as cursor:
        return cursor.execute(
            """SELECT s.staff_id, s.name, s.email, s.role, s.language, t.title AS tenant_title
               FROM staff s JOIN tenant t USING (tenant_id) WHERE s.staff_id = %s""",
            [staff_id],
        ).fetchone()


def staff_name_for(conn: Connection, email: str) -> str | None:
    """Return the name of the member of staff with this e-mail."""
    found = conn.execute("SELECT name FROM staff WHERE lower(email) = lower(%s)", [email]).fetchone()
    return str(found[0]) if found else None


def desk_zone(conn: Connection) -> str:
    """Return the time zone that the present tenant's desk lives by: that of its first service centre, else UTC."""
    found = conn.execute("SELECT time_zone FROM service_centre ORDER BY centre_id LIMIT 1").fetchone()
    return str(found[0]) if found else "UTC"
