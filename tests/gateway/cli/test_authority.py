"""The command about the authority: made, renewed, changed, by a person at the command line."""

import json
from pathlib import Path

from gateway.authority.folder import open_authority
from gateway.authority.issuer import host_names
from tests.gateway.authority.keys import DeviceKey
from tests.gateway.cli.test_app import callout
from tests.gateway.desk import open_desk


def test_it_is_made_by_one_command_and_a_second_call_changes_nothing(tmp_path: Path) -> None:
    first = callout("authority", "--name", "desk.example", "--name", "10.1.2.3", data_dir=tmp_path)
    assert first.returncode == 0, first.stderr
    made = open_authority(tmp_path / "authority")
    assert host_names(made.broker_certificate) == ("desk.example", "10.1.2.3", "localhost", "127.0.0.1")
    second = callout("authority", data_dir=tmp_path)
    assert second.stdout == first.stdout
    assert made.issuer.fingerprint.hex() in first.stdout


def test_it_is_changed_in_two_steps_that_are_not_taken_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    callout("authority", data_dir=tmp_path, authority_dir=str(folder))
    both = callout("authority", "--renew", "--forget-former", data_dir=tmp_path, authority_dir=str(folder))
    assert both.returncode == 1
    assert "renew first" in both.stderr
    assert "former authority" in callout("authority", "--renew", data_dir=tmp_path, authority_dir=str(folder)).stdout
    last = callout("authority", "--forget-former", data_dir=tmp_path, authority_dir=str(folder))
    assert "former" not in last.stdout
    assert len(open_authority(folder).issuers) == 1


def test_a_device_is_enrolled_and_reissued_with_a_request_from_a_file(database: str, tmp_path: Path) -> None:
    desk = open_desk(database, tmp_path)
    callout("authority", data_dir=tmp_path)
    settings = {
        "database_url": database,
        "broker_url": "mqtt://desk:x@broker.example",
        "certificate_broker_url": "mqtts://broker.example",
    }
    request = tmp_path / "device.csr"
    words = ["enrol", "--tenant", "acme", "--serial", "1", "--device", "ev-1", "--owner-name", "A", "--owner-email", "a@b.example"]  # fmt: skip
    absent = callout(*words, "--csr", str(request), data_dir=tmp_path, **settings)
    assert (absent.returncode, "cannot be read" in absent.stderr) == (1, True)
    for command in (words, ["reissue", "acme", "ev-1"]):
        request.write_text(DeviceKey().request())
        outcome = callout(*command, "--csr", str(request), data_dir=tmp_path, **settings)
        assert outcome.returncode == 0, outcome.stderr
        told = json.loads(outcome.stdout)
        assert "BEGIN CERTIFICATE" in told["credentials"]["certificate"]
        assert told["broker"] == {"host": "broker.example", "port": 8883, "tls": True}
    assert desk.rows("SELECT revoked_because FROM device_certificate ORDER BY certificate_id") == [
        ("reissued",),
        (None,),
    ]
    request.write_text("nonsense")
    refused = callout("reissue", "acme", "ev-1", "--csr", str(request), data_dir=tmp_path, **settings)
    assert (refused.returncode, "openssl req -new" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)
    assert desk.value("SELECT count(*) FROM device_certificate WHERE revoked_at IS NULL") == 1
    desk.close()
