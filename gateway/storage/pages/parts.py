"""What the pages of parts show, titled in the reader's language: levels, one part's ledger, deliveries."""

from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from gateway.storage.connection import Connection

_LIKE_MARKS = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


@dataclass(frozen=True, slots=True)
class LevelRow:
    """What a centre has of a part."""

    part_no: str
    title: str
    centre_id: int
    centre: str
    on_hand: int
    on_order: int
    allocated: int
    awaited: int

    @property
    def available(self) -> int:
        """What lies there and is promised to nobody."""
        return self.on_hand - self.allocated


@dataclass(frozen=True, slots=True)
class PartRow:
    """A part as the catalogue has it."""

    part_no: str
    title: str
    price_minor: int | None
    price_currency: str | None
    successor_no: str | None
    successor_from_on: date | None
    replaces: list[str]
    stand_ins: list[str]
    suppliers: list[str]


@dataclass(frozen=True, slots=True)
class MovementRow:
    """One line of the ledger."""

    movement_id: int
    moved_at: datetime
    kind: str
    centre: str
    on_hand: int
    on_order: int
    allocated: int
    awaited: int
    reason: str
    staff_name: str | None
    request_id: int | None
    inbound_id: int | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery: where from, where to, how it stands, for how many requests."""

    inbound_id: int
    kind: str
    state: str
    part_no: str
    title: str
    quantity: int
    promised: int
    centre: str
    origin: str
    placed_at: datetime
    expected_at: datetime
    ended_at: datetime | None
    last_error: str | None
    request_ids: list[int]


def levels(conn: Connection, words: str, after: tuple[str, int], limit: int, language: str) -> list[LevelRow]:
    """Return levels of parts that fit the words in any language, by part and centre, behind a place in that order."""
    with conn.cursor(row_factory=class_row(LevelRow)) as cursor:
        return cursor.execute(
            """SELECT l.part_no, coalesce(p.titles ->> %(language)s, p.title) AS title, l.centre_id, c.title AS centre,
                      l.on_hand, l.on_order, l.allocated, l.awaited
               FROM stock_level l JOIN part p USING (tenant_id, part_no) JOIN service_centre c USING (centre_id)
               WHERE (l.part_no ILIKE %(like)s OR p.title ILIKE %(like)s
                      OR EXISTS (SELECT FROM jsonb_each_text(p.titles) t WHERE t.value ILIKE %(like)s))
                 AND (l.part_no, l.centre_id) > (%(part)s, %(centre)s)
               ORDER BY l.part_no, l.centre_id LIMIT %(limit)s""",
            {
                "like": f"%{words.translate(_LIKE_MARKS)}%",
                "part": after[0],
                "centre": after[1],
                "limit": limit,
                "language": language,
            },
        ).fetchall()


def levels_of(conn: Connection, part_no: str, language: str) -> list[LevelRow]:
    """Return the levels of one part at every centre, at most a hundred of them."""
    with conn.cursor(row_factory=class_row(LevelRow)) as cursor:
        return cursor.execute(
            """SELECT p.part_no, coalesce(p.titles ->> %(language)s, p.title) AS title, c.centre_id, c.title AS centre,
                      coalesce(l.on_hand, 0) AS on_hand, coalesce(l.on_order, 0) AS on_order,
                      coalesce(l.allocated, 0) AS allocated, coalesce(l.awaited, 0) AS awaited
               FROM part p CROSS JOIN service_centre c
               LEFT JOIN stock_level l ON l.centre_id = c.centre_id AND l.part_no = p.part_no
               WHERE p.part_no = %(part)s ORDER BY coalesce(l.on_hand, 0) DESC, c.centre_id LIMIT 100""",
            {"part": part_no, "language": language},
        ).fetchall()


def find_part(conn: Connection, part_no: str, language: str) -> PartRow | None:
    """Return a part with what replaces it, what it replaces, what stands in for it, and who supplies it."""
    with conn.cursor(row_factory=class_row(PartRow)) as cursor:
        return cursor.execute(
            """SELECT p.part_no, coalesce(p.titles ->> %(language)s, p.title) AS title, p.price_minor, p.price_currency,
                      s.successor_no, s.from_on AS successor_from_on,
                      ARRAY(SELECT o.part_no FROM part_supersession o WHERE o.successor_no = p.part_no
                            ORDER BY 1 LIMIT 20) AS replaces,
                      ARRAY(SELECT DISTINCT u.stand_in_no FROM part_substitute u WHERE u.part_no = p.part_no
                            ORDER BY 1 LIMIT 20) AS stand_ins,
                      ARRAY(SELECT v.title || ' (' || y.lead_days || ')' FROM part_supply y JOIN supplier v
                            USING (supplier_id) WHERE y.part_no = p.part_no ORDER BY y.lead_days LIMIT 20) AS suppliers
               FROM part p LEFT JOIN part_supersession s USING (tenant_id, part_no)
               WHERE p.part_no = %(part)s""",
            {"part": part_no, "language": language},
        ).fetchone()


def ledger(conn: Connection, part_no: str, before_id: int | None, limit: int) -> list[MovementRow]:
    """Return the movements of a part, newest first."""
    with conn.cursor(row_factory=class_row(MovementRow)) as cursor:
        return cursor.execute(
            """SELECT m.movement_id, m.moved_at, m.kind, c.title AS centre, m.on_hand, m.on_order, m.allocated, m.awaited,
                      m.reason, s.name AS staff_name, v.request_id, m.inbound_id
               FROM service_centre c CROSS JOIN LATERAL (
                   SELECT * FROM stock_movement m WHERE m.centre_id = c.centre_id AND m.part_no = %(part)s
                     AND (%(before)s::bigint IS NULL OR m.movement_id < %(before)s)
                   ORDER BY m.movement_id DESC LIMIT %(limit)s) m
               LEFT JOIN staff s USING (staff_id) LEFT JOIN reservation v USING (reservation_id)
               ORDER BY m.movement_id DESC LIMIT %(limit)s""",
            {"part": part_no, "before": before_id, "limit": limit},
        ).fetchall()


def deliveries(
    conn: Connection, *, living: bool, before_id: int | None, limit: int, language: str
) -> list[DeliveryRow]:
    """Return deliveries, newest first: those on their way, or all."""
    with conn.cursor(row_factory=class_row(DeliveryRow)) as cursor:
        return cursor.execute(
            """SELECT i.inbound_id, i.kind, i.state, i.part_no, coalesce(p.titles ->> %(language)s, p.title) AS title,
                      i.quantity, i.promised, c.title AS centre, coalesce(s.title, o.title) AS origin,
                      i.placed_at, i.expected_at, i.ended_at, i.last_error,
                      ARRAY(SELECT v.request_id FROM reservation v WHERE v.inbound_id = i.inbound_id
                            AND v.released_at IS NULL ORDER BY 1 LIMIT 10) AS request_ids
               FROM inbound i JOIN part p USING (tenant_id, part_no) JOIN service_centre c ON c.centre_id = i.centre_id
               LEFT JOIN supplier s USING (supplier_id) LEFT JOIN service_centre o ON o.centre_id = i.from_centre_id
               WHERE (NOT %(living)s OR i.ended_at IS NULL)
                 AND (%(before)s::bigint IS NULL OR i.inbound_id < %(before)s)
               ORDER BY i.inbound_id DESC LIMIT %(limit)s""",
            {"living": living, "before": before_id, "limit": limit, "language": language},
        ).fetchall()
