"""Rules: what of a product's tables decides about one component, as a document that can be hashed, kept and compared.

Words for people are left out: another wording is no other rule. What a feature's function computes is code, and is not
part of it; a receipt names the program's own hash for that.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final, cast

from devices.monitors import Monitor, Silence
from devices.product import Feature, ProductType

# Words for people.
_WORDS: Final = frozenset({"title", "owner_text", "question", "made_of", "why_none"})


def of_component(product: ProductType, component: str) -> dict[str, Any]:
    """Return the rules by which a component is watched and diagnosed.

    Parameters
    ----------
    product : ProductType
        Its monitors, faults, features and remedies.
    component : str
        Of which component; rules about others do not decide about it.
    """
    monitors = [monitor for monitor in product.monitors if monitor.component == component]
    faults = [fault for fault in product.faults.values() if fault.component == component]
    names = sorted({monitor.feature for monitor in monitors if not isinstance(monitor, Silence)})
    return {
        "product": product.name,
        "component": component,
        "cadence_s": product.cadence_s,
        "lateness_s": product.lateness_s,
        "monitors": {monitor.name: declared(monitor) for monitor in monitors},
        "features": {name: _feature(product.features[name]) for name in names},
        "faults": {fault.code: _row(fault) for fault in faults},
        "remedies": {
            fault.code: _row(remedy) | {"is_there": not remedy.why_none}
            for fault in faults
            if (remedy := product.remedies.get(fault.code)) is not None
        },
        "reliability": _row(product.reliability),
        "checks": {check.name: _row(check) for check in product.checks if check.component == component},
    }


def declared(monitor: Monitor) -> dict[str, Any]:
    """Return the declared numbers of a monitor, with the kind that it is."""
    return {"kind": type(monitor).__name__} | _row(monitor)


def watched(monitor: Monitor) -> str:
    """Return the feature that a monitor looks at; silence looks at none."""
    return "" if isinstance(monitor, Silence) else monitor.feature


def _feature(feature: Feature) -> dict[str, Any]:
    return {"unit": feature.unit, "element": feature.element, "of_codes": feature.of_codes}


def _row(row: Any) -> dict[str, Any]:
    return {each.name: _json(getattr(row, each.name)) for each in fields(row) if each.name not in _WORDS}


def _json(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case bool() | int() | str() | None:
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case frozenset():
            return sorted(map(_json, cast("frozenset[Any]", value)))
        case Mapping():
            return {str(key): _json(each) for key, each in cast("Mapping[Any, Any]", value).items()}
        case tuple() | list():
            return [_json(each) for each in cast("Sequence[Any]", value)]
        case _ if is_dataclass(value):
            return _row(value)
        case _:
            raise TypeError(
                f"a rule holds {value!r}, for which a receipt has no form: name one in diagnostics/rules.py"
            )
