"""One certificate authority and what it signs: certificates of devices and of the broker, and the revocation list.

It knows no file, database or network. A certificate for a device can be made for an `Identity` only, and an identity is
never the name of a service of ours; and should a name of a service be signed by mistake, the authority's own name
constraints make a broker refuse it.
"""

import ipaddress
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices.identity import Identity
from gateway.admission.broker_accounts import SERVICE_USERS

LONGEST_NAME: Final = 64
"""Most characters of a common name: ub-common-name of RFC 5280."""

AUTHORITY_LIFE: Final = timedelta(days=20 * 365)
BROKER_LIFE: Final = timedelta(days=365)
LIST_LIFE: Final = timedelta(days=7)
# Clocks of devices, and of the machines where the files are read, are not ours.
_BACKDATED: Final = timedelta(days=1)
_ORGANISATION: Final = "Callout"

DeviceKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that was taken back."""

    serial: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority: its certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, now: datetime) -> Self:
        """Make an authority that is good for 20 years from `now`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"Callout authority {secrets.token_hex(4)}")
        builder = (
            _certificate(name, name, key.public_key(), now, now + AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            # Not critical, against RFC 5280: small devices' TLS libraries know no name constraints and would refuse it.
            .add_extension(_constraints(), critical=False)
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate."""
        return self.certificate.fingerprint(hashes.SHA256())

    def has_signed(self, certificate: x509.Certificate) -> bool:
        """Tell whether a certificate carries this authority's name and signature."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def device_certificate(
        self, identity: Identity, key: DeviceKey, *, now: datetime, life: timedelta
    ) -> x509.Certificate:
        """Sign a device's key under its MQTT user name, for use as a client only.

        Raises
        ------
        ValueError
            The user name is longer than `LONGEST_NAME`.
        """
        builder = (
            _certificate(self.certificate.subject, _name(identity.username), key, now, now + life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256())

    def broker_certificate(
        self, names: Sequence[str], key: ec.EllipticCurvePublicKey, *, now: datetime
    ) -> x509.Certificate:
        """Sign the broker's key for the host names and addresses by which devices reach it, for use as a server only."""
        subject = _name(names[0][:LONGEST_NAME])
        builder = (
            _certificate(self.certificate.subject, subject, key, now, now + BROKER_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_host(name) for name in names]), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256())

    def revocation_list(self, revoked: Iterable[Revoked], *, now: datetime) -> x509.CertificateRevocationList:
        """Sign the list of what was taken back; it has to be replaced within `LIST_LIFE`, or nobody is let in."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _BACKDATED)
            .next_update(now + LIST_LIFE)
            .add_extension(self._key_identifier(), critical=False)
            .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        )
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(each.serial).revocation_date(each.at).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.key, hashes.SHA256())

    def _key_identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def common_name(certificate: x509.Certificate) -> str:
    """Return the common name, empty where there is not exactly one."""
    found = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return found[0] if len(found) == 1 else ""


def host_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names and addresses that a broker's certificate is for, in its order."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress))


def _certificate(
    issuer: x509.Name, subject: x509.Name, key: DeviceKey, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _constraints() -> x509.NameConstraints:
    ours = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION)])
    services = [x509.DirectoryName(_name(user)) for user in SERVICE_USERS]
    return x509.NameConstraints([x509.DirectoryName(ours)], services)


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
