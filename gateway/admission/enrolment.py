"""Enrolment: a device comes to the desk, and gets its partition, its topics and its credentials, which are shown once."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from psycopg.errors import UniqueViolation
from pydantic import (
    AfterValidator,
    AliasGenerator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from devices.identity import Identity, IdentityError, checked_name, partition_of
from devices.products import UnknownProductError, product_type
from gateway.admission.certificates import CertificateError, Issued, Signer
from gateway.admission.credentials import Grant, Password, take_away, wait_for_broker
from gateway.authority.request import LONGEST_PEM
from gateway.errors import CalloutError
from gateway.owners.owning import sign
from gateway.storage.connection import Connection, tenant_transaction
from gateway.storage.findings import one
from gateway.storage.lacking import lacking
from workflows.mandate import Clause
from workflows.money import Money

# The embedded broker takes a new account in milliseconds; longer than this, it has none or is away.
BROKER_WAIT_S: Final = 3.0
_EMAIL: Final = re.compile(r"[^@\s<>\x00-\x1f]+@[^@\s<>\x00-\x1f]+")


class EnrolmentError(CalloutError):
    """The device cannot be enrolled; `kind` is for the HTTP status."""

    def __init__(self, message: str, kind: Literal["conflict", "unknown", "invalid"]) -> None:
        super().__init__(message)
        self.kind = kind


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone such as 'Asia/Seoul'") from error
    return name


def _checked_email(text: str) -> str:
    """Refuse what a message could not be addressed to: it would be found out only when the message is written."""
    wrong = f"{text!r} is not an e-mail address such as 'kim@mail.example'"
    if not _EMAIL.fullmatch(text):
        raise ValueError(wrong)
    try:
        Address(addr_spec=text)
    except (ValueError, LookupError, AttributeError, HeaderParseError) as error:
        raise ValueError(wrong) from error
    return text


def _checked_currency(code: str) -> str:
    Money(0, code)
    return code


Name = Annotated[str, AfterValidator(lambda name: checked_name(name, "name"))]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Zone = Annotated[str, AfterValidator(_checked_zone)]
CertificateRequest = Annotated[str, StringConstraints(max_length=LONGEST_PEM)]
Email = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(_checked_email),
    # For those who read the schema; what is wrong with an address is said in words by the validator.
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel), populate_by_name=True, extra="forbid", frozen=True
    )


class OwnerIn(_Model):
    """The person who owns the device; known by e-mail within a tenant."""

    name: Text
    email: Email
    language: Literal["en", "ko", "ja"] = "en"
    time_zone: Zone = "UTC"


class PlaceIn(_Model):
    """Where the device lives."""

    name: Text = ""
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    time_zone: Zone = "UTC"


class LimitIn(_Model):
    """An amount of money: whole minor units (cents of EUR, won of KRW) and the currency's ISO 4217 code."""

    minor: int = Field(ge=0, le=10**12)
    currency: Annotated[str, AfterValidator(_checked_currency)]


class MandateIn(_Model):
    """What the owner signed that his device may have done by itself."""

    clauses: frozenset[Clause] = Field(min_length=1)
    reserve_part_up_to: LimitIn | None = Field(None, description="Left out: whatever the part costs.")
    expires_at: AwareDatetime | None = None

    def signed(self) -> dict[Clause, Money | None]:
        """Return the clauses with the amounts up to which they hold."""
        up_to = self.reserve_part_up_to
        limit = None if up_to is None else Money(up_to.minor, up_to.currency)
        return {clause: limit if clause is Clause.RESERVE_PART else None for clause in self.clauses}


class EnrolmentRequest(_Model):
    """What has to be known of a device to enrol it."""

    tenant: Name
    product: Name
    serial: Annotated[Text, StringConstraints(min_length=1)]
    device: Name | None = Field(None, description="Name in topics; the serial if left out.")
    model: Text = ""
    firmware: Text = ""
    owner: OwnerIn
    place: PlaceIn = PlaceIn()
    warranty_until: date | None = None
    mandate: MandateIn | None = Field(
        None, description="What the owner signed; left out, nothing: a person decides each step until he signs."
    )
    certificate_request: CertificateRequest | None = Field(
        None, description="PKCS #10 in PEM form: the device gets a certificate for its key instead of a password."
    )


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An enrolled device with its new credentials; `is_in_broker` says that it can log in now.

    It has a password, which is stored nowhere, or a certificate; the password is empty then.
    """

    identity: Identity
    password: str
    is_in_broker: bool
    certificate: Issued | None = None


def enrol(
    connection: Connection,
    request: EnrolmentRequest,
    *,
    wait_s: float = BROKER_WAIT_S,
    signer: Signer | None = None,
) -> Enrolled:
    """Enrol a device, and wait up to `wait_s` seconds until the broker knows it.

    One that sends a certificate request gets a certificate of `signer`; the broker need not be told of it.

    Raises
    ------
    EnrolmentError
        When the tenant or product is unknown or has no tables yet, the name cannot be used, the device or serial is there already, or the
        certificate request cannot be signed.
    """
    try:
        product = product_type(request.product)
        device = checked_name(request.device or request.serial, "device")
    except (UnknownProductError, IdentityError) as error:
        raise EnrolmentError(str(error), "invalid") from error
    if unserved := lacking(connection, [product]).get(product.name):
        raise EnrolmentError(unserved, "invalid")
    tenant_id = tenant_named(connection, request.tenant)
    identity = Identity(partition_of(request.tenant, device), request.tenant, device)
    grant = _grant(identity, request.certificate_request, signer)
    try:
        with tenant_transaction(connection, tenant_id):
            _check_staff(connection, request.tenant)
            owner_id = _owner(connection, request.owner)
            device_id = _device(connection, request, identity, owner_id)
            if request.mandate is not None:
                sign(
                    connection,
                    device_id=device_id,
                    owner_id=owner_id,
                    clauses=request.mandate.signed(),
                    signed_by="enrolment",
                    now=datetime.now(UTC),
                    expires_at=request.mandate.expires_at,
                )
            given = grant.give(connection, device_id)
    except UniqueViolation as error:
        what = "serial" if error.diag.constraint_name == "serial_is_enrolled_once" else "name"
        raise EnrolmentError(
            f"a device with this {what} is enrolled already ({request.serial if what == 'serial' else device!r} of "
            f"tenant {request.tenant!r}). Re-issue its credentials instead, or enrol under another {what}.",
            "conflict",
        ) from error
    return _enrolled(connection, tenant_id, identity, given, wait_s)


def reissue(
    connection: Connection,
    tenant: str,
    device: str,
    *,
    certificate_request: str | None = None,
    wait_s: float = BROKER_WAIT_S,
    signer: Signer | None = None,
) -> Enrolled:
    """Give a device a new password, or a certificate of `signer` for its request; what it had stops working.

    Raises
    ------
    EnrolmentError
        When there is no such device, it is retired, or the request cannot be signed.
    """
    tenant_id = tenant_named(connection, tenant)
    with tenant_transaction(connection, tenant_id):
        device_id, identity = _find(connection, tenant, device)
        _lock_in_service(connection, device_id, device)
        grant = _grant(identity, certificate_request, signer)
        take_away(connection, device_id, "reissued", datetime.now(UTC))
        given = grant.give(connection, device_id)
    return _enrolled(connection, tenant_id, identity, given, wait_s)


def revoke(connection: Connection, tenant: str, device: str) -> None:
    """Take a device's credentials away; it can come back by `reissue`.

    Raises
    ------
    EnrolmentError
        When there is no such device.
    """
    tenant_id = tenant_named(connection, tenant)
    with tenant_transaction(connection, tenant_id):
        device_id, _ = _find(connection, tenant, device)
        take_away(connection, device_id, "revoked", datetime.now(UTC))


def move(connection: Connection, tenant: str, device: str, place: PlaceIn) -> None:
    """Write down where a device lives now; visits that are promised already keep the place that they were promised for.

    A place without a name keeps the name that it had.

    Raises
    ------
    EnrolmentError
        When the tenant or the device is unknown.
    """
    with tenant_transaction(connection, tenant_named(connection, tenant)):
        device_id, _ = _find(connection, tenant, device)
        connection.execute(
            """UPDATE device SET place_name = coalesce(nullif(%(name)s, ''), place_name), latitude = %(latitude)s, longitude = %(longitude)s
            WHERE device_id = %(device_id)s""",
            {"name": place.name, "latitude": place.latitude, "longitude": place.longitude, "device_id": device_id},
        )


def tenant_named(connection: Connection, name: str) -> int:
    """Return the id of a tenant.

    Raises
    ------
    EnrolmentError
        When there is none of this name.
    """
    row = connection.execute("SELECT tenant_id FROM tenant WHERE name = %s", [name]).fetchone()
    if row is None:
        raise EnrolmentError(f"there is no tenant {name!r}: create it with 'callout configure FILE'", "unknown")
    return row[0]


def _check_staff(connection: Connection, tenant: str) -> None:
    if connection.execute("SELECT FROM staff LIMIT 1").fetchone() is None:
        raise EnrolmentError(
            f"tenant {tenant!r} has no staff who could own a case: add one with 'callout configure FILE'", "invalid"
        )


def _owner(connection: Connection, owner: OwnerIn) -> int:
    return one(
        connection.execute(
            """INSERT INTO owner (name, email, language, time_zone) VALUES (%s, %s, %s, %s)
            ON CONFLICT ON CONSTRAINT owner_is_known_by_one_email
            DO UPDATE SET name = EXCLUDED.name, language = EXCLUDED.language, time_zone = EXCLUDED.time_zone
            RETURNING owner_id""",
            [owner.name, owner.email.lower(), owner.language, owner.time_zone],
        ).fetchone()
    )


def _device(connection: Connection, request: EnrolmentRequest, identity: Identity, owner_id: int) -> int:
    return one(
        connection.execute(
            """INSERT INTO device (name, partition, product, serial, model, firmware, owner_id, place_name, latitude,
                longitude, time_zone, warranty_until)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING device_id""",
            [
                identity.device,
                identity.partition,
                request.product,
                request.serial,
                request.model,
                request.firmware,
                owner_id,
                request.place.name,
                request.place.latitude,
                request.place.longitude,
                request.place.time_zone,
                request.warranty_until,
            ],
        ).fetchone()
    )


def _find(connection: Connection, tenant: str, device: str) -> tuple[int, Identity]:
    row = connection.execute("SELECT device_id, partition FROM device WHERE name = %s", [device]).fetchone()
    if row is None:
        raise EnrolmentError(f"tenant {tenant!r} has no device {device!r}", "unknown")
    return row[0], Identity(row[1], tenant, device)


def _lock_in_service(connection: Connection, device_id: int, device: str) -> None:
    """Let nobody else give this device anything, or retire it, until the transaction ends."""
    row = connection.execute(
        "SELECT retired_at IS NOT NULL FROM device WHERE device_id = %s FOR NO KEY UPDATE", [device_id]
    ).fetchone()
    if row == (True,):
        raise EnrolmentError(
            f"device {device!r} is retired and gets no credentials: have a planner take it back first", "conflict"
        )


def _grant(identity: Identity, certificate_request: str | None, signer: Signer | None) -> Grant:
    try:
        return Grant.prepare(identity, certificate_request, signer)
    except CertificateError as error:
        raise EnrolmentError(str(error), "invalid") from error


def _enrolled(
    connection: Connection, tenant_id: int, identity: Identity, given: Password | Issued, wait_s: float
) -> Enrolled:
    return Enrolled(
        identity,
        given.text if isinstance(given, Password) else "",
        wait_for_broker(connection, tenant_id, given, wait_s),
        given if isinstance(given, Issued) else None,
    )
