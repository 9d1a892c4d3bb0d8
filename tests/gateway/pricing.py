"""Prices for the small desk of the tests."""

from datetime import date, timedelta

from gateway.storage.connection import tenant_transaction
from tests.gateway.desk import SmallDesk


def set_prices(desk: SmallDesk, *, part_minor: int = 40_000, minute_minor: int = 100, currency: str = "EUR") -> None:
    """Give every part a price, and labour one."""
    with tenant_transaction(desk.admin, desk.tenant_id):
        desk.admin.execute("UPDATE part SET price_minor = %s, price_currency = %s", [part_minor, currency])
        desk.admin.execute(
            "INSERT INTO labour_rate (per_minute_minor, call_out_minor, currency) VALUES (%s, 5000, %s)",
            [minute_minor, currency],
        )


def set_deposit(desk: SmallDesk, *, above_minor: int | None = 10_000, per_mille: int = 300) -> None:
    """Let the tenant take deposits."""
    with tenant_transaction(desk.admin, desk.tenant_id):
        desk.admin.execute(
            "INSERT INTO deposit_rule (above_minor, currency, per_mille) VALUES (%s, %s, %s)",
            [above_minor, None if above_minor is None else "EUR", per_mille],
        )


def set_warranty(desk: SmallDesk, device_id: int, *, days: int = 100) -> None:
    """Let a device's warranty end so many days from now."""
    desk.admin.execute(
        "UPDATE device SET warranty_until = %s WHERE device_id = %s",
        [date.today() + timedelta(days=days), device_id],  # noqa: DTZ011 (a day far from its border)
    )


def set_contract(desk: SmallDesk, device_id: int, *, parts: int, labour: int, visits: int | None = None) -> None:
    """Sign a service contract for a device for this year and the next."""
    with tenant_transaction(desk.admin, desk.tenant_id):
        desk.admin.execute(
            """INSERT INTO service_contract (device_id, name, parts_per_mille, labour_per_mille, visits_per_year,
                from_on, until_on) VALUES (%s, 'care', %s, %s, %s, current_date - 10, current_date + 355)""",
            [device_id, parts, labour, visits],
        )
