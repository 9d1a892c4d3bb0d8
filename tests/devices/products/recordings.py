"""A product's recorded messages: the small files in its folder's examples, named by their channel."""

from importlib import resources
from pathlib import Path

import pytest

from devices.product import MessageKind, ProductType
from devices.products import BrokenProductError, product_types
from devices.readings import Columns, Envelope


def every_product() -> dict[str, ProductType]:
    """All product types; a folder that makes none ends the collection with what is wrong in it, and nothing else."""
    try:
        return product_types()
    except BrokenProductError as error:
        raise pytest.Collector.CollectError(str(error)) from None


PRODUCTS = [pytest.param(product, id=name) for name, product in every_product().items()]
CHANNELS: tuple[MessageKind, ...] = ("telemetry", "event")


def folder(product: ProductType) -> Path:
    return Path(str(resources.files(f"devices.products.{product.name}")))


def examples(product: ProductType) -> list[tuple[MessageKind, bytes, str]]:
    """Recorded messages: the file's name begins with its channel."""
    found: list[tuple[MessageKind, bytes, str]] = []
    for path in sorted((folder(product) / "examples").iterdir()):
        channel = path.name.partition("-")[0]
        assert channel in CHANNELS, f"{path} has to begin with one of {CHANNELS}"
        found.append(("event" if channel == "event" else "telemetry", path.read_bytes(), path.name))
    return found


def decoded(product: ProductType) -> list[Envelope]:
    envelopes = [product.decode(payload, kind) for kind, payload, _ in examples(product)]
    return [envelope for envelope in envelopes if isinstance(envelope, Envelope)]


def columns(product: ProductType) -> Columns:
    rows = [sample.values for envelope in decoded(product) for sample in envelope.samples]
    return Columns({name: [row.get(name) for row in rows] for name in product.signals}, len(rows))
