"""Devices over HTTP: enrol one, give it new credentials, take them away. Errors are RFC 9457 problems."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Body, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from gateway.admission.certificates import CertificateError, Issued, Signer, signer
from gateway.admission.enrolment import (
    CertificateRequest,
    Enrolled,
    EnrolmentError,
    EnrolmentRequest,
    enrol,
    reissue,
    revoke,
)
from gateway.authority.folder import AuthorityError
from gateway.settings import ServerAddress, Settings, load_settings
from gateway.storage.connection import Connection, DatabaseUnreachableError, Role, connect

router = APIRouter(prefix="/api/v1", tags=["devices"])

_STATUS = {"conflict": 409, "unknown": 404, "invalid": 422}


def _settings(request: Request) -> Settings:
    given = getattr(request.app.state, "settings", None)
    return given if isinstance(given, Settings) else load_settings()


SettingsOf = Annotated[Settings, Depends(_settings)]


def _authorized(request: Request, settings: SettingsOf) -> Settings:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expected = settings.required("api_token")
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected.encode()):
        raise HTTPException(
            401, "The bearer token is missing or wrong: it is the setting api_token", {"WWW-Authenticate": "Bearer"}
        )
    return settings


Authorized = Annotated[Settings, Depends(_authorized)]


def _connection(settings: Settings) -> Connection:
    try:
        return connect(settings.required("database_url"), Role.SERVE)
    except DatabaseUnreachableError as error:
        raise HTTPException(503, "The database does not answer; try again later", {"Retry-After": "10"}) from error


@router.post("/devices", status_code=201)
def enrol_device(body: EnrolmentRequest, settings: Authorized) -> Response:
    """Enrol a device; its credentials are in the answer and nowhere else."""
    try:
        with _connection(settings) as connection:
            enrolled = enrol(connection, body, signer=signer_for(body.certificate_request, settings))
    except EnrolmentError as error:
        return _problem(error)
    return JSONResponse(told(enrolled, settings), status_code=201, headers={"Cache-Control": "no-store"})


@router.post("/devices/{tenant}/{device}/credentials", status_code=201)
def reissue_credentials(
    tenant: str,
    device: str,
    settings: Authorized,
    certificate_request: Annotated[
        CertificateRequest | None,
        Body(alias="certificateRequest", embed=True, description="PKCS #10 in PEM form, for a certificate."),
    ] = None,
) -> Response:
    """Give a device new credentials, a password or a certificate; the old ones stop working."""
    try:
        with _connection(settings) as connection:
            sign = signer_for(certificate_request, settings)
            enrolled = reissue(connection, tenant, device, certificate_request=certificate_request, signer=sign)
    except EnrolmentError as error:
        return _problem(error)
    return JSONResponse(told(enrolled, settings), status_code=201, headers={"Cache-Control": "no-store"})


@router.delete("/devices/{tenant}/{device}/credentials", status_code=204)
def revoke_credentials(tenant: str, device: str, settings: Authorized) -> Response:
    """Take a device's credentials away."""
    try:
        with _connection(settings) as connection:
            revoke(connection, tenant, device)
    except EnrolmentError as error:
        return _problem(error)
    return Response(status_code=204)


def told(enrolled: Enrolled, settings: Settings) -> dict[str, object]:
    """Return the answer to an enrolment: names, credentials, topics, and where the broker is."""
    issued = enrolled.certificate
    broker = ServerAddress.parse(settings.certificate_broker_url) if issued else settings.device_broker
    return {
        "tenant": enrolled.identity.tenant,
        "device": enrolled.identity.device,
        "partition": enrolled.identity.partition,
        "credentials": {
            "username": enrolled.identity.username,
            **(told_certificate(issued) if issued else {"password": enrolled.password}),
        },
        "topics": enrolled.identity.topics(),
        "broker": {"host": broker.host, "port": broker.port, "tls": broker.tls},
        "isInBroker": enrolled.is_in_broker,
    }


def told_certificate(issued: Issued) -> dict[str, object]:
    """Return a certificate as it is told: itself, whom to trust, and its end."""
    return {"certificate": issued.certificate, "trusted": issued.trusted, "endsAt": issued.ends_at.isoformat()}


def signer_for(certificate_request: str | None, settings: Settings) -> Signer | None:
    """Return who signs a request; None where there is none.

    Raises
    ------
    EnrolmentError
        The desk has no door for certificates, or its authority cannot be used.
    """
    try:
        return signer(settings) if certificate_request is not None else None
    except (CertificateError, AuthorityError) as error:
        raise EnrolmentError(str(error), "invalid") from error


def _problem(error: EnrolmentError) -> Response:
    titles = {"conflict": "Already enrolled", "unknown": "Not found", "invalid": "Cannot be enrolled"}
    status = _STATUS[error.kind]
    body = {"type": "about:blank", "title": titles[error.kind], "status": status, "detail": str(error)}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")
