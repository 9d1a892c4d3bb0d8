"""The HTTP API of machines and their makers: enrolment, credentials, and what a device renews by itself."""

from fastapi import APIRouter

from gateway.api import certificates, devices

router = APIRouter()
for _module in (devices, certificates):
    router.include_router(_module.router)

__all__ = ["router"]
