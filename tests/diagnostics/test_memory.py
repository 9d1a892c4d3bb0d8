"""What the detectors remember of one device of each product, over all its monitors."""

import numpy as np
import pytest

from devices.product import ProductType
from devices.products import product_type
from devices.readings import Columns, Value
from devices.signals import Kind
from diagnostics.state import unpack
from diagnostics.watch import Watch

# The largest packs and the most probes that are told of; other vectors have a value for each phase, tyre or wheel.
WIDTHS = {"cell_voltages_v": 96, "probe_temps_degc": 24}
# What no element can have is passed over, and nothing is remembered of it.
POSSIBLE = {"cell_voltages_v": 3.7, "tyre_pressures_kpa": 240.0}


def everything(product: ProductType) -> Columns:
    """One sample in which every signal has a value."""
    values: dict[str, list[Value]] = {}
    for signal in product.signals.values():
        values[signal.name] = [
            [POSSIBLE.get(signal.name, 1.0)] * WIDTHS.get(signal.name, 4)
            if signal.kind is Kind.VECTOR
            else []
            if signal.kind is Kind.CODES
            else 1
        ]
    return Columns(values, 1)


@pytest.mark.parametrize("name", ["electric_vehicle", "smart_meter"])
def test_a_device_that_reports_everything_costs_at_most_four_kilobytes(name: str) -> None:
    product = product_type(name)
    watch = Watch(product)
    watch.step(np.array([1]), np.array([1_700_000_000_000_000]), everything(product))
    arrays = unpack(watch.snapshot([1]))
    assert sum(array.nbytes for key, array in arrays.items() if not key.endswith(".monitors")) <= 4096


# What a meter of one medium reports: its own registers and values, and what every meter has.
EVERY_METER = {"battery_v", "clock_offset_s", "is_cover_open", "event_codes"}
MEDIA = {
    "electricity": {
        "import_wh",
        "import_tariff1_wh",
        "import_tariff2_wh",
        "export_wh",
        "export_tariff1_wh",
        "export_tariff2_wh",
        "power_w",
        "voltages_v",
        "currents_a",
        "power_factor_pct",
        "frequency_hz",
        "is_supply_on",
        "terminal_temp_degc",
    },
    "gas": {"gas_l", "is_gas_valve_open"},
    "water": {"water_l", "water_flow_l_h"},
    "heat": {"heat_wh", "heat_l", "heat_power_w", "heat_flow_l_h", "heat_supply_degc", "heat_return_degc"},
}
FLEET = 120


def remembered(product: ProductType, signals: set[str]) -> float:
    """Bytes a device in a fleet of which each one has reported these signals for some days, and is well."""
    watch = Watch(product)
    whole = everything(product).values
    for hour in range(60):
        values = {name: list(column) * FLEET for name, column in whole.items() if name in signals}
        at_us = np.full(FLEET, 1_700_000_000_000_000 + hour * 3_600_000_000)
        watch.step(np.arange(1, FLEET + 1), at_us, Columns(values, FLEET))
    return watch.used_bytes / FLEET


@pytest.mark.parametrize("medium", sorted(MEDIA))
def test_a_meter_of_one_medium_costs_at_most_one_kilobyte(medium: str) -> None:
    assert remembered(product_type("smart_meter"), MEDIA[medium] | EVERY_METER) <= 1024


def test_the_media_are_all_that_a_meter_reports() -> None:
    assert set().union(EVERY_METER, *MEDIA.values()) == set(product_type("smart_meter").signals)


def test_a_vehicle_with_96_cells_costs_at_most_four_kilobytes_also_when_cells_and_their_sensors_are_ill() -> None:
    vehicle = product_type("electric_vehicle")
    assert remembered(vehicle, set(vehicle.signals)) <= 3072
    watch = Watch(vehicle)
    said: set[tuple[str, int]] = set()
    for minute in range(300):
        # The tenth cell empties faster than the others, and the fortieth repeats itself.
        cells: list[Value] = [[3.7 - 0.001 * (minute + cell % 3) - 0.001 * minute * (cell == 9) for cell in range(96)]]
        cells[0][39] = 3.7  # type: ignore[index]
        values: dict[str, list[Value]] = {"cell_voltages_v": cells} if minute else dict(everything(vehicle).values)
        changes = watch.step(np.array([1]), np.array([1_700_000_000_000_000 + minute * 60_000_000]), Columns(values, 1))
        said |= {(change.monitor, change.element) for change in changes if change.phase == "confirmed"}
    assert said - {("updating", 0)} == {("cell_leaves_pack", 10), ("cell_leaves_pack", 40)}
    assert watch.used_bytes <= 4096
