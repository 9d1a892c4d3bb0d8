"""Which parts to take along, as the request's page shows it: what leaving each of them costs, against carrying it."""

from dataclasses import dataclass

from devices.product import ProductType
from gateway.storage.catalogue import load_kit_costs, load_prices
from gateway.storage.connection import Connection
from gateway.storage.pages.request import RequestRow
from gateway.storage.quotes import part_titles
from workflows.parts import Cause, KitLine, kit


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of the kit in a person's language; the role is its own title where the part is not in the catalogue."""

    role: str
    title: str
    probability: float
    leaving_costs: str
    taking_costs: str
    is_taken: bool
    is_priced: bool


def shown_kit(conn: Connection, row: RequestRow, product: ProductType, language: str) -> list[ShownLine]:
    """Return the kit of a request's hypotheses; none where the tenant has not said what a second visit costs."""
    costs = load_kit_costs(conn)
    if costs is None:
        return []
    remedies = product.remedies
    causes = [
        Cause(each.fault, each.probability, remedies[each.fault].part_nos)
        for each in row.ranked()
        if each.fault in remedies
    ]
    roles = sorted({role for cause in causes for role in cause.roles})
    titles = part_titles(conn, roles, language)
    return [
        _shown(line, titles.get(line.role, line.role), language)
        for line in kit(causes, load_prices(conn, roles), costs)
    ]


def _shown(line: KitLine, title: str, language: str) -> ShownLine:
    return ShownLine(
        line.role,
        title,
        line.probability,
        line.leaving_costs.shown(language),
        line.taking_costs.shown(language),
        line.is_taken,
        line.is_priced,
    )
