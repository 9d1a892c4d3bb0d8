"""What a product's README promises, held to the code and to simulated devices, for each folder of products."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from devices.faults import Fulfilment
from devices.monitors import Drift, Limit, MinimumFlow, Monitor, Peer, Register, Reported, Shift, Silence, Step, Stuck
from devices.product import ProductType
from simulators.kinds import kinds_of
from tests.devices.products.recordings import PRODUCTS, folder
from tests.devices.products.street import SLOW_AFTER_DAYS, Ill, Told, street_of, watch

HEALTHY_DEVICES, HEALTHY_DAYS = 100, 4
DEVICES_OF_A_KIND = 3
SLOW_AFTER = timedelta(days=SLOW_AFTER_DAYS)
WINTER_AT = datetime(2026, 1, 5, tzinfo=UTC)
SPRING_AT = datetime(2026, 3, 2, tzinfo=UTC)


# ------------------------------------------------------------------ the product's README


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_readme_names_every_signal_monitor_fault_and_the_declared_rate(product: ProductType) -> None:
    text = (folder(product) / "README.md").read_text("utf-8")
    named = set(re.findall(r"`([^`]+)`", text))
    monitors = [monitor.name for monitor in product.monitors]
    missing = [name for name in (*product.signals, *monitors, *product.faults) if name not in named]
    assert missing == []
    assert f"{product.false_requests_per_device_year:g} false requests per device and year" in text


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_readme_says_where_each_fault_is_mended_how_long_it_takes_and_with_what(product: ProductType) -> None:
    lines = (folder(product) / "README.md").read_text("utf-8").splitlines()
    for remedy in product.remedies.values():
        rows = [line for line in lines if line.startswith(f"| `{remedy.fault}` |") and remedy.title in line]
        if remedy.why_none:
            continue
        (row,) = rows
        assert f"{remedy.minutes} min" in row
        assert all(f"`{part_no}`" in row for part_no in remedy.part_nos)
        if remedy.fulfilment is Fulfilment.VISIT:
            assert "visit" in row
            assert all(f"`{skill}`" in row for skill in remedy.skills)
        else:
            assert any(line.startswith("Every remedy is a drop-off") for line in lines)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_readme_gives_each_limit_as_it_is(product: ProductType) -> None:
    lines = (folder(product) / "README.md").read_text("utf-8").splitlines()
    for monitor in product.monitors:
        # A kind of fault may bear the same name in another table; this one has eight columns.
        rows = [line for line in lines if line.startswith(f"| `{monitor.name}` |") and line.count(" |") == 8]
        assert len(rows) == 1, f"{monitor.name} has {len(rows)} rows in the table of monitors"
        assert not missing_in_row(monitor, rows[0]), (
            f"{monitor.name}: {rows[0]} lacks {missing_in_row(monitor, rows[0])}"
        )


def missing_in_row(monitor: Monitor, row: str) -> list[str]:
    wanted = ["safety"] if monitor.is_safety else []
    match monitor:
        case Reported():
            wanted += sorted(monitor.codes)
        case Limit() | Peer() | Register() | MinimumFlow():
            wanted += [f"{monitor.limit:g}", f"{monitor.clear:g}", duration(monitor.on_delay_s)]
            wanted += [duration(monitor.off_delay_s)]
        case Drift():
            wanted += [f"{monitor.limit:g}", f"{monitor.clear:g}", f"{monitor.learn:g}", duration(monitor.on_delay_s)]
        case Step():
            wanted += [f"{monitor.limit:g}", f"{monitor.clear:g}", f"{monitor.before:g}", f"{monitor.after:g}"]
        case Shift():
            wanted += [f"{monitor.limit:g}", f"{monitor.clear:g}", f"{monitor.learn:g}", f"{monitor.shift:g}"]
        case Stuck():
            wanted += [f"{monitor.limit:g}", f"{monitor.factor:g}", duration(monitor.off_delay_s)]
        case Silence():
            wanted += [duration(monitor.after_s), duration(monitor.off_delay_s)]
    return [piece for piece in wanted if not re.search(rf"(?<![\w.]){re.escape(piece)}(?![\w.]\d?)", row)]


def duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


@dataclass(frozen=True, slots=True)
class Declared:
    """A row of the README's table of delays; `within` is None where it says that the fault is not found."""

    ill: Ill
    within: timedelta | None


def declared_delays(product: ProductType) -> list[Declared]:
    """Read the README's table: kind of fault, its strength, and within how long it is found."""
    text = (folder(product) / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+)[^|]*\| (?:(\d+) (min|h|d)|not found[^|]*) \|", text, re.MULTILINE)
    units = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    return [Declared(Ill(kind, float(by)), int(n) * units[unit] if n else None) for kind, by, n, unit in rows]


# ------------------------------------------------------------------ trust


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_kind_of_fault_that_can_be_simulated_has_a_declared_delay(product: ProductType) -> None:
    simulated = kinds_of(product.name)
    declared = {each.ill.kind for each in declared_delays(product)}
    assert declared == set(street_of(product).KINDS) == set(simulated)
    for kind, codes in street_of(product).KINDS.items():
        assert codes <= set(product.faults), kind


@pytest.mark.slow
@pytest.mark.parametrize("product", PRODUCTS)
def test_healthy_devices_open_no_more_requests_than_declared(product: ProductType) -> None:
    module = street_of(product)
    # A street whose devices are cheap to live through says so, and is held to more.
    devices, days = getattr(module, "HEALTHY_DEVICES", HEALTHY_DEVICES), getattr(module, "HEALTHY_DAYS", HEALTHY_DAYS)
    told = watch(
        product,
        [None] * devices,
        lasting=timedelta(days=days),
        start_at=WINTER_AT,
        seed=20261121,
    )
    requests = {(each.device, each.component) for each in told}
    allowed = product.false_requests_per_device_year * devices * days / 365.25
    assert len(requests) <= allowed, f"{len(requests)} false requests, {allowed:.2f} declared: {told}"


@pytest.mark.slow
@pytest.mark.parametrize("product", PRODUCTS)
def test_every_simulated_fault_is_found_within_its_declared_delay(product: ProductType) -> None:
    late: list[str] = []
    for rows, lasting in runs(declared_delays(product)):
        told = watch(
            product,
            [row.ill for row in rows],
            lasting=lasting,
            start_at=SPRING_AT,
            seed=20261121,
            is_slow=lasting > SLOW_AFTER,
        )
        for device, row in enumerate(rows):
            rightly = [each for each in told if each.device == device and is_right(product, row.ill, each)]
            if row.within is None or not any(each.after <= row.within for each in rightly):
                late.append(f"{row}: {rightly or 'not found'}")
    assert not late, "\n".join(late)


def runs(declared: Sequence[Declared]) -> Iterator[tuple[list[Declared], timedelta]]:
    """Several devices of each kind, the quick kinds apart from the slow ones, so that none lives longer than it must."""
    bounds = (timedelta(0), timedelta(days=1), SLOW_AFTER, timedelta(days=366))
    for shortest, longest in pairwise(bounds):
        rows = [row for row in declared if row.within is not None and shortest < row.within <= longest]
        if rows:
            yield [row for row in rows for _ in range(DEVICES_OF_A_KIND)], max(row.within or shortest for row in rows)


def is_right(product: ProductType, ill: Ill, told: Told) -> bool:
    """Whether a symptom speaks for what is really wrong."""
    codes = street_of(product).KINDS[ill.kind]
    return any(told.monitor in product.faults[code].shows for code in codes)
