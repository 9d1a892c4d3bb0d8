"""The HTTP API of machines and their makers: enrolment, re-issue and revocation of credentials."""

from gateway.api.devices import router

__all__ = ["router"]
