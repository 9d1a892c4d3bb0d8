"""Chatter: every monitor that a product declares comes too often at some finite pace."""

from math import isfinite

import pytest

from devices.monitors import Calibrated
from devices.product import ProductType
from tests.devices.products.recordings import PRODUCTS


@pytest.mark.parametrize("product", PRODUCTS)
def test_chatter_is_looked_for_within_a_time_that_ends(product: ProductType) -> None:
    for monitor in product.monitors:
        chatter = product.chatter(monitor)
        assert isfinite(chatter.window_s), monitor.name
        if isinstance(monitor, Calibrated):
            assert chatter.window_s >= chatter.times * monitor.cycle_s
