"""A year of healthy devices: a few of them in the suite, a thousand under the mark ``year``."""

import sys

import pytest

from devices.product import ProductType
from tests.devices.products.healthy_year import Year, live
from tests.devices.products.recordings import PRODUCTS

A_YEAR_DAYS = 365
# Devices and days that the suite can afford, by product: vehicles are a hundred cells each and report every ten minutes.
QUICK = {"smart_meter": (40, A_YEAR_DAYS), "electric_vehicle": (30, 30)}


def see_that_it_keeps_its_rate(product: ProductType, year: Year) -> None:
    allowed = product.false_requests_per_device_year
    assert year.samples > year.device_years * A_YEAR_DAYS * 24 * 0.9, "the devices hardly reported"
    # One request in a short run proves nothing against the rate; two do.
    assert len(year.requests) <= max(1.0, allowed * year.device_years), str(year)


@pytest.mark.slow
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_few_healthy_devices_live_through_long_times_within_the_declared_rate(product: ProductType) -> None:
    see_that_it_keeps_its_rate(product, live(product, *QUICK[product.name]))


@pytest.mark.slow
@pytest.mark.year
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_thousand_healthy_devices_live_through_a_year_within_the_declared_rate(product: ProductType) -> None:
    year = live(product, 1000, A_YEAR_DAYS, lambda line: print(line, file=sys.stderr))
    assert len(year.requests) <= product.false_requests_per_device_year * year.device_years, str(year)
