"""What the authority signs, and what it never could."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from devices.identity import Identity
from gateway.admission.broker_accounts import SERVICE_USERS
from gateway.authority.issuer import LIST_LIFE, LONGEST_NAME, Issuer, Revoked, common_name, host_names
from tests.gateway.authority.keys import DeviceKey

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ISSUER = Issuer.new(NOW)
KEY = DeviceKey()
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,24}", fullmatch=True)


@given(partition=st.integers(0, 63), tenant=names, device=names)
def test_a_certificate_bears_the_user_name_which_is_never_that_of_a_service(
    partition: int, tenant: str, device: str
) -> None:
    identity = Identity(partition, tenant, device)
    signed = ISSUER.device_certificate(identity, KEY.key.public_key(), now=NOW, life=timedelta(days=1))
    assert common_name(signed) == identity.username
    assert common_name(signed) not in SERVICE_USERS
    assert ISSUER.has_signed(signed)


def test_a_device_certificate_is_for_clients_and_the_broker_s_for_servers() -> None:
    device = ISSUER.device_certificate(
        Identity(7, "acme", "ev-1"), KEY.key.public_key(), now=NOW, life=timedelta(days=30)
    )
    assert list(device.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert device.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert device.not_valid_after_utc == NOW + timedelta(days=30)
    broker = ISSUER.broker_certificate(("desk.example", "127.0.0.1"), DeviceKey().key.public_key(), now=NOW)  # type: ignore[arg-type]
    assert list(broker.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH
    ]
    assert host_names(broker) == ("desk.example", "127.0.0.1")


def test_serial_numbers_are_random() -> None:
    identity = Identity(7, "acme", "ev-1")
    signed = {
        ISSUER.device_certificate(identity, KEY.key.public_key(), now=NOW, life=timedelta(days=1)).serial_number
        for _ in range(20)
    }
    assert len(signed) == 20
    assert min(number.bit_length() for number in signed) > 100


def test_a_name_longer_than_a_certificate_holds_is_not_cut_short() -> None:
    with pytest.raises(ValueError, match="64"):
        ISSUER.device_certificate(
            Identity(7, "acme", "x" * LONGEST_NAME), KEY.key.public_key(), now=NOW, life=timedelta(days=1)
        )


def test_another_authority_has_signed_nothing_of_ours() -> None:
    ours = ISSUER.device_certificate(Identity(7, "acme", "ev-1"), KEY.key.public_key(), now=NOW, life=timedelta(days=1))
    assert not Issuer.new(NOW).has_signed(ours)


def test_the_revocation_list_names_what_was_taken_back_and_when_it_ends() -> None:
    listed = ISSUER.revocation_list([Revoked(5, NOW), Revoked(9, NOW)], now=NOW)
    assert [entry.serial_number for entry in listed] == [5, 9]
    assert listed.next_update_utc == NOW + LIST_LIFE
    assert listed.is_signature_valid(ISSUER.certificate.public_key())  # type: ignore[arg-type]
