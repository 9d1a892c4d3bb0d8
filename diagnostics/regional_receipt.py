"""The evidence receipt of a decision about a region: which silences were one, by which figures, as one JSON document.

Like the receipt of a device's decision it is made of what was decided and of digests of what it was decided from: who was
quiet since when is kept beside it as named arrays, under their own hash. It does not know where that is.
"""

from typing import Any, Final

import numpy as np

from devices.product import ProductType
from diagnostics.conditions import BoolArray
from diagnostics.receipt import Json, instant
from diagnostics.regional import FEWEST, LARGE_SHARE, MANY, Quietness
from diagnostics.state import Array, pack, unpack

SCHEMA: Final = "callout.regional-receipt/1"


def rules(product: ProductType) -> dict[str, Any]:
    """Return the rules by which devices of a product that fall silent are a region's incident."""
    return {
        "product": product.name,
        "fewest": FEWEST,
        "large_share": LARGE_SHARE,
        "many": MANY,
        "late_after_s": product.late_after_s,
    }


def grounds(quietness: Quietness) -> bytes:
    """Return what was known as bytes that a receipt cites; see `quietness_of`."""
    arrays: dict[str, Array] = {
        "device_ids": quietness.device_ids,
        "since_us": quietness.since_us,
        "quiet_us": np.sort(quietness.quiet_us),
        "alive": np.array([quietness.alive], dtype=np.int64),
        "window_us": np.array([quietness.window_us], dtype=np.int64),
        "incident_since_us": np.array(
            [] if quietness.incident_since_us is None else [quietness.incident_since_us], dtype=np.int64
        ),
    }
    return pack(arrays)


def quietness_of(content: bytes) -> Quietness:
    """Return what `grounds` made bytes of.

    Raises
    ------
    ValueError
        When the bytes are no such arrays.
    """
    arrays = unpack(content)
    try:
        since_us: list[int] = arrays["incident_since_us"].tolist()
        return Quietness(
            arrays["device_ids"],
            arrays["since_us"],
            arrays["quiet_us"],
            int(arrays["alive"][0]),
            int(arrays["window_us"][0]),
            since_us[0] if since_us else None,
        )
    except (KeyError, IndexError) as error:
        raise ValueError(f"these bytes do not say who was quiet: {error!r}") from error


def build(
    *,
    decided_us: int,
    software: Json,
    region: int,
    rules: Json,
    rules_sha256: str,
    grounds_sha256: str,
    quietness: Quietness,
    is_together: BoolArray,
) -> dict[str, Any]:
    """Return the receipt of a decision about a region.

    Parameters
    ----------
    decided_us : int
        The time of the decision, an input of it.
    software : Json
        What decided.
    region : int
        Number of the region.
    rules : Json
        As `rules` gives them.
    rules_sha256, grounds_sha256 : str
        Hashes of the rules' canonical bytes and of `grounds`.
    quietness : Quietness
        What was known.
    is_together : bool [n]
        Which devices are the incident's, as `together` said.
    """
    since_us, was_open = quietness.since_us[is_together], quietness.incident_since_us is not None
    return {
        "schema": SCHEMA,
        "decided_at": instant(decided_us),
        "product": rules["product"],
        "region": region,
        "software": dict(software),
        "rules": dict(rules),
        "rules_sha256": rules_sha256,
        "grounds_sha256": grounds_sha256,
        "incident_before": instant(quietness.incident_since_us) if quietness.incident_since_us is not None else None,
        "silent": len(quietness.device_ids),
        "quiet": len(quietness.quiet_us),
        "alive": quietness.alive,
        "outcome": {
            "kind": "joined" if was_open else "incident",
            "devices": quietness.device_ids[is_together].tolist(),
            "first_silent_at": instant(int(since_us.min())) if len(since_us) else None,
            "last_silent_at": instant(int(since_us.max())) if len(since_us) else None,
            "alone": quietness.device_ids[~is_together].tolist(),
        },
    }
