"""What a device makes for itself, and what an impostor would: keys and certificate requests."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class DeviceKey:
    """A device's key, and what it does with it."""

    key: PrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def request(self, name: str = "device", extensions: Sequence[x509.ExtensionType] = ()) -> str:
        """A certificate request, PEM."""
        builder = x509.CertificateSigningRequestBuilder().subject_name(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        )
        for each in extensions:
            builder = builder.add_extension(each, critical=True)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, request: str) -> str:
        """The proof that goes with a renewal: base64 over the request's DER bytes."""
        der = x509.load_pem_x509_csr(request.encode()).public_bytes(serialization.Encoding.DER)
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        return base64.b64encode(self.key.sign(der, ec.ECDSA(hashes.SHA256()))).decode()

    def pem(self) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def keep(self, folder: Path, certificate: x509.Certificate | str) -> tuple[Path, Path]:
        """Write certificate and key down, as TLS libraries want them."""
        folder.mkdir(exist_ok=True, parents=True)
        text = (
            certificate
            if isinstance(certificate, str)
            else certificate.public_bytes(serialization.Encoding.PEM).decode()
        )
        (folder / "device.crt").write_text(text)
        (folder / "device.key").write_text(self.pem())
        return folder / "device.crt", folder / "device.key"
