"""What is wrong with a product type, in a sentence that says the next move; apart, so that it loads nothing."""


class ProductError(Exception):
    """A product type cannot be used."""


class UnknownProductError(ProductError, LookupError):
    """A product type that has no folder."""


class BrokenProductError(ProductError):
    """A folder of products that makes no product type, or one whose rows do not fit each other."""
