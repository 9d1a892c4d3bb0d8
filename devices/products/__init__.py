"""Product types, found by their folders: a folder here that holds a `PRODUCT` is a product type, with no registry."""

import importlib
import pkgutil
import re
import traceback
from functools import cache
from pathlib import Path

from devices.errors import BrokenProductError, ProductError, UnknownProductError
from devices.product import ProductType
from devices.wrong_rows import wrong_rows

__all__ = ["BrokenProductError", "ProductError", "UnknownProductError", "product_type", "product_types"]


@cache
def product_types() -> dict[str, ProductType]:
    """Return every product type by name; each is made by ``devices/products/<name>/__init__.py``.

    Raises
    ------
    BrokenProductError
        When a folder makes none, or one whose rows do not fit each other; the message says which, and the next move.
    """
    return {folder.name: _made(folder.name) for folder in pkgutil.iter_modules(__path__) if folder.ispkg}


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
        raise UnknownProductError(
            f"product type {name!r} is not known; there are: {known}. Name one of these, or add the folder "
            f"devices/products/{name}."
        ) from None


def _made(name: str) -> ProductType:
    """Return the product type that a folder makes."""
    where = f"devices/products/{name}/__init__.py"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise BrokenProductError(
            f"the folder devices/products/{name} cannot name a product type: rename it to lower-case letters, digits and _."
        )
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except Exception as error:
        raise BrokenProductError(
            f"{_place(error, name)} cannot be loaded: {type(error).__name__}: {error}. Correct it there."
        ) from error
    product: object = getattr(module, "PRODUCT", None)
    if product is None:
        raise BrokenProductError(f"{where} has no PRODUCT: let it end with PRODUCT = ProductType(name={name!r}, ...).")
    if not isinstance(product, ProductType):
        raise BrokenProductError(f"PRODUCT in {where} is of {type(product).__name__}: make it a ProductType.")
    if product.name != name:
        raise BrokenProductError(
            f"PRODUCT in {where} is named {product.name!r}, and its folder {name!r}: give both the same name."
        )
    if wrong := list(wrong_rows(product)):
        raise BrokenProductError("\n".join(f"devices/products/{name}, {row}" for row in wrong))
    return product


def _place(error: Exception, name: str) -> str:
    """Return the file and line of a product's folder at which it broke."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"devices/products/{name}/{Path(error.filename).name}, line {error.lineno},"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).parent.name == name:
            return f"devices/products/{name}/{Path(frame.filename).name}, line {frame.lineno},"
    return f"devices/products/{name}"
