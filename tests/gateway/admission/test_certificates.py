"""Certificates from enrolment to renewal and back: over the HTTP API, as a device's maker would use it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi.testclient import TestClient
from pydantic import SecretStr

from dashboards.app import create
from devices.identity import Identity, partition_of
from gateway.admission.certificates import CertificateError, Signer, signer
from gateway.admission.enrolment import EnrolmentError, EnrolmentRequest, enrol, reissue
from gateway.authority.folder import Authority, prepare, replace_issuer
from gateway.authority.issuer import Issuer, common_name
from gateway.settings import Settings
from gateway.storage.connection import Connection, Role, connect
from tests.gateway.admission.test_enrolment import asked
from tests.gateway.authority.keys import DeviceKey
from tests.gateway.desk import SmallDesk, open_desk

TOKEN = "a token of thirty-two characters!"
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}
NAME = Identity(partition_of("acme", "ev-1"), "acme", "ev-1")
RENEW = "/api/v1/devices/acme/ev-1/certificate"
LIFE = timedelta(days=90)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def serve(desk: SmallDesk) -> Iterator[Connection]:
    with connect(desk.dsn, Role.SERVE) as connection:
        yield connection


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return prepare(tmp_path / "authority", (), now())


@pytest.fixture
def settings(desk: SmallDesk, authority: Authority) -> Settings:
    return Settings(
        database_url=desk.dsn,
        broker_url="mqtt://desk:secret@broker.example:1884",
        certificate_broker_url="mqtts://broker.example:8883",
        authority_dir=authority.path,
        certificate_days=90,
        secret=SecretStr("s" * 32),
        api_token=SecretStr(TOKEN),
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create(settings), raise_server_exceptions=False) as opened:
        yield opened


def now() -> datetime:
    return datetime.now(UTC)


def enrolment(csr: str) -> dict[str, object]:
    return asked().model_dump(mode="json", by_alias=True) | {"certificateRequest": csr}


def given_to(client: TestClient, key: DeviceKey) -> str:
    answer = client.post("/api/v1/devices", json=enrolment(key.request()), headers=ALLOWED)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["credentials"]["certificate"])


def renewed(client: TestClient, shown: str, old: DeviceKey, new: DeviceKey, **change: str) -> Any:
    request = new.request()
    body = {"certificate": shown, "certificateRequest": request, "signature": old.sign(request)} | change
    return client.post(RENEW, json=body)


def read(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def test_a_device_is_enrolled_by_its_request_and_told_where_to_go_and_whom_to_trust(
    client: TestClient, desk: SmallDesk, authority: Authority
) -> None:
    key = DeviceKey()
    answer = client.post("/api/v1/devices", json=enrolment(key.request("callout-ingest")), headers=ALLOWED)
    assert answer.status_code == 201
    told = answer.json()
    assert set(told["credentials"]) == {"username", "certificate", "trusted", "endsAt"}
    assert told["broker"] == {"host": "broker.example", "port": 8883, "tls": True}
    assert told["isInBroker"] is True
    certificate = read(told["credentials"]["certificate"])
    # It asked for the name of a service, and got its own.
    assert common_name(certificate) == NAME.username == told["credentials"]["username"]
    assert certificate.public_key() == key.key.public_key()
    assert authority.issuer.has_signed(certificate)
    assert told["credentials"]["trusted"] == authority.trusted
    assert abs(certificate.not_valid_after_utc - now() - LIFE) < timedelta(minutes=5)
    assert desk.rows("SELECT serial, revoked_at FROM device_certificate") == [(f"{certificate.serial_number:x}", None)]
    assert desk.value("SELECT count(*) FROM device_credential") == 0


@pytest.mark.parametrize("request_", ["", "garbage", DeviceKey(rsa.generate_private_key(65537, 1024)).request()])
def test_a_request_that_cannot_be_signed_enrols_nobody(client: TestClient, desk: SmallDesk, request_: str) -> None:
    answer = client.post("/api/v1/devices", json=enrolment(request_), headers=ALLOWED)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "openssl req -new" in answer.json()["detail"]
    assert desk.value("SELECT count(*) FROM device") == 0


def test_a_huge_request_is_refused_at_the_edge(client: TestClient, desk: SmallDesk) -> None:
    for length, status in ((9_000, 422), (100_000, 413)):
        answer = client.post("/api/v1/devices", json=enrolment("x" * length), headers=ALLOWED)
        assert answer.status_code == status
    assert desk.value("SELECT count(*) FROM device") == 0


def test_a_name_that_no_certificate_holds_is_told_and_gets_in_by_a_password(
    serve: Connection, settings: Settings
) -> None:
    long = "x" * 60
    with pytest.raises(EnrolmentError, match=r"has 68 characters, and a certificate holds 64"):
        enrol(serve, asked(device=long, certificateRequest=DeviceKey().request()), signer=signer(settings))
    assert enrol(serve, asked(device=long), wait_s=0).password


def test_a_desk_without_a_door_for_certificates_says_so(desk: SmallDesk, settings: Settings) -> None:
    without = settings.model_copy(update={"certificate_broker_url": ""})
    with TestClient(create(without), raise_server_exceptions=False) as client:
        answer = client.post("/api/v1/devices", json=enrolment(DeviceKey().request()), headers=ALLOWED)
        assert answer.status_code == 422
        assert "CALLOUT_CERTIFICATE_BROKER_URL" in answer.json()["detail"]
    assert desk.value("SELECT count(*) FROM device") == 0


def test_a_device_renews_by_its_key_and_the_old_certificate_counts_on(client: TestClient, desk: SmallDesk) -> None:
    old, new = DeviceKey(), DeviceKey()
    first = given_to(client, old)
    answer = renewed(client, first, old, new)
    assert answer.status_code == 201
    assert read(answer.json()["certificate"]).public_key() == new.key.public_key()
    assert common_name(read(answer.json()["certificate"])) == NAME.username
    assert desk.value("SELECT count(*) FROM device_certificate WHERE revoked_at IS NULL") == 2


def test_a_renewal_whose_answer_was_lost_is_answered_in_the_same_way(client: TestClient, desk: SmallDesk) -> None:
    old, new = DeviceKey(), DeviceKey()
    first = given_to(client, old)
    answers = [renewed(client, first, old, new).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert desk.value("SELECT count(*) FROM device_certificate") == 2


def test_a_device_never_has_more_than_two_and_a_replayed_renewal_changes_nothing(
    client: TestClient, desk: SmallDesk
) -> None:
    keys = [DeviceKey() for _ in range(4)]
    shown = [given_to(client, keys[0])]
    recorded = {
        "certificate": shown[0],
        "certificateRequest": (csr := keys[1].request()),
        "signature": keys[0].sign(csr),
    }
    shown.append(client.post(RENEW, json=recorded).json()["certificate"])
    for number in (1, 2):
        shown.append(renewed(client, shown[number], keys[number], keys[number + 1]).json()["certificate"])
    kept = "SELECT revoked_because FROM device_certificate ORDER BY certificate_id"
    assert desk.rows(kept) == [("superseded",), ("superseded",), (None,), (None,)]
    replayed = client.post(RENEW, json=recorded)
    assert replayed.status_code == 403
    assert "taken back" in replayed.json()["detail"]
    assert desk.rows(kept) == [("superseded",), ("superseded",), (None,), (None,)]


def test_a_device_with_one_key_for_life_renews_it_when_a_third_is_left(
    serve: Connection, authority: Authority, desk: SmallDesk
) -> None:
    key = DeviceKey()
    sign = Signer(authority, LIFE)
    issued = enrol(serve, asked(certificateRequest=key.request()), signer=sign).certificate
    assert issued is not None
    at = now()
    shown = issued.certificate
    for passed in (1, 59, 61, 122, 183):
        request = key.request()
        told = sign.renew(serve, "acme", "ev-1", shown, request, key.sign(request), at + timedelta(days=passed))
        assert (told.certificate == shown) is (passed < 60)
        shown = told.certificate
    assert desk.value("SELECT count(*) FROM device_certificate WHERE revoked_at IS NULL") == 2


def test_who_lacks_the_key_or_the_right_certificate_renews_nothing(
    client: TestClient, desk: SmallDesk, authority: Authority
) -> None:
    key, thief = DeviceKey(), DeviceKey()
    first = given_to(client, key)
    other = client.post(
        "/api/v1/devices", json=enrolment(thief.request()) | {"serial": "2", "device": "ev-2"}, headers=ALLOWED
    ).json()["credentials"]["certificate"]
    foreign = Issuer.new(now()).device_certificate(NAME, thief.key.public_key(), now=now(), life=LIFE)
    unknown = authority.issuer.device_certificate(NAME, thief.key.public_key(), now=now(), life=LIFE)
    for shown, words in (
        (first, "signature is not of the shown certificate's key"),
        (other, f"is of {str(common_name(read(other)))!r}, not of 'ev-1'"),
        (pem(foreign), "not this desk's authority"),
        (pem(unknown), "not among those"),
        ((authority.path / "broker.crt").read_text(), "which is no device"),
    ):
        answer = renewed(client, shown, thief, DeviceKey())
        assert answer.status_code == 403, answer.text
        assert words in answer.json()["detail"]
    for change in ({"signature": "no base64!"}, {"signature": ""}):
        assert renewed(client, first, key, DeviceKey(), **change).status_code == 403
    for change in ({"certificate": "garbage"}, {"certificateRequest": "garbage"}, {"signature": "x" * 2000}):
        assert renewed(client, first, key, DeviceKey(), **change).status_code == 422
    assert desk.value("SELECT count(*) FROM device_certificate") == 2


def pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def test_what_has_ended_was_taken_back_or_is_retired_has_to_be_issued_anew(
    serve: Connection, authority: Authority, desk: SmallDesk
) -> None:
    key = DeviceKey()
    sign = Signer(authority, LIFE)
    issued = enrol(serve, asked(certificateRequest=key.request()), signer=sign).certificate
    assert issued is not None
    request = DeviceKey().request()

    def renew(at: datetime) -> object:
        return sign.renew(serve, "acme", "ev-1", issued.certificate, request, key.sign(request), at)

    with pytest.raises(CertificateError, match=r"has ended at .*callout reissue"):
        renew(issued.ends_at)
    desk.admin.execute("UPDATE device SET retired_at = now()")
    with pytest.raises(CertificateError, match="or is retired"):
        renew(now())
    desk.admin.execute("UPDATE device SET retired_at = NULL")
    reissue(serve, "acme", "ev-1", certificate_request=DeviceKey().request(), signer=sign)
    with pytest.raises(CertificateError, match=r"taken back at .* \(reissued\)"):
        renew(now())
    again = DeviceKey()
    latest = reissue(serve, "acme", "ev-1", certificate_request=again.request(), signer=sign)
    assert latest.certificate is not None
    csr = key.request()
    with pytest.raises(CertificateError, match="certificate of this key was taken back"):
        sign.renew(serve, "acme", "ev-1", latest.certificate.certificate, csr, again.sign(csr), now())


def test_after_a_change_of_the_authority_a_renewal_tells_of_the_new_one(
    client: TestClient, authority: Authority
) -> None:
    old, new = DeviceKey(), DeviceKey()
    first = given_to(client, old)
    changed = replace_issuer(authority.path, now())
    told = renewed(client, first, old, new).json()
    assert told["trusted"] == changed.trusted
    assert changed.issuer.has_signed(read(told["certificate"]))


def test_an_authority_that_is_away_is_said_and_the_device_may_try_again(
    client: TestClient, authority: Authority
) -> None:
    key = DeviceKey()
    first = given_to(client, key)
    (authority.path / "ca.key").rename(authority.path / "elsewhere")
    answer = renewed(client, first, key, DeviceKey())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_no_tenant_sees_another_s_certificates(desk: SmallDesk, serve: Connection, client: TestClient) -> None:
    given_to(client, DeviceKey())
    assert serve.execute("SELECT count(*) FROM device_certificate").fetchone() == (0,)


def test_the_request_is_optional_in_the_model() -> None:
    assert EnrolmentRequest.model_validate(asked().model_dump()).certificate_request is None
