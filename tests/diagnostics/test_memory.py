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


def everything(product: ProductType) -> Columns:
    """One sample in which every signal has a value."""
    values: dict[str, list[Value]] = {}
    for signal in product.signals.values():
        values[signal.name] = [
            [1.0] * WIDTHS.get(signal.name, 4) if signal.kind is Kind.VECTOR else [] if signal.kind is Kind.CODES else 1
        ]
    return Columns(values, 1)


@pytest.mark.parametrize("name", ["electric_vehicle", "smart_meter"])
def test_a_device_that_reports_everything_costs_at_most_four_kilobytes(name: str) -> None:
    product = product_type(name)
    watch = Watch(product)
    watch.step(np.array([1]), np.array([1_700_000_000_000_000]), everything(product))
    arrays = unpack(watch.snapshot([1]))
    assert sum(array.nbytes for key, array in arrays.items() if not key.endswith(".monitors")) <= 4096
