"""Suppliers: orders that go out to them, and the signed messages in which they say how an order stands."""
