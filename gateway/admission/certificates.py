"""Certificates for devices: signed at enrolment, renewed by the device itself, taken back.

A device renews by showing the certificate that it has and signing the new request with its key: whoever listens on the
way learns nothing that he could use. A request that is sent again, by the device or by anybody, is answered with the
same certificate, and is worth something only to who has its key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from devices.identity import CHANNELS, ROOT, Identity, IdentityError, parse_topic
from gateway.authority.folder import Authority, open_authority
from gateway.authority.issuer import LONGEST_NAME, common_name
from gateway.authority.request import BadRequest, KeyRequest, is_signed_by, read_certificate, read_request
from gateway.errors import CalloutError
from gateway.settings import Settings
from gateway.storage import certificates
from gateway.storage.certificates import CertificateRow
from gateway.storage.connection import Connection, tenant_transaction


class CertificateError(CalloutError):
    """No certificate is given; `is_invalid` where the request itself is at fault, else it is not the sender's right."""

    def __init__(self, message: str, *, is_invalid: bool) -> None:
        super().__init__(message)
        self.is_invalid = is_invalid


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was given out, and what its holder has to trust; both PEM."""

    identity: Identity
    certificate: str
    trusted: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs for devices: the desk's authority, and for how long."""

    authority: Authority
    life: timedelta

    def check(self, csr: str, identity: Identity) -> KeyRequest:
        """Check a request and the name that it would be signed for, before anything is changed.

        Raises
        ------
        CertificateError
            It cannot be signed.
        """
        if len(identity.username) > LONGEST_NAME:
            raise CertificateError(
                f"the device's name {identity.username!r} has {len(identity.username)} characters, and a certificate holds "
                f"{LONGEST_NAME}. Enrol it under a shorter name, or without a certificate request: it gets a password.",
                is_invalid=True,
            )
        match read_request(csr):
            case BadRequest(reason):
                raise CertificateError(reason, is_invalid=True)
            case KeyRequest() as request:
                return request

    def issue(
        self, connection: Connection, device_id: int, identity: Identity, request: KeyRequest, now: datetime
    ) -> Issued:
        """Sign a checked request, and keep what was signed; within a transaction of the device's tenant."""
        issuer = self.authority.issuer
        signed = issuer.device_certificate(identity, request.key, now=now, life=self.life)
        certificates.insert(
            connection,
            CertificateRow(
                device_id=device_id,
                serial=f"{signed.serial_number:x}",
                authority_fingerprint=issuer.fingerprint,
                fingerprint=signed.fingerprint(hashes.SHA256()),
                key_fingerprint=request.key_fingerprint,
                certificate=signed.public_bytes(serialization.Encoding.DER),
                issued_at=now,
                ends_at=signed.not_valid_after_utc,
            ),
        )
        return self._told(identity, signed)

    def renew(
        self, connection: Connection, tenant: str, device: str, shown: str, csr: str, signature: str, now: datetime
    ) -> Issued:
        """Give a device that shows its valid certificate a new one for the key in its request.

        The certificate that is shown counts until its end; others of the device are taken back. A request that was
        answered already is answered in the same way.

        Parameters
        ----------
        connection
            In the role of `serve`.
        tenant, device
            Who the device says it is.
        shown, csr
            Its certificate and its new request, PEM.
        signature
            Base64 of the signature over the request's DER bytes with SHA-256, by the key of the certificate.
        now
            The present instant.

        Raises
        ------
        CertificateError
            Something of it is not as it has to be.
        """
        certificate, identity = self._checked(shown, tenant, device)
        request = self.check(csr, identity)
        if not is_signed_by(certificate, request.der, signature):
            raise CertificateError(
                "the signature is not of the shown certificate's key over the request's DER bytes with SHA-256. Make it "
                "with: openssl req -in new.csr -outform DER | openssl dgst -sha256 -sign device.key | openssl base64 -A",
                is_invalid=False,
            )
        with tenant_transaction(connection, _tenant_id(connection, identity)):
            device_id = _lock_device(connection, identity)
            kept = certificates.of_device(connection, device_id)
            fingerprint = certificate.fingerprint(hashes.SHA256())
            _check_counts(fingerprint, kept, now)
            if (there := _answered(request, kept, now)) is not None:
                return self._told(identity, there)
            issued = self.issue(connection, device_id, identity, request, now)
            new = x509.load_pem_x509_certificate(issued.certificate.encode()).fingerprint(hashes.SHA256())
            certificates.revoke(connection, device_id, because="superseded", now=now, but=(fingerprint, new))
            return issued

    def _checked(self, shown: str, tenant: str, device: str) -> tuple[x509.Certificate, Identity]:
        """Read what is shown, and see that we have signed it for this device."""
        match read_certificate(shown):
            case BadRequest(reason):
                raise CertificateError(reason, is_invalid=True)
            case x509.Certificate() as certificate:
                pass
        if self.authority.signer_of(certificate) is None:
            raise CertificateError(
                f"the shown certificate was signed by {certificate.issuer.rfc4514_string()!r}, which is not this desk's "
                "authority. Show the one that the desk gave, or have new credentials issued.",
                is_invalid=False,
            )
        name = common_name(certificate)
        try:
            identity, _ = parse_topic(f"{ROOT}/{name}/{CHANNELS[0]}")
        except IdentityError as error:
            raise CertificateError(
                f"the shown certificate is of {name!r}, which is no device", is_invalid=False
            ) from error
        if (identity.tenant, identity.device) != (tenant, device):
            raise CertificateError(
                f"the shown certificate is of {name!r}, not of {device!r} of tenant {tenant!r}. A device renews its own only.",
                is_invalid=False,
            )
        return certificate, identity

    def _told(self, identity: Identity, certificate: x509.Certificate) -> Issued:
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
        return Issued(identity, pem, self.authority.trusted, certificate.not_valid_after_utc)


def signer(settings: Settings) -> Signer:
    """Return who signs for devices.

    Raises
    ------
    CertificateError
        There is no door for devices with certificates, or no authority that could sign.
    """
    if not settings.certificate_broker_url:
        raise CertificateError(
            "this desk has no door for devices with certificates. Enrol without a certificate request, which gives a "
            "password; or set CALLOUT_CERTIFICATE_BROKER_URL to the broker's listener that takes certificates.",
            is_invalid=True,
        )
    return Signer(open_authority(settings.authority_folder), timedelta(days=settings.certificate_days))


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def _tenant_id(connection: Connection, identity: Identity) -> int:
    row = connection.execute("SELECT tenant_id FROM tenant WHERE name = %s", [identity.tenant]).fetchone()
    if row is None:
        raise _unknown(identity)
    return int(row[0])


def _lock_device(connection: Connection, identity: Identity) -> int:
    """Return the device's id; its other renewals wait until this one is done."""
    row = connection.execute(
        """SELECT device_id FROM device
        WHERE tenant_id = current_tenant() AND name = %s AND partition = %s AND retired_at IS NULL FOR UPDATE""",
        [identity.device, identity.partition],
    ).fetchone()
    if row is None:
        raise _unknown(identity)
    return int(row[0])


def _check_counts(fingerprint: bytes, kept: Sequence[CertificateRow], now: datetime) -> None:
    row = next((each for each in kept if each.fingerprint == fingerprint), None)
    again = "Have new credentials issued: `callout reissue`, or POST .../credentials."
    if row is None:
        raise CertificateError(
            f"the shown certificate is not among those this desk has given. {again}", is_invalid=False
        )
    if row.revoked_at is not None:
        told = f"the shown certificate was taken back at {row.revoked_at:%Y-%m-%dT%H:%M:%SZ} ({row.revoked_because})"
        raise CertificateError(f"{told}. {again}", is_invalid=False)
    if row.ends_at <= now:
        told = f"the shown certificate has ended at {row.ends_at:%Y-%m-%dT%H:%M:%SZ}"
        raise CertificateError(f"{told}; it can be renewed before its end only. {again}", is_invalid=False)


def _answered(request: KeyRequest, kept: Sequence[CertificateRow], now: datetime) -> x509.Certificate | None:
    """Return what the same key was given already and still has most of its life before it.

    A key that was taken back gets nothing any more.
    """
    for row in kept:
        # A device that cannot make a second key renews the one that it has: superseded is no blame.
        if row.key_fingerprint != request.key_fingerprint or row.revoked_because == "superseded":
            continue
        if row.revoked_at is not None:
            raise CertificateError(
                f"the certificate of this key was taken back at {row.revoked_at:%Y-%m-%dT%H:%M:%SZ}. Make a new key, and "
                "send a request for that.",
                is_invalid=False,
            )
        if now < row.issued_at + (row.ends_at - row.issued_at) * 2 / 3:
            return x509.load_der_x509_certificate(row.certificate)
    return None


def _unknown(identity: Identity) -> CertificateError:
    return CertificateError(
        f"{identity.username!r} is not enrolled here, or is retired. Enrol it, or have a planner take it back.",
        is_invalid=False,
    )
