"""The HTTP API of machines and their makers: enrolment, credentials, what a device renews by itself, and what suppliers say."""

from fastapi import APIRouter

from gateway.api import certificates, devices, suppliers

router = APIRouter()
for _module in (devices, certificates, suppliers):
    router.include_router(_module.router)

__all__ = ["router"]
