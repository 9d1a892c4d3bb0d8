"""A certificate authority for tests: devices' certificates, foreign ones, and lists of what was taken back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    """A private key as text."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class TestAuthority:
    """An authority that signs what a test asks for."""

    __test__ = False

    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    name: x509.Name = field(
        default_factory=lambda: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A test's authority")])
    )

    def write(self, folder: Path) -> None:
        """Put into a folder what the desk's authority keeps there."""
        key = new_key()
        ca = self._signed(self.name, self.key.public_key(), x509.BasicConstraints(ca=True, path_length=0))
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        broker = self._signed(x509.Name([]), key.public_key(), names)
        for file, text in {
            "ca.crt": _text(ca),
            "ca.key": pem(self.key),
            "broker.crt": _text(broker),
            "broker.key": pem(key),
        }.items():
            (folder / file).write_text(text)
        self.revoke(folder, [])

    def device(self, folder: Path, user: str) -> x509.Certificate:
        """Sign a device's certificate and put it and its key into a folder, as ``device.crt`` and ``device.key``."""
        key = new_key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])
        certificate = self._signed(subject, key.public_key(), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "device.crt").write_text(_text(certificate))
        (folder / "device.key").write_text(pem(key))
        return certificate

    def revoke(self, folder: Path, certificates: Sequence[x509.Certificate]) -> None:
        """Write the list of what was taken back."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder(self.name, now - DAY, now + DAY)
        for each in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(each.serial_number).revocation_date(now).build()
            builder = builder.add_revoked_certificate(entry)
        (folder / "crl.pem").write_bytes(
            builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number(), now - DAY, now + DAY)
        return builder.add_extension(extension, critical=True).sign(self.key, hashes.SHA256())


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
