"""The tenants: is there who decides, where work is done, and what it needs, for the products that they have."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, LiteralString

from devices.products import product_types
from gateway.doctor.point import Point, Setup, counted, not_looked, ok, warning, wrong
from gateway.storage.connection import Connection

_CONFIGURE: Final = "Name them in the tenant's file, and run: ./callout configure FILE"
_NAMED: Final = 3


def tenants(setup: Setup) -> Iterable[Point]:
    """Look at each tenant."""
    if setup.database is None:
        yield not_looked("tenants", "the database does not answer")
        return
    found = _rows(setup.database, "SELECT tenant_id, name FROM callout.tenant ORDER BY name")
    if not found:
        yield warning("tenants", "there is none yet", "Run: ./callout configure simulators/worlds/demo.toml")
    for tenant_id, name in found:
        yield from _tenant(setup.database, int(tenant_id), str(name))


def _tenant(database: Connection, tenant_id: int, name: str) -> Iterable[Point]:
    yield _staff(database, tenant_id, name)
    yield _centres(database, tenant_id, name)
    products = _rows(
        database,
        "SELECT product, count(*) FROM callout.device WHERE tenant_id = %(tenant)s AND retired_at IS NULL GROUP BY 1",
        tenant_id,
    )
    skills = _skills(database, tenant_id)
    parts = {
        str(part)
        for (part,) in _rows(database, "SELECT part_no FROM callout.part WHERE tenant_id = %(tenant)s", tenant_id)
    }
    yield from _titles(database, tenant_id, name)
    if not products:
        yield not_looked(f"{name}: remedies", "no device is enrolled yet", "Enrol one: ./callout enrol")
    for product, count in products:
        yield _remedies(f"{name}: {product}", str(product), int(count), skills, parts)


def _staff(database: Connection, tenant_id: int, name: str) -> Point:
    rows = _rows(
        database, "SELECT role, count(*) FROM callout.staff WHERE tenant_id = %(tenant)s GROUP BY 1", tenant_id
    )
    counts: Mapping[str, int] = dict(rows)
    if not counts:
        return wrong(f"{name}: staff", "nobody: cases would have no human", _CONFIGURE)
    return ok(
        f"{name}: staff", ", ".join(f"{count} {role.replace('_', ' ')}" for role, count in sorted(counts.items()))
    )


def _centres(database: Connection, tenant_id: int, name: str) -> Point:
    rows = _rows(
        database,
        """SELECT c.name, c.hours = '{}', (SELECT count(*) FROM callout.bay b WHERE b.centre_id = c.centre_id)
        FROM callout.service_centre c WHERE c.tenant_id = %(tenant)s ORDER BY c.name""",
        tenant_id,
    )
    if not rows:
        return wrong(f"{name}: service centres", "there is none: no date can be offered", _CONFIGURE)
    closed = [str(centre) for centre, is_never_open, _ in rows if is_never_open]
    if closed:
        return wrong(f"{name}: service centres", f"never open: {', '.join(closed)}", _CONFIGURE)
    return ok(
        f"{name}: service centres",
        f"{len(rows)}, with {counted(sum(bays for *_, bays in rows), 'bay')} and opening hours",
    )


def _skills(database: Connection, tenant_id: int) -> list[frozenset[str]]:
    """Return the skills of each bay, and of each technician where there are such."""
    queries: list[LiteralString] = ["SELECT skills FROM callout.bay WHERE tenant_id = %(tenant)s"]
    if _rows(database, "SELECT 1 WHERE to_regclass('callout.technician') IS NOT NULL"):
        queries.append("SELECT skills FROM callout.technician WHERE tenant_id = %(tenant)s")
    return [frozenset(skills) for query in queries for (skills,) in _rows(database, query, tenant_id)]


def _remedies(name: str, product: str, count: int, skills: Sequence[frozenset[str]], parts: set[str]) -> Point:
    """Look whether somebody has the skills of each remedy at once, and whether its parts are known to the stock."""
    if product not in product_types():
        found = f"{counted(count, 'device')} of a product type that this version does not know"
        return wrong(name, found, f"Put the folder devices/products/{product} back, or retire them.")
    remedies = [remedy for remedy in product_types()[product].remedies.values() if not remedy.why_none]
    nobody = sorted(
        {", ".join(sorted(each.skills)) for each in remedies if not any(each.skills <= one for one in skills)}
    )
    unknown = sorted({part for each in remedies for part in each.part_nos} - parts)
    lacking = [f"nobody has the skills {each}" for each in nobody] + [f"no part {part}" for part in unknown]
    if lacking:
        found = f"{counted(count, 'device')}; {'; '.join(lacking)}. Such faults end with a person"
        return warning(name, found, _CONFIGURE)
    return ok(name, f"{counted(count, 'device')}; skills and parts of all {len(remedies)} remedies are there")


def _titles(database: Connection, tenant_id: int, name: str) -> Iterable[Point]:
    """Name the languages that some parts have a title in and others not: there somebody began, and did not end."""
    rows = _rows(
        database,
        """SELECT l.language, array_agg(p.part_no ORDER BY p.part_no) FILTER (WHERE NOT p.titles ? l.language)
        FROM (SELECT DISTINCT jsonb_object_keys(titles) FROM callout.part WHERE tenant_id = %(tenant)s) l (language)
        CROSS JOIN callout.part p WHERE p.tenant_id = %(tenant)s GROUP BY 1 ORDER BY 1""",
        tenant_id,
    )
    if lacking := [f"none in {language} for {_some(part_nos)}" for language, part_nos in rows if part_nos]:
        found = f"{'; '.join(lacking)}: people read their `title` instead"
        yield warning(f"{name}: parts' titles", found, "Add them to `titles` in the tenant's file.")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _rows(database: Connection, query: LiteralString, tenant_id: int = 0) -> list[tuple[Any, ...]]:
    return database.execute(query, {"tenant": tenant_id}).fetchall()


CHECKS: Final = (tenants,)
