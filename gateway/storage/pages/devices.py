"""Devices for planners: found and filtered, a page at a time, newest first; one device's card.

What a page reads is bounded whatever the size of the fleet. Each list begins with candidates out of one index: at most
`WALKED`, or `FOUND_AT_MOST` of a search. What no index knows is decided on these. Where they run out before the page
is full, the page says so and goes on from there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, LiteralString

from psycopg import sql
from psycopg.rows import class_row

from gateway.storage.connection import Connection

COUNTED_AT_MOST: Final = 999
FOUND_AT_MOST: Final = 2000
WALKED: Final = 2000
ANY_TROUBLE: Final = "any"


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device in the list."""

    device_id: int
    name: str
    product: str
    model: str
    serial: str
    place_name: str
    time_zone: str
    owner_name: str
    retired_at: datetime | None
    is_online: bool | None
    told_at: datetime | None
    heard_at: datetime | None
    silent_since_at: datetime | None
    returned_at: datetime | None
    has_request: bool
    has_fault: bool
    troubles: Sequence[str]
    is_in_incident: bool


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """One device with all that the desk knows of it.

    `credential_at` is when its valid password was issued, `certificate_ends_at` the end of its last certificate that was
    not taken back.
    """

    device_id: int
    name: str
    partition: int
    product: str
    model: str
    serial: str
    firmware: str
    place_name: str
    latitude: float | None
    longitude: float | None
    time_zone: str
    warranty_until: date | None
    enrolled_at: datetime
    retired_at: datetime | None
    owner_name: str
    owner_email: str
    owner_language: str
    is_online: bool | None
    told_at: datetime | None
    heard_at: datetime | None
    silent_since_at: datetime | None
    returned_at: datetime | None
    credential_at: datetime | None
    credential_in_broker_at: datetime | None
    certificate_ends_at: datetime | None
    tenant: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a planner looks for; empty texts, False and 0 ask for nothing.

    `trouble` is a kind of trouble at the door, or `ANY_TROUBLE`; `incident` the id of an incident.
    """

    words: str = ""
    product: str = ""
    state: str = ""
    with_request: bool = False
    with_fault: bool = False
    trouble: str = ""
    incident: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of devices.

    Parameters
    ----------
    rows : sequence of DeviceRow
        Newest first.
    following : int or None
        The device id that the next page begins below; None on the last page.
    is_capped : bool
        The words fit more than `FOUND_AT_MOST` devices: others that fit are not among these.
    is_short : bool
        `WALKED` devices were looked at before the page was full; the next page goes on.
    """

    rows: Sequence[DeviceRow]
    following: int | None
    is_capped: bool = False
    is_short: bool = False


@dataclass(frozen=True, slots=True)
class _Candidates:
    device_ids: Sequence[int]
    is_capped: bool
    has_more: bool


_WALK: Final[LiteralString] = """
    SELECT DISTINCT device_id FROM {table}
    WHERE {which} AND tenant_id = current_tenant() AND (%(below)s::int IS NULL OR device_id < %(below)s)
    ORDER BY device_id DESC LIMIT %(most)s"""
_WALKS: Final[Mapping[str, sql.Composed]] = {
    name: sql.SQL(_WALK).format(table=sql.Identifier(table), which=which)
    for name, table, which in (
        ("request", "service_request", sql.SQL("closed_at IS NULL")),
        ("fault", "fault", sql.SQL("closed_at IS NULL")),
        ("incident", "incident_device", sql.SQL("incident_id = %(incident)s")),
        ("trouble", "door_trouble", sql.SQL("closed_at IS NULL")),
        ("trouble_kind", "door_trouble", sql.SQL("closed_at IS NULL AND kind = %(trouble)s")),
        ("retired", "device", sql.SQL("retired_at IS NOT NULL")),
        ("product", "device", sql.SQL("product = %(product)s")),
        ("all", "device", sql.SQL("true")),
    )
}
# The look-ups are LATERAL with a LIMIT of their own, so that each reads its device's rows and no table is read whole.
_ROWS: Final = """
    SELECT d.device_id, d.name, d.product, d.model, d.serial, d.place_name, d.time_zone, o.name AS owner_name,
           d.retired_at, p.is_online, p.told_at, p.heard_at, p.silent_since_at, p.returned_at,
           r.found IS NOT NULL AS has_request, f.found IS NOT NULL AS has_fault, t.kinds AS troubles,
           i.found IS NOT NULL AS is_in_incident
    FROM unnest(%(ids)s::int[]) AS asked (device_id)
    JOIN LATERAL (SELECT * FROM device WHERE device_id = asked.device_id LIMIT 1) d ON true
    JOIN LATERAL (SELECT name FROM owner WHERE owner_id = d.owner_id LIMIT 1) o ON true
    LEFT JOIN LATERAL (
        SELECT is_online, told_at, heard_at, silent_since_at, returned_at FROM device_heard
        WHERE device_id = asked.device_id LIMIT 1) p ON true
    LEFT JOIN LATERAL (
        SELECT true AS found FROM service_request WHERE device_id = asked.device_id AND closed_at IS NULL LIMIT 1
    ) r ON true
    LEFT JOIN LATERAL (
        SELECT true AS found FROM fault WHERE device_id = asked.device_id AND closed_at IS NULL LIMIT 1) f ON true
    JOIN LATERAL (
        SELECT coalesce(array_agg(kind ORDER BY kind), '{}') AS kinds FROM door_trouble
        WHERE device_id = asked.device_id AND closed_at IS NULL) t ON true
    LEFT JOIN LATERAL (
        SELECT true AS found FROM incident_device
        WHERE incident_id = %(incident)s AND device_id = asked.device_id LIMIT 1) i ON true
    ORDER BY asked.device_id DESC"""


def listed(
    conn: Connection, wanted: Wanted, state_of: Callable[[DeviceRow], str], *, below: int | None, limit: int
) -> Page:
    """Return the devices of the present tenant that fit, newest first.

    Parameters
    ----------
    wanted : Wanted
        All of it has to fit.
    state_of : callable
        The state of a device in a word, compared with the wanted one.
    below : int or None
        Only devices with a smaller id.
    limit : int
        At most so many.
    """
    candidates = _candidates(conn, wanted, below, limit)
    with conn.cursor(row_factory=class_row(DeviceRow)) as cursor:
        rows = cursor.execute(_ROWS, {"ids": candidates.device_ids, "incident": wanted.incident}).fetchall()
    fitting = [row for row in rows if _fits(row, wanted, state_of)]
    if len(fitting) > limit:
        return Page(fitting[:limit], fitting[limit - 1].device_id, candidates.is_capped)
    if candidates.has_more:
        return Page(fitting, candidates.device_ids[-1], candidates.is_capped, is_short=True)
    return Page(fitting, None, candidates.is_capped)


def _fits(row: DeviceRow, wanted: Wanted, state_of: Callable[[DeviceRow], str]) -> bool:
    return (
        (not wanted.product or row.product == wanted.product)
        and (not wanted.with_request or row.has_request)
        and (not wanted.with_fault or row.has_fault)
        and (
            not wanted.trouble
            or wanted.trouble in row.troubles
            or (wanted.trouble == ANY_TROUBLE and row.troubles != [])
        )
        and (not wanted.incident or row.is_in_incident)
        and (not wanted.state or state_of(row) == wanted.state)
    )


def _candidates(conn: Connection, wanted: Wanted, below: int | None, limit: int) -> _Candidates:
    if wanted.words:
        return _found(conn, wanted, below, limit)
    walk, rest = _walk(wanted)
    # Where the index decides everything, no more rows are needed than are shown.
    most = limit + 1 if rest == Wanted() else WALKED
    asked: dict[str, object] = {
        "below": below,
        "most": most,
        "product": wanted.product,
        "trouble": wanted.trouble,
        "incident": wanted.incident,
    }
    ids = [int(row[0]) for row in conn.execute(_WALKS[walk], asked).fetchall()]
    return _Candidates(ids, is_capped=False, has_more=len(ids) == WALKED)


def _found(conn: Connection, wanted: Wanted, below: int | None, limit: int) -> _Candidates:
    found = conn.execute("SELECT devices_found(%s, %s)", [wanted.words, FOUND_AT_MOST + 1]).fetchall()
    ids = sorted((int(row[0]) for row in found), reverse=True)
    following = [device_id for device_id in ids if below is None or device_id < below]
    if replace(wanted, words="") == Wanted():
        following = following[: limit + 1]
    return _Candidates(following, is_capped=len(ids) > FOUND_AT_MOST, has_more=False)


def _walk(wanted: Wanted) -> tuple[str, Wanted]:
    """Return the index to walk along, the one that few devices are in first, and what it leaves to be decided."""
    if wanted.incident:
        return "incident", replace(wanted, incident=0)
    if wanted.trouble:
        walk = "trouble" if wanted.trouble == ANY_TROUBLE else "trouble_kind"
        return walk, replace(wanted, trouble="")
    if wanted.with_request:
        return "request", replace(wanted, with_request=False)
    if wanted.with_fault:
        return "fault", replace(wanted, with_fault=False)
    if wanted.state == "retired":
        return "retired", replace(wanted, state="")
    if wanted.product:
        return "product", replace(wanted, product="")
    return "all", wanted


def counts(conn: Connection) -> dict[str, int]:
    """Return how many devices there are of each kind that an index knows, each up to `COUNTED_AT_MOST` + 1."""
    return {
        walk: len(conn.execute(_WALKS[walk], {"below": None, "most": COUNTED_AT_MOST + 1}).fetchall())
        for walk in ("all", "request", "fault", "trouble", "retired")
    }


def find_device(conn: Connection, name: str) -> DeviceFacts | None:
    """Return a device of the present tenant, None where it has none of this name."""
    with conn.cursor(row_factory=class_row(DeviceFacts)) as cursor:
        return cursor.execute(
            """SELECT d.device_id, d.name, d.partition, d.product, d.model, d.serial, d.firmware, d.place_name,
                      d.latitude, d.longitude, d.time_zone, d.warranty_until, d.enrolled_at, d.retired_at,
                      o.name AS owner_name, o.email AS owner_email, o.language AS owner_language, p.is_online, p.told_at, p.heard_at,
                      p.silent_since_at, p.returned_at, c.issued_at AS credential_at,
                      c.in_broker_at AS credential_in_broker_at, t.name AS tenant,
                      (SELECT max(x.ends_at) FROM device_certificate x
                       WHERE x.device_id = d.device_id AND x.revoked_at IS NULL) AS certificate_ends_at
               FROM device d
               JOIN owner o USING (owner_id)
               JOIN tenant t ON t.tenant_id = d.tenant_id
               LEFT JOIN device_heard p USING (device_id)
               LEFT JOIN device_credential c ON c.device_id = d.device_id AND c.revoked_at IS NULL
               WHERE d.tenant_id = current_tenant() AND d.name = %s""",
            [name],
        ).fetchone()


def listened_at(conn: Connection, now: datetime) -> datetime:
    """Return until when the desk has listened, to the range of partitions that is furthest behind.

    That is its newest tick of the server's clock. Before the first one, now.
    """
    found = conn.execute(
        """SELECT coalesce(min(newest.tick_at), (SELECT max(tick_at) FROM server_tick))
        FROM ingest_lease l CROSS JOIN LATERAL (
            SELECT t.tick_at FROM server_tick t
            WHERE t.first_partition = l.first_partition AND t.last_partition = l.last_partition
            ORDER BY t.tick_at DESC LIMIT 1) AS newest"""
    ).fetchone()
    return found[0] if found is not None and found[0] is not None else now
