"""Payments: deposits asked for, taken and given back through a payment provider; no card number ever comes here."""
