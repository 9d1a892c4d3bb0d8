"""The broker in a container behaves as the embedded one, which all other tests are run with."""

from gateway.embedded import broker
from tests.deploy.compose import deploy

# Where things lie, and what has to be said of each door by itself.
OF_THE_PLACE = {"password_file", "acl_file", "persistence_location"}


def options(text: str) -> dict[str, str]:
    """What is said before the first door, but for log lines, of which there are several."""
    lines = [line.partition(" ") for line in text.partition("\nlistener ")[0].splitlines() if line and line[0] != "#"]
    return {name: value for name, _, value in lines if name != "log_type"}


def doors(text: str) -> list[dict[str, str]]:
    """What is said of each door."""
    parts = text.split("\nlistener ")[1:]
    return [options(f"listener {part}") for part in parts]


def test_it_keeps_as_much_and_lets_in_as_few_as_the_embedded_one() -> None:
    embedded = options(
        broker._CONFIGURATION.format(
            folder="/broker",
            host="0.0.0.0",
            port=1,
            service_port=2,
            queue_messages=broker.QUEUE_MESSAGES,
            queue_bytes=broker.QUEUE_BYTES,
            certificate_door="",
        )
    )
    here = options(deploy("mosquitto.conf").read_text("utf-8"))
    shared = here.keys() - OF_THE_PLACE
    assert len(shared) > 10
    assert {name: here[name] for name in shared} == {name: embedded.get(name) for name in shared}


def test_devices_come_in_by_tls_alone_and_under_no_other_s_name() -> None:
    by_password, by_certificate, services = doors(deploy("mosquitto.conf").read_text("utf-8"))
    for door in (by_password, by_certificate):
        assert {"certfile", "keyfile"} <= door.keys()
        assert door["use_username_as_clientid"] == "true"
    assert by_certificate["require_certificate"] == by_certificate["use_identity_as_username"] == "true"
    assert by_certificate["crlfile"] == "/broker/crl.pem"
    assert services.keys() == {"listener"}
