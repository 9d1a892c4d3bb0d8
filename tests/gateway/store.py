"""A desk with two centres and a supplier, for tests of parts."""

from pathlib import Path

from gateway.configure.tenant import apply
from tests.gateway.desk import SmallDesk, open_desk

MORE = """
[[service_centre]]
name = "other"
title = "Other Centre"
address = "2 Other Street"
time_zone = "Europe/Berlin"
latitude = 53.5
longitude = 10.0
hours = { mon = "09:00-18:00", tue = "09:00-18:00", wed = "09:00-18:00", thu = "09:00-18:00", fri = "09:00-18:00" }

[[supplier]]
name = "cells"
title = "Cells and Co"
url = "http://127.0.0.1:1"
time_zone = "Europe/Berlin"

[[supplier.supplies]]
part = "EV-CELL-MODULE"
lead_days = 5
price = "45000 EUR"

[parts_tariff]
transfer = "1900 EUR"
second_visit = "12000 EUR"
carrying_per_mille = 20
"""


def open_store(dsn: str, folder: Path, *, stock: int = 1, url: str = "http://127.0.0.1:1") -> SmallDesk:
    """Set the desk up, with so much of each part at its main centre and none at the other."""
    desk = open_desk(dsn, folder, stock=stock)
    file = folder / "acme.toml"
    base = file.read_text(encoding="utf-8").partition("[[service_centre]]")
    head = base[0] + base[1] + base[2]
    file.write_text(head + MORE.replace("http://127.0.0.1:1", url), encoding="utf-8")
    apply(desk.admin, file)
    return desk


def centre(desk: SmallDesk, name: str) -> int:
    """The id of a centre."""
    return desk.value("SELECT centre_id FROM service_centre WHERE name = %s", name)


def unbalanced(desk: SmallDesk) -> list[object]:
    """Levels that are not the sum of their movements, and promises that are not the sum of their reservations."""
    levels = desk.rows(
        """SELECT l.centre_id, l.part_no FROM stock_level l LEFT JOIN (
            SELECT centre_id, part_no, sum(on_hand) AS h, sum(on_order) AS o, sum(allocated) AS a, sum(awaited) AS w
            FROM stock_movement GROUP BY 1, 2) m USING (centre_id, part_no)
        WHERE (l.on_hand, l.on_order, l.allocated, l.awaited) IS DISTINCT FROM (m.h, m.o, m.a, m.w)"""
    )
    held = desk.rows(
        """SELECT l.centre_id, l.part_no FROM stock_level l LEFT JOIN (
            SELECT centre_id, part_no, sum(quantity) FILTER (WHERE inbound_id IS NULL) AS a,
                sum(quantity) FILTER (WHERE inbound_id IS NOT NULL) AS w
            FROM reservation WHERE released_at IS NULL GROUP BY 1, 2) r USING (centre_id, part_no)
        WHERE (l.allocated, l.awaited) IS DISTINCT FROM (coalesce(r.a, 0), coalesce(r.w, 0))"""
    )
    coming = desk.rows(
        """SELECT i.inbound_id FROM inbound i WHERE i.promised <> (
            SELECT coalesce(sum(quantity), 0) FROM reservation v
            WHERE v.inbound_id = i.inbound_id AND v.released_at IS NULL)"""
    )
    on_order = desk.rows(
        """SELECT l.centre_id, l.part_no FROM stock_level l WHERE l.on_order <> (
            SELECT coalesce(sum(i.quantity), 0) FROM inbound i
            WHERE i.centre_id = l.centre_id AND i.part_no = l.part_no AND i.ended_at IS NULL)"""
    )
    return [*levels, *held, *coming, *on_order]
