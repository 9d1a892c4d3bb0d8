"""A device's key and certificate: made, asked for, shown to the broker, and renewed in time."""

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulators.errors import SimulatorError

_RENEWED_WITH_A_THIRD_LEFT = 3


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key and whom to trust, all PEM."""

    certificate: str
    trusted: str
    ends_at: datetime
    key: str = field(repr=False)

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to renew it: a third of its life is left."""
        starts_at = x509.load_pem_x509_certificate(self.certificate.encode()).not_valid_before_utc
        return now > self.ends_at - (self.ends_at - starts_at) / _RENEWED_WITH_A_THIRD_LEFT

    def context(self) -> ssl.SSLContext:
        """Return what shows it to the broker, and trusts nobody else's.

        Raises
        ------
        SimulatorError
            The key was not kept.
        """
        if not self.key:
            raise SimulatorError('The credentials have a certificate without its key: add the key, PEM, as "key"')
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.trusted)
        # The library takes a certificate from a file only; nobody else can read this one, and it is gone at once.
        descriptor, path = tempfile.mkstemp(prefix="device-", suffix=".pem")
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(self.key + self.certificate)
            context.load_cert_chain(path)
        finally:
            os.unlink(path)  # noqa: PTH108 (one call, as mkstemp is)
        return context

    def sign(self, request: str) -> str:
        """Return base64 of the signature over a certificate request, which proves who asks for it."""
        key = serialization.load_pem_private_key(self.key.encode(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SimulatorError("The key that was kept is not one of ours; delete the device's file to enrol it anew")
        der = x509.load_pem_x509_csr(request.encode()).public_bytes(serialization.Encoding.DER)
        return base64.b64encode(key.sign(der, ec.ECDSA(hashes.SHA256()))).decode()


def make_request(device: str) -> tuple[str, str]:
    """Make a key and a certificate request for it; return both, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    kept = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return kept.decode(), request.public_bytes(serialization.Encoding.PEM).decode()


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)
