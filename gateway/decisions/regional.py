"""Decisions about a region: their receipts kept, and made again from what is kept.

What was known of the region - who was quiet since when - is kept with the receipt, for presence goes on. Made again is
what follows of it; and each silence is held against its symptom, which the ticks of the server's clock have confirmed.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from devices.instants import to_us
from devices.product import ProductType
from devices.products import UnknownProductError, product_type
from diagnostics import regional_receipt
from diagnostics.conditions import BoolArray
from diagnostics.receipt import Difference, canonical, differences, digest, read
from diagnostics.regional import Quietness, together
from gateway.decisions.engine import software
from gateway.storage import incidents, receipts
from gateway.storage.connection import Connection
from gateway.storage.receipts import Decision

_INSTANT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


def keep(
    connection: Connection,
    *,
    incident_id: int,
    product: ProductType,
    region: int,
    quietness: Quietness,
    is_together: BoolArray,
    now: datetime,
) -> int:
    """Write the receipt of a decision by which devices are an incident's, and return the number of the decision."""
    rules = regional_receipt.rules(product)
    document = regional_receipt.build(
        decided_us=to_us(now),
        software=software(),
        region=region,
        rules=rules,
        rules_sha256=receipts.keep_content(connection, canonical(rules)),
        grounds_sha256=receipts.keep_content(connection, regional_receipt.grounds(quietness)),
        quietness=quietness,
        is_together=is_together,
    )
    return receipts.add_regional(
        connection,
        incident_id=incident_id,
        component=product.silence.component if product.silence else "",
        outcome=document["outcome"]["kind"],
        rules_sha256=document["rules_sha256"],
        receipt=canonical(document),
        now=now,
    )


def regional_differences(connection: Connection, decision: Decision) -> tuple[list[Difference], Mapping[str, str]]:
    """Make a decision about a region again; return how it differs from its receipt, and what decided it then."""
    try:
        told = read(decision.receipt)
        found = list(_differences(connection, decision, told))
        return found, told["software"]
    except (ValueError, KeyError, TypeError) as error:
        return [Difference("receipt", f"cannot be read: {error!r}", None)], {}


def _differences(connection: Connection, decision: Decision, told: Mapping[str, Any]) -> Iterator[Difference]:
    found_sha256 = hashlib.sha256(decision.receipt).hexdigest()
    if found_sha256 != decision.sha256:
        yield Difference("sha256", decision.sha256, found_sha256)
    try:
        product = product_type(told["product"])
    except UnknownProductError:
        yield Difference("product", told["product"], None)
        return
    rules, grounds_sha256 = regional_receipt.rules(product), told["grounds_sha256"]
    kept = receipts.contents(connection, {decision.rules_sha256, grounds_sha256})
    before = kept.get(decision.rules_sha256)
    yield from differences(read(before) if before else None, read(canonical(rules)), "rules")
    if grounds_sha256 not in kept:
        yield Difference("kept_content", grounds_sha256, None)
        return
    quietness = regional_receipt.quietness_of(kept[grounds_sha256])
    is_together = together(quietness)
    made = regional_receipt.build(
        decided_us=to_us(datetime.strptime(told["decided_at"], _INSTANT).replace(tzinfo=UTC)),
        software=told["software"],
        region=told["region"],
        rules=rules,
        rules_sha256=digest(rules),
        grounds_sha256=hashlib.sha256(regional_receipt.grounds(quietness)).hexdigest(),
        quietness=quietness,
        is_together=is_together,
    )
    if canonical(made) != decision.receipt:
        yield from differences(told, read(canonical(made)))
    yield from _unconfirmed(connection, product, quietness)


def _unconfirmed(connection: Connection, product: ProductType, quietness: Quietness) -> Iterator[Difference]:
    """Give the silences that no symptom says."""
    if product.silence is None:
        return
    known = incidents.silences_of(connection, quietness.device_ids.tolist(), product.silence.name)
    for device_id, since_us in zip(quietness.device_ids.tolist(), quietness.since_us.tolist(), strict=True):
        if (device_id, since_us) not in known:
            yield Difference(f"silences[{device_id}]", since_us, None)
