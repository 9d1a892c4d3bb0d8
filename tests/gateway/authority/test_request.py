"""Certificate requests as they come: good ones, and those that cannot be signed, each with the next move."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.authority.request import BadRequest, KeyRequest, read_certificate, read_request
from tests.gateway.authority.keys import DeviceKey


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
)
def test_a_good_request_gives_its_key_and_nothing_else(key: ec.EllipticCurvePrivateKey) -> None:
    read = read_request(DeviceKey(key).request("callout-ingest", [x509.BasicConstraints(ca=True, path_length=None)]))
    assert isinstance(read, KeyRequest)
    assert read.key.public_numbers() == key.public_key().public_numbers()


def signed_by_another() -> str:
    """A request whose signature is of another key: the last bytes are those of another request."""
    mine, other = (
        x509.load_pem_x509_csr(DeviceKey(rsa.generate_private_key(65537, 2048)).request().encode()) for _ in range(2)
    )
    forged = mine.public_bytes(serialization.Encoding.DER)[:-256] + other.signature
    body = base64.encodebytes(forged).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


def of_ed25519() -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    )
    return builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(serialization.Encoding.PEM).decode()


def of_dsa() -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    )
    key = dsa.generate_private_key(2048)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def hashed_with_sha224() -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    )
    key = DeviceKey().key
    return builder.sign(key, hashes.SHA224()).public_bytes(serialization.Encoding.PEM).decode()


def test_a_request_that_cannot_be_signed_is_told_with_value_and_next_move() -> None:
    small = rsa.generate_private_key(65537, 1024)
    large = rsa.generate_private_key(65537, 4608)
    for made, words in (
        (DeviceKey(small).request(), "RSA of 1024 bits"),
        (DeviceKey(large).request(), "RSA of 4608 bits"),
        (DeviceKey(ec.generate_private_key(ec.SECP521R1())).request(), "curve secp521r1"),
        (signed_by_another(), "signature is not of the key"),
        (of_ed25519(), "Ed25519"),
        (of_dsa(), "DSA"),
        (hashed_with_sha224(), "sha224"),
        ("", "no certificate request"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "no certificate request"),
        (DeviceKey().pem(), "no certificate request"),
        ("x" * 20_000, "20,000 characters"),
    ):
        read = read_request(made)
        assert isinstance(read, BadRequest), words
        assert words in read.reason
        assert "openssl req -new" in read.reason


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda raw: raw.decode("latin-1"))))
def test_garbage_never_breaks_the_reader(text: str) -> None:
    wrapped = f"-----BEGIN CERTIFICATE REQUEST-----\n{base64.b64encode(text.encode()).decode()}\n-----END CERTIFICATE REQUEST-----\n"
    for each in (text, wrapped):
        assert isinstance(read_request(each), BadRequest)
        assert isinstance(read_certificate(each), BadRequest)


@given(st.data())
def test_a_request_that_was_changed_in_any_place_is_refused_or_gives_the_same_key(data: st.DataObject) -> None:
    der = bytearray(x509.load_pem_x509_csr(REQUEST.encode()).public_bytes(serialization.Encoding.DER))
    der[data.draw(st.integers(0, len(der) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    body = base64.encodebytes(bytes(der)).decode()
    read = read_request(f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n")
    assert isinstance(read, BadRequest) or read.key.public_numbers() == OWN.key.public_key().public_numbers()


OWN = DeviceKey()
REQUEST = OWN.request()
