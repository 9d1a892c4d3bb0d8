"""A device renews its certificate over HTTP: no token, its present key vouches for it. Errors are RFC 9457 problems."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import JSONResponse
from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from gateway.admission.certificates import CertificateError, signer, utc_now
from gateway.admission.enrolment import CertificateRequest
from gateway.api.devices import SettingsOf, told_certificate
from gateway.authority.folder import AuthorityError
from gateway.storage.connection import DatabaseUnreachableError, Role, connect

router = APIRouter(prefix="/api/v1", tags=["devices"])

# An RSA signature of 4096 bits in base64 has 684 characters.
Signature = Annotated[str, StringConstraints(max_length=1024)]


class Renewal(BaseModel):
    """What a device sends to renew: what it has, what it wants, and the proof that it has the key of what it has."""

    model_config = ConfigDict(alias_generator=AliasGenerator(alias=to_camel), extra="forbid", frozen=True)

    certificate: CertificateRequest = Field(description="The certificate that is in use, PEM.")
    certificate_request: CertificateRequest = Field(description="PKCS #10 for the new key, PEM.")
    signature: Signature = Field(
        description="Base64: the request's DER bytes, signed with SHA-256 by the key of the certificate in use."
    )


@router.post("/devices/{tenant}/{device}/certificate", status_code=201)
def renew_certificate(tenant: str, device: str, body: Renewal, settings: SettingsOf) -> Response:
    """Give a device a new certificate for the one it has; both are good until their ends. It can be asked again."""
    try:
        sign = signer(settings)
        with connect(settings.required("database_url"), Role.SERVE) as connection:
            issued = sign.renew(
                connection, tenant, device, body.certificate, body.certificate_request, body.signature, utc_now()
            )
    except CertificateError as error:
        status, title = (422, "Cannot be signed") if error.is_invalid else (403, "Not renewed")
        problem = {"type": "about:blank", "title": title, "status": status, "detail": str(error)}
        return JSONResponse(problem, status_code=status, media_type="application/problem+json")
    except (AuthorityError, DatabaseUnreachableError) as error:
        raise HTTPException(503, "The desk cannot sign now; try again later", {"Retry-After": "10"}) from error
    return JSONResponse({"username": issued.identity.username, **told_certificate(issued)}, status_code=201)
