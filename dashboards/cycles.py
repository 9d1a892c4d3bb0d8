"""The planner's page of reporting cycles: what statistical monitors were held against, who passed, who was confirmed."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from dashboards.desk import TheDesk
from dashboards.figures import Figure
from dashboards.login import TheSession
from dashboards.render import page
from dashboards.tails import picture, share_text
from devices.monitors import Calibrated
from devices.product import ProductType
from devices.products import product_types
from diagnostics.calibration.cycle import RATE
from diagnostics.calibration.null import FEWEST
from gateway.storage.connection import Connection
from gateway.storage.pages import cycles
from gateway.storage.pages.cycles import CycleRow
from gateway.storage.pages.door import desk_zone
from gateway.texts import Translator

router: Final = APIRouter(prefix="/planner/cycles", include_in_schema=False)

# About a fortnight of daily cycles.
_ROWS: Final = 14


@dataclass(frozen=True, slots=True)
class Told:
    """A statistical monitor with its newest cycles, and the picture of the newest one; titles are texts to translate."""

    product: str
    title: str
    rows: list[CycleRow]
    figure: Figure | None


@router.get("")
def show(request: Request, desk: TheDesk, session: TheSession) -> Response:
    """Show the newest cycles of each statistical monitor; as much for any fleet."""
    t = session.translator
    with desk.tenant(session.tenant_id) as conn:
        told = [
            _told(conn, product, monitor, t)
            for product in product_types().values()
            for monitor in product.monitors
            if isinstance(monitor, Calibrated)
        ]
        zone_name = desk_zone(conn)
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "told": told,
        "zone_name": zone_name,
        "fewest": FEWEST,
        "rate": RATE,
        "share_text": share_text,
    }
    return page("cycles.html", t, context)


def _told(conn: Connection, product: ProductType, monitor: Calibrated, t: Translator) -> Told:
    rows = cycles.newest_cycles(conn, product.name, monitor.name, _ROWS)
    null = cycles.null_of_cycle(conn, rows[0].cycle_id) if rows else None
    figure = None if null is None else picture(rows[0], null, t)
    return Told(product.title, monitor.title, rows, figure)
