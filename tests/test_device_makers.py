"""The page for device makers: a device is enrolled as it says, and both of its examples publish into a real desk."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from gateway.admission.enrolment import EnrolmentRequest, enrol
from gateway.embedded.folder import DataFolder
from gateway.settings import CHECKOUT
from gateway.storage.connection import Role, connect
from tests.conftest import BrokerForTests
from tests.gateway.certified import TOKEN, certified_desk
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.embedded.test_broker import connected
from tests.gateway.ingest.test_mqtt import IngestProcess, wait_until

PAGE = (CHECKOUT / "FOR_DEVICE_MAKERS.md").read_text("utf-8")


def example(language: str) -> str:
    (found,) = re.findall(rf"^```{language} publish\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path, tenant="hanbit")
    yield opened
    opened.close()


@pytest.fixture
def variables(desk: SmallDesk, broker: BrokerForTests) -> dict[str, str]:
    """What the maker takes from the answer to the enrolment."""
    owner = {"name": "Lee Min-ji", "email": "minji@example.org"}
    wanted = {
        "tenant": "hanbit",
        "product": "electric_vehicle",
        "serial": "KMH-0042",
        "device": "ev-0042",
        "owner": owner,
    }
    with connect(desk.dsn, Role.SERVE) as connection:
        enrolled = enrol(connection, EnrolmentRequest.model_validate(wanted), wait_s=0.0)
    broker.add_account(enrolled.identity.username, enrolled.password)
    return {
        "DEVICE_HOST": broker.host,
        "DEVICE_PORT": str(broker.port),
        "DEVICE_USER": enrolled.identity.username,
        "DEVICE_PASSWORD": enrolled.password,
    }


@pytest.fixture
def ingest(desk: SmallDesk, broker: BrokerForTests, tmp_path: Path) -> Iterator[IngestProcess]:
    started = IngestProcess(desk, broker, tmp_path / "ingest.log")
    yield started
    started.end(signal.SIGTERM)


@pytest.mark.parametrize(
    ("language", "command", "soc_pct"),
    [("sh", ["sh", "-euc"], 71.5), ("python", [sys.executable, "-c"], 70.5)],
)
def test_each_example_publishes_a_reading_that_is_stored(
    desk: SmallDesk,
    variables: dict[str, str],
    ingest: IngestProcess,
    language: str,
    command: list[str],
    soc_pct: float,
) -> None:
    if language == "sh" and shutil.which("mosquitto_pub") is None:
        pytest.skip("mosquitto_pub is not on this machine")
    subprocess.run([*command, example(language)], env={**os.environ, **variables}, check=True, timeout=30)
    wait_until(lambda: desk.value("SELECT count(*) FROM electric_vehicle_reading") == 1)
    assert desk.rows("SELECT soc_pct FROM electric_vehicle_reading") == [(soc_pct,)]
    # The broker lives as long as the session of tests: what others left in it is from devices that this desk has not.
    assert desk.rows("SELECT reason FROM rejection WHERE device_id IS NOT NULL") == []


def test_the_variables_of_the_page_are_those_of_the_examples(variables: dict[str, str]) -> None:
    exported = re.search(r"^export (.*)$", PAGE, re.MULTILINE)
    assert exported is not None
    assert {word.partition("=")[0] for word in exported[1].split()} == set(variables)


def test_the_python_example_has_about_ten_lines_of_work() -> None:
    lines = [line for line in example("python").splitlines() if line and not line.startswith(("import", "from"))]
    assert len(lines) <= 10


def test_the_forms_that_the_page_names_are_in_the_document_of_the_door() -> None:
    door = json.loads((CHECKOUT / "gateway" / "door.asyncapi.json").read_text("utf-8"))
    rows = re.findall(r"^\| `.`", PAGE, re.MULTILINE)
    assert len(rows) == len(door["channels"]["telemetry"]["messages"])


def blocks(*names: str) -> str:
    """The shell examples of these names, one after the other."""
    return "\n".join(re.findall(rf"^```sh {name}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0] for name in names)


@pytest.mark.skipif(
    not all(shutil.which(each) for each in ("openssl", "jq", "curl", "mosquitto_pub")), reason="a program is not here"
)
def test_the_examples_enrol_publish_and_renew_by_certificate(
    database: str, data_folder: DataFolder, tmp_path: Path
) -> None:
    def run(text: str, **more: str) -> None:
        subprocess.run(
            ["sh", "-euc", text], cwd=tmp_path, env={**os.environ, **more}, check=True, timeout=60, capture_output=True
        )

    with certified_desk(database, data_folder, tmp_path, "hanbit") as desk:
        run(blocks("request"))
        answer = httpx2.post(
            f"{desk.url}/api/v1/devices",
            json={
                "tenant": "hanbit",
                "product": "electric_vehicle",
                "serial": "KMH-0042",
                "device": "ev-0042",
                "owner": {"name": "Lee Min-ji", "email": "minji@example.org"},
                "certificateRequest": (tmp_path / "device.csr").read_text(),
            },
            headers={"Authorization": f"Bearer {TOKEN}"},
            trust_env=False,
        )
        (tmp_path / "answer.json").write_text(answer.text)
        with connected(desk.ingest, "ears") as ears:
            ears.subscribe("callout/v1/#")
            run(blocks("publish-by-certificate"))
            assert json.loads(ears.received.get(timeout=20).payload)["samples"][0]["soc_pct"] == 69.5
            run(blocks("renew"), DESK_URL=desk.url)
            renewed = json.loads((tmp_path / "renewed.json").read_text())
            (tmp_path / "device.crt").write_text(renewed["certificate"])
            (tmp_path / "next.key").rename(tmp_path / "device.key")
            run(blocks("publish-by-certificate").replace("jq -r .credentials.certificate answer.json > device.crt", ""))
            assert ears.received.get(timeout=20).topic.endswith("/hanbit/ev-0042/telemetry")
