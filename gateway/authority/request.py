"""A request for a certificate, as a device sends it: PKCS #10 in PEM. What it asks for besides its key is not heard.

The subject, the extensions and the attributes of the request are ignored: the desk knows who the device is.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from gateway.authority.issuer import DeviceKey

LONGEST_PEM: Final = 8_192
_LEAST_RSA_BITS: Final = 2048
_MOST_RSA_BITS: Final = 4096
_CURVES: Final = ("secp256r1", "secp384r1")
_HASHES: Final = ("sha256", "sha384", "sha512")
_MAKE_ONE: Final = (
    "Make one with: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout device.key -out "
    "device.csr -subj /CN=device"
)


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A checked request: the key to be certified, which its sender has, and the request's own bytes (DER)."""

    key: DeviceKey
    der: bytes

    @property
    def key_fingerprint(self) -> bytes:
        """SHA-256 of the public key."""
        return key_fingerprint(self.key)


@dataclass(frozen=True, slots=True)
class BadRequest:
    """Why a request cannot be signed, and the next move."""

    reason: str


def read_request(pem: str) -> KeyRequest | BadRequest:
    """Check a request: its form, its own signature, and its key.

    Parameters
    ----------
    pem
        ``-----BEGIN CERTIFICATE REQUEST-----`` and so on, as sent; anything may stand here.
    """
    if len(pem) > LONGEST_PEM:
        return BadRequest(f"the request has {len(pem):,} characters; {LONGEST_PEM:,} are read. {_MAKE_ONE}")
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = request.public_key()
        is_signed = request.is_signature_valid
        hashed_by = request.signature_hash_algorithm
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        told = " ".join(str(error).split())[:120]
        return BadRequest(f"the request is no certificate request (PKCS #10) in PEM form: {told}. {_MAKE_ONE}")
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return BadRequest(f"the request's key is of the kind {type(key).__name__}; {_wanted()}. {_MAKE_ONE}")
    if problem := _problem_of_key(key):
        return BadRequest(f"{problem}; {_wanted()}. {_MAKE_ONE}")
    if hashed_by is None or hashed_by.name not in _HASHES:
        name = hashed_by.name if hashed_by else "no hash"
        return BadRequest(f"the request is signed with {name}, which can be forged; use SHA-256. {_MAKE_ONE}")
    if not is_signed:
        return BadRequest(
            "the request's signature is not of the key in it: it was changed on the way, or its sender does not have "
            f"the key. Send it as it was made. {_MAKE_ONE}"
        )
    return KeyRequest(key, request.public_bytes(serialization.Encoding.DER))


def read_certificate(pem: str) -> x509.Certificate | BadRequest:
    """Read the certificate that a device shows, whoever signed it."""
    if len(pem) > LONGEST_PEM:
        return BadRequest(f"the certificate has {len(pem):,} characters; {LONGEST_PEM:,} are read. Send one alone.")
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        told = " ".join(str(error).split())[:120]
        return BadRequest(f"what is shown is no certificate in PEM form: {told}. Send the one that is in use now.")


def is_signed_by(certificate: x509.Certificate, der: bytes, signature: str) -> bool:
    """Tell whether a signature (base64) over some bytes, with SHA-256, is of the key of a certificate."""
    key = certificate.public_key()
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, der, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(raw, der, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def key_fingerprint(key: DeviceKey) -> bytes:
    """Return SHA-256 of a public key."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize()


def _problem_of_key(key: DeviceKey) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if key.curve.name in _CURVES else f"the request's key is on the curve {key.curve.name}"
    if _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS:
        return ""
    return f"the request's key is RSA of {key.key_size} bits"


def _wanted() -> str:
    return f"a key is EC on P-256 or P-384, or RSA of {_LEAST_RSA_BITS} to {_MOST_RSA_BITS} bits"
