"""Rows of a product type that name what is not there, or hold values that cannot be: told before anything runs by them.

Each is a sentence with the row, its value and the next move. It does not know whether a product is a good one: that is
for its trials and the suite that every product folder is held to.
"""

from collections.abc import Collection, Iterator

from devices.monitors import Limit, MinimumFlow, Misread, Monitor, OfReadings, Peer, Reported, Silence, Stuck
from devices.product import Feature, ProductType

_SIDES = {"Limit": ("above", "below"), "Drift": ("above", "below"), "Step": ("above", "below")}


def wrong_rows(product: ProductType) -> Iterator[str]:
    """Give what is wrong with the rows of a product type; nothing where they fit each other.

    Parameters
    ----------
    product : ProductType
        All of it.
    """
    yield from _signals(product)
    yield from _monitors(product)
    yield from _faults(product)
    yield from _seen(product)


def _signals(product: ProductType) -> Iterator[str]:
    for of, rows in (("signal", product.signals), ("feature", product.features)):
        for key, row in rows.items():
            if key != row.name:
                yield f"{of} {row.name!r} stands under the key {key!r}: use its name as the key."
    for feature in product.features.values():
        if feature.compute is None:
            yield from _named(f"feature {feature.name!r}: of_codes", feature.of_codes, product.signals, "signal")


def _monitors(product: ProductType) -> Iterator[str]:
    seen: set[str] = set()
    for monitor in product.monitors:
        row = f"monitor {monitor.name!r}"
        if monitor.name in seen:
            yield f"{row} is there twice: give one of the two another name."
        seen.add(monitor.name)
        yield from _named(f"{row}: component", monitor.component, product.components, "component")
        if not isinstance(monitor, Silence):
            yield from _of_readings(row, monitor, product)
    for mode in product.modes:
        for name in sorted(mode.suppresses):
            yield from _named(f"mode {mode.name!r}: suppresses", name, seen, "monitor")
    for name in product.chatters:
        yield from _named("chatters", name, seen, "monitor")


def _of_readings(row: str, monitor: OfReadings, product: ProductType) -> Iterator[str]:
    yield from _named(f"{row}: feature", monitor.feature, product.features, "feature")
    feature = product.features.get(monitor.feature)
    if feature is not None:
        yield from _kind_fits(row, monitor, feature)
    if isinstance(monitor, Reported) and bool(monitor.codes) == bool(monitor.unless):
        yield f"{row} has {'both' if monitor.codes else 'neither'} codes and unless: give it one of the two."
    side = getattr(monitor, "side", "above")
    if side not in (allowed := _SIDES.get(type(monitor).__name__, ("above", "below", "either"))):
        yield f"{row}: side is {side!r}: write {' or '.join(map(repr, allowed))}."
    elif not isinstance(monitor, Reported | Stuck | Misread):
        yield from _hysteresis(row, monitor.limit, monitor.clear, isinstance(monitor, Limit) and side == "below")
    if isinstance(monitor, MinimumFlow | Stuck) and not monitor.unit:
        yield f"{row} says a value without a unit: give it the unit as people read it."
    for name in ("on_delay_s", "off_delay_s"):
        if not (delay_s := float(getattr(monitor, name))) >= 0:
            yield f"{row}: {name} is {delay_s:g}: give 0 or more seconds."


def _kind_fits(row: str, monitor: Monitor, feature: Feature) -> Iterator[str]:
    if feature.compute is None and not isinstance(monitor, Reported):
        yield f"{row} watches numbers, and feature {feature.name!r} is of codes: watch it by a Reported, or name another."
    if feature.compute is not None and isinstance(monitor, Reported):
        yield f"{row} watches codes, and feature {feature.name!r} is of numbers: name a feature with of_codes."
    if isinstance(monitor, Peer | Misread) and not feature.element:
        yield f"{row} compares elements, and feature {feature.name!r} has none: say what one is called by its element."


def _hysteresis(row: str, limit: float, clear: float, is_below: bool) -> Iterator[str]:
    if is_below and not clear >= limit:
        yield f"{row}: clear is {clear:g} and limit {limit:g}: what is wrong below its limit is well at or above it."
    if not is_below and not clear <= limit:
        yield f"{row}: clear is {clear:g} and limit {limit:g}: what is wrong above its limit is well at or below it."


def _faults(product: ProductType) -> Iterator[str]:
    monitors = {monitor.name: monitor for monitor in product.monitors}
    for key, fault in product.faults.items():
        row = f"fault {fault.code!r}"
        if key != fault.code:
            yield f"{row} stands under the key {key!r}: use its code as the key."
        yield from _named(f"{row}: component", fault.component, product.components, "component")
        for name, often in fault.shows.items():
            yield from _named(f"{row}: shows", name, monitors, "monitor")
            if name in monitors and monitors[name].component != fault.component:
                yield f"{row} of {fault.component!r} shows {name!r} of {monitors[name].component!r}: name one of its own."
            if not 0 < often < 1:
                yield f"{row} shows {name!r} with probability {often:g}: give more than 0 and less than 1."
        if fault.code not in product.remedies:
            yield f"{row} has no remedy: add one, or one with why_none that says why there is none."
    for code in product.remedies:
        yield from _named("remedies", code, product.faults, "fault")


def _seen(product: ProductType) -> Iterator[str]:
    monitors = {monitor.name for monitor in product.monitors}
    for name, plot in product.plots.items():
        yield from _named("plots", name, monitors, "monitor")
        yield from _named(f"plot of {name!r}: signal", plot.signal, product.signals, "signal")
    for check in product.checks:
        yield from _named(f"check {check.name!r}: component", check.component, product.components, "component")
        for code in check.yes:
            yield from _named(f"check {check.name!r}: yes", code, product.faults, "fault")
    for code, ladder in product.ladders.items():
        yield from _named("ladders", code, product.faults, "fault")
        for rung in ladder:
            for name in rung.proof:
                yield from _named(f"rung {rung.name!r}: proof", name, monitors, "monitor")
            for need in rung.needs:
                yield from _named(f"rung {rung.name!r}: needs", need.signal, product.signals, "signal")


def _named(row: str, name: str, there: Collection[str], what: str) -> Iterator[str]:
    if name not in there:
        known = ", ".join(sorted(there)) or "none"
        yield f"{row} names {name!r}, which is no {what} (there are: {known}): correct the name, or declare the {what}."
