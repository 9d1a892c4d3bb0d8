"""The authority's folder: made once, kept young, and never a stranger to the devices that it has signed."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.identity import Identity
from gateway.authority.folder import AuthorityError, forget_former, open_authority, prepare, replace_issuer
from gateway.authority.issuer import Revoked, host_names
from tests.gateway.authority.keys import DeviceKey

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_it_is_made_once_and_a_second_call_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "authority"
    authority = prepare(folder, ["desk.example"], NOW)
    assert host_names(authority.broker_certificate) == ("desk.example", "localhost", "127.0.0.1")
    before = contents(folder)
    prepare(folder, ["desk.example"], NOW + timedelta(hours=1))
    prepare(folder, [], NOW + timedelta(hours=2))
    assert contents(folder) == before


def test_keys_are_their_owner_s_alone_and_the_rest_is_for_all(tmp_path: Path) -> None:
    prepare(tmp_path, [], NOW)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir() if file.name != "lock"}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "broker.crt": 0o644, "broker.key": 0o600, "crl.pem": 0o644}


def test_the_broker_s_certificate_is_renewed_for_other_names_and_before_its_end(tmp_path: Path) -> None:
    first = prepare(tmp_path, ["a.example"], NOW).broker_certificate
    second = prepare(tmp_path, ["b.example"], NOW).broker_certificate
    assert host_names(second) == ("b.example", "localhost", "127.0.0.1")
    assert prepare(tmp_path, [], NOW + timedelta(days=200)).broker_certificate == second
    third = prepare(tmp_path, [], NOW + timedelta(days=300)).broker_certificate
    assert first != second != third
    assert host_names(third) == host_names(second)
    assert third.not_valid_after_utc == NOW + timedelta(days=300 + 365)


def test_a_broker_s_key_that_was_lost_or_does_not_fit_is_made_anew(tmp_path: Path) -> None:
    prepare(tmp_path, [], NOW)
    (tmp_path / "broker.key").write_text(DeviceKey().pem())
    second = prepare(tmp_path, [], NOW).broker_certificate
    (tmp_path / "broker.key").unlink()
    assert prepare(tmp_path, [], NOW).broker_certificate != second


def test_the_list_is_signed_anew_once_a_day_and_keeps_what_is_on_it(tmp_path: Path) -> None:
    authority = prepare(tmp_path, [], NOW)
    authority.write_list({authority.issuer.fingerprint: [Revoked(77, NOW)]}, NOW)
    before = (tmp_path / "crl.pem").read_bytes()
    prepare(tmp_path, [], NOW + timedelta(hours=23))
    assert (tmp_path / "crl.pem").read_bytes() == before
    # A desk that was switched off for a month comes back with a list that counts.
    later = prepare(tmp_path, [], NOW + timedelta(days=30))
    assert later.list_ends_at() == NOW + timedelta(days=37)
    assert [each.serial for each in later.listed()[later.issuer.fingerprint]] == [77]
    # And so does one whose clock was a month ahead.
    assert prepare(tmp_path, [], NOW).list_ends_at() == NOW + timedelta(days=7)


def test_after_a_change_of_the_authority_old_certificates_count_until_it_is_forgotten(tmp_path: Path) -> None:
    first = prepare(tmp_path, [], NOW)
    device = first.issuer.device_certificate(
        Identity(7, "acme", "ev-1"), DeviceKey().key.public_key(), now=NOW, life=timedelta(days=9)
    )
    second = replace_issuer(tmp_path, NOW)
    assert second.issuer.fingerprint != first.issuer.fingerprint
    assert second.signer_of(device) is not None
    assert second.trusted.count("BEGIN CERTIFICATE") == 2
    assert set(second.listed()) == {first.issuer.fingerprint, second.issuer.fingerprint}
    # A device that knows the former authority only still trusts the broker.
    assert first.issuer.has_signed(second.broker_certificate)
    third = forget_former(tmp_path, NOW)
    assert third.issuer.fingerprint == second.issuer.fingerprint
    assert third.signer_of(device) is None
    assert third.issuer.has_signed(third.broker_certificate)
    assert list(tmp_path.glob("former-*")) == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "ca.key").unlink(), r"ca\.key cannot be read"),
        (lambda folder: (folder / "ca.key").write_text("no key"), r"ca\.key does not hold a private key"),
        (lambda folder: (folder / "ca.key").write_text(DeviceKey().pem()), "without its key beside it"),
        (lambda folder: (folder / "ca.crt").write_text("nothing"), r"ca\.crt does not hold a certificate"),
    ],
)
def test_an_authority_that_was_spoilt_is_told_and_never_made_anew(tmp_path: Path, spoil: object, words: str) -> None:
    prepare(tmp_path, [], NOW)
    assert callable(spoil)
    spoil(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(AuthorityError, match=words):
        prepare(tmp_path, [], NOW)
    assert contents(tmp_path) == before


def test_where_there_is_none_the_next_move_is_told(tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match="callout authority"):
        open_authority(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(AuthorityError, match="CALLOUT_AUTHORITY_DIR"):
        prepare(tmp_path / "file" / "authority", [], NOW)
