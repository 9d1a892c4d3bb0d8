"""The rules of every component can be written down, and change with what decides and with nothing else."""

from dataclasses import replace

import pytest

from devices.monitors import Silence
from devices.product import ProductType
from diagnostics.receipt import digest
from diagnostics.rules import of_component
from tests.devices.products.recordings import PRODUCTS


def hashes(product: ProductType) -> dict[str, str]:
    return {component: digest(of_component(product, component)) for component in product.components}


@pytest.mark.parametrize("product", PRODUCTS)
def test_another_delay_changes_the_rules_of_its_component_and_of_no_other(product: ProductType) -> None:
    first, *others = product.monitors
    changed = replace(product, monitors=[replace(first, off_delay_s=first.off_delay_s + 1), *others])
    before, after = hashes(product), hashes(changed)
    assert {component for component in before if before[component] != after[component]} == {first.component}


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_fault_and_every_limit_is_part_of_the_rules(product: ProductType) -> None:
    told = {component: of_component(product, component) for component in product.components}
    assert {code for rules in told.values() for code in rules["faults"]} == set(product.faults)
    for monitor in product.monitors:
        rules = told[monitor.component]
        assert rules["monitors"][monitor.name]["off_delay_s"] == monitor.off_delay_s
        assert isinstance(monitor, Silence) or monitor.feature in rules["features"]
    for code, fault in product.faults.items():
        changed = replace(product, faults={**product.faults, code: replace(fault, prior=fault.prior / 2)})
        assert hashes(changed)[fault.component] != digest(told[fault.component])


@pytest.mark.parametrize("product", PRODUCTS)
def test_other_words_are_no_other_rules(product: ProductType) -> None:
    reworded = replace(
        product,
        monitors=[replace(monitor, title="Said otherwise") for monitor in product.monitors],
        faults={code: replace(fault, title="", owner_text="") for code, fault in product.faults.items()},
        checks=[replace(check, question="Asked otherwise?") for check in product.checks],
    )
    assert hashes(reworded) == hashes(product)
