"""Product types, found by their folders: a folder here that holds a `PRODUCT` is a product type, with no registry."""

import importlib
import pkgutil
from functools import cache

from devices.product import ProductType


class UnknownProductError(LookupError):
    """A product type that has no folder."""


@cache
def product_types() -> dict[str, ProductType]:
    """Return every product type by name; each is made by ``devices/products/<name>/__init__.py``."""
    found: dict[str, ProductType] = {}
    for folder in pkgutil.iter_modules(__path__):
        if folder.ispkg:
            product = importlib.import_module(f"{__name__}.{folder.name}").PRODUCT
            if not isinstance(product, ProductType) or product.name != folder.name:
                raise UnknownProductError(f"folder {folder.name!r} of products has no PRODUCT of that name")
            found[product.name] = product
    return found


def product_type(name: str) -> ProductType:
    """Return one product type.

    Raises
    ------
    UnknownProductError
        When no folder has this name; the message lists those there are.
    """
    try:
        return product_types()[name]
    except KeyError:
        known = ", ".join(sorted(product_types()))
        raise UnknownProductError(f"product type {name!r} is not known; there are: {known}") from None
