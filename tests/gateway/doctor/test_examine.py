"""The doctor finds a healthy setup well, and names each thing that is broken with its next move, and nothing else."""

import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller

from gateway.admission.enrolment import EnrolmentRequest, enrol
from gateway.doctor.point import Level
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.mosquitto import find_mosquitto
from gateway.health.alarms import Alarm, Kind
from gateway.storage.alarms import keep_alarms
from gateway.storage.connection import Role, connect
from tests.conftest import free_port
from tests.fakes.product_folder import product_folder
from tests.gateway.cli.test_app import callout
from tests.gateway.desk import SmallDesk
from tests.gateway.doctor.conftest import Examine, levels


def test_a_setup_in_which_all_is_well_has_nothing_wrong(look: Examine) -> None:
    found = look()
    assert levels(found, Level.WRONG) == set(), found
    assert levels(found, Level.WARNING) - {"machine: packages"} == {"people: mail"}
    assert {"database: schema", "broker: rules in force", "broker: accounts in sync", "desk: acme: staff"} <= levels(
        found, Level.OK
    )
    assert found["broker: queue"].found.startswith("0 messages of 500,000 wait")


def test_with_nothing_running_nothing_is_wrong_and_the_next_move_is_to_start(tmp_path: Path) -> None:
    outcome = callout("doctor", data_dir=tmp_path / "data")
    assert outcome.returncode == 0, outcome.stdout
    assert "Start it: ./callout up" in outcome.stdout
    assert "WRONG" not in outcome.stdout
    assert not (tmp_path / "data").exists()


def test_a_database_that_does_not_answer_is_wrong_and_said_without_its_password(tmp_path: Path) -> None:
    dsn = f"postgresql://callout:geheim@127.0.0.1:{free_port()}/callout"
    outcome = callout("doctor", data_dir=tmp_path / "data", database_url=dsn)
    assert outcome.returncode == 1
    assert "WRONG reachable" in outcome.stdout
    assert "correct host and port in CALLOUT_DATABASE_URL" in " ".join(outcome.stdout.split())
    assert "geheim" not in outcome.stdout + outcome.stderr
    # A path is not broken in two.
    assert all(len(line) <= 80 for line in outcome.stdout.splitlines() if str(tmp_path) not in line)


def test_json_has_every_point_with_level_and_next_move(tmp_path: Path) -> None:
    dsn = f"postgresql://callout:x@127.0.0.1:{free_port()}/callout"
    outcome = callout("doctor", "--json", data_dir=tmp_path / "data", database_url=dsn)
    told = json.loads(outcome.stdout)
    assert (outcome.returncode, told["well"]) == (1, False)
    (broken,) = [each for each in told["points"] if each["level"] == "wrong"]
    assert (broken["room"], broken["name"]) == ("database", "reachable")
    assert broken["next_move"]


def test_a_wrong_password_of_the_database_is_told_from_a_closed_port(look: Examine, desk: SmallDesk) -> None:
    parts = urlsplit(desk.dsn)
    wrong = desk.dsn.replace(f":{parts.password}@", ":wrong@")
    found = look(database_url=wrong)
    assert levels(found, Level.WRONG) == {"database: reachable"}
    assert "password authentication failed" in found["database: reachable"].found
    assert found["database: reachable"].next_move == "Correct user and password in CALLOUT_DATABASE_URL."


def test_a_schema_that_is_behind_wants_migrate_and_stops_what_needs_it(look: Examine, desk: SmallDesk) -> None:
    desk.admin.execute("DELETE FROM schema_migration WHERE name = '0009_alarms'")
    found = look()
    assert levels(found, Level.WRONG) == {"database: schema"}
    assert "lacks 0009_alarms" in found["database: schema"].found
    assert found["database: schema"].next_move == "Run: ./callout migrate"


def test_an_empty_database_wants_migrate(look: Examine, empty_database: str) -> None:
    found = look(database_url=empty_database)
    assert found["database: schema"].next_move == "Run: ./callout migrate"


@pytest.mark.parametrize(
    ("statement", "point", "said"),
    [
        ("GRANT SELECT ON owner TO callout_ingest", "database: role ingest", "has SELECT on owner"),
        ("REVOKE INSERT ON rejection FROM callout_ingest", "database: role ingest", "lacks INSERT on rejection"),
        ("REVOKE UPDATE ON notice FROM callout_work", "database: role work", "lacks UPDATE on notice"),
        ("ALTER TABLE owner DISABLE ROW LEVEL SECURITY", "database: tenants apart", "no row-level security on owner"),
        ("UPDATE service_centre SET hours = '{}'", "desk: acme: service centres", "never open: main"),
    ],
)
def test_what_was_changed_in_the_database_by_hand_is_found(
    look: Examine, desk: SmallDesk, statement: str, point: str, said: str
) -> None:
    desk.admin.execute(statement)  # type: ignore[arg-type]
    found = look()
    assert levels(found, Level.WRONG) == {point}
    assert said in found[point].found


def test_a_broker_that_does_not_answer_or_refuses_the_account_is_told_apart(
    look: Examine, own_broker: EmbeddedBroker
) -> None:
    found = look(broker_url=f"mqtt://callout-desk:x@127.0.0.1:{free_port()}")
    assert levels(found, Level.WRONG) == {"broker: reachable"}
    found = look(broker_url=f"mqtt://callout-desk:wrong@127.0.0.1:{own_broker.service_port}")
    assert levels(found, Level.WRONG) == {"broker: account of ingest", "broker: account of the desk"}
    assert "Not authorized" in found["broker: account of ingest"].found


@pytest.fixture
def open_broker(tmp_path: Path) -> Iterator[int]:
    """A mosquitto that lets in anybody and has no rules."""
    mosquitto = find_mosquitto(tmp_path / "mosquitto")
    assert not isinstance(mosquitto, str)
    port = free_port()
    file = tmp_path / "open.conf"
    file.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    with subprocess.Popen(
        [mosquitto.program, "-c", file], stderr=subprocess.DEVNULL, env={**os.environ, **mosquitto.environment}
    ) as process:
        until_s = time.monotonic() + 20
        while time.monotonic() < until_s:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
        process.terminate()


def test_a_broker_without_accounts_and_rules_is_found_out(look: Examine, open_broker: int) -> None:
    found = look(broker_url=f"mqtt://callout-desk:x@127.0.0.1:{open_broker}")
    assert levels(found, Level.WRONG) == {"broker: rules in force", "broker: strangers"}
    assert "ingest and the desk" in found["broker: rules in force"].found


def test_a_device_that_the_broker_was_not_told_of_is_counted(
    look: Examine, desk: SmallDesk, own_broker: EmbeddedBroker
) -> None:
    with connect(desk.dsn, Role.SERVE) as connection:
        enrol(
            connection,
            EnrolmentRequest.model_validate(
                {
                    "tenant": "acme",
                    "product": "electric_vehicle",
                    "serial": "S-1",
                    "device": "ev-9",
                    "owner": {"name": "Owner", "email": "o@example.org"},
                }
            ),
            wait_s=0,
        )
    found = look()
    assert levels(found, Level.WRONG) == {"broker: accounts in sync"}
    assert found["broker: accounts in sync"].found.startswith("1 device lacking in the broker's file")


def test_a_device_without_skills_or_parts_for_its_remedies_is_a_warning(look: Examine, desk: SmallDesk) -> None:
    desk.vehicle("ev-1")
    point = look()["desk: acme: electric_vehicle"]
    assert point.level is Level.WARNING
    assert "no part EV-12V-BATTERY" in point.found


def test_a_product_without_translations_is_named_with_what_it_lacks(look: Examine, tmp_path: Path) -> None:
    assert look()["people: languages"].found == "en, ko, ja"
    (tmp_path / "newcomer").mkdir()
    with product_folder(tmp_path / "newcomer"):
        point = look()["people: languages"]
        assert point.level is Level.WARNING
        told = re.fullmatch(
            r"the product newcomer_pump has (\d+) texts in ko, \1 texts in ja without a translation", point.found
        )
        assert told, point.found
        assert "python -m gateway.texts.sources" in point.next_move
        locale = tmp_path / "newcomer" / "newcomer_pump" / "locale"
        locale.mkdir()
        (locale / "ko.po").write_text('msgid "The motor is hot"\nmsgstr "모터 과열"\n', encoding="utf-8")
        assert f"has {int(told[1]) - 1} texts in ko, {told[1]} texts in ja" in look()["people: languages"].found


def test_parts_that_lack_a_title_where_others_have_one_are_a_warning(look: Examine, desk: SmallDesk) -> None:
    name = "desk: acme: parts' titles"
    assert name not in look(), "a tenant of one language has nothing to translate"
    desk.admin.execute("""UPDATE part SET titles = '{"ko": "계량기"}' WHERE part_no = 'MTR-WATER'""")
    point = look()[name]
    assert point.level is Level.WARNING
    assert point.found == "none in ko for EV-CELL-MODULE, EV-TYRE-REPAIR: people read their `title` instead"
    desk.admin.execute("""UPDATE part SET titles = '{"ko": "부품"}'""")
    assert name not in look()


def test_mail_is_tried_up_to_the_login_and_no_further(look: Examine) -> None:
    controller = Controller(object(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        url = f"smtp://127.0.0.1:{controller.port}"
        assert look(smtp_url=url)["people: mail"].level is Level.OK
        refused = look(smtp_url=f"smtp://somebody:geheim@127.0.0.1:{controller.port}")["people: mail"]
    finally:
        controller.stop()
    assert refused.level is Level.WRONG
    assert "geheim" not in refused.found
    closed = look(smtp_url=f"smtp://127.0.0.1:{free_port()}")["people: mail"]
    assert closed.level is Level.WRONG
    assert "correct host and port in CALLOUT_SMTP_URL" in closed.next_move


def test_a_mail_server_that_sends_us_away_is_wrong(look: Examine) -> None:
    def send_away() -> None:
        caller, _ = server.accept()
        with caller:
            caller.sendall(b"554 go away\r\n")
            caller.recv(100)

    with socket.create_server(("127.0.0.1", 0)) as server:
        doorman = threading.Thread(target=send_away)
        doorman.start()
        point = look(smtp_url=f"smtp://127.0.0.1:{server.getsockname()[1]}")["people: mail"]
        doorman.join(20)
    assert point.level is Level.WRONG
    assert "554" in point.found


def test_links_that_lead_to_this_machine_are_wrong_when_letters_leave_it(look: Examine) -> None:
    point = look(smtp_url="smtp://mail.invalid:25")["people: address in links"]
    assert point.level is Level.WRONG
    assert "CALLOUT_PUBLIC_URL" in point.next_move
    assert look(public_url="http://desk.example.org")["people: address in links"].level is Level.WARNING
    assert look(public_url="https://desk.example.org")["people: address in links"].level is Level.OK
    assert look(public_url="desk")["people: address in links"].level is Level.WRONG


def test_a_data_folder_that_cannot_be_one_and_secrets_that_others_can_read_are_wrong(
    look: Examine, tmp_path: Path, own_broker: EmbeddedBroker
) -> None:
    (tmp_path / "file").write_text("in the way")
    found = look(data_dir=tmp_path / "file" / "data")
    assert found["machine: data folder"].level is Level.WRONG
    secret = own_broker.folder.path / "secrets" / "callout-desk"
    secret.chmod(0o644)
    try:
        assert look()["machine: secrets"].found == "others may read callout-desk"
    finally:
        secret.chmod(0o600)


def test_a_process_that_fell_silent_an_alarm_and_refused_messages_are_told(look: Examine, desk: SmallDesk) -> None:
    desk.admin.execute("UPDATE desk_process SET heard_at = now() - interval '5 minutes' WHERE process = 'work'")
    since = datetime.now(UTC) - timedelta(minutes=3)
    keep_alarms(desk.admin, [Alarm(Kind.QUEUE_FILLS, False, since, since, 0.7)])
    desk.admin.execute(
        "INSERT INTO rejection (received_at, topic, reason, detail, payload) SELECT now(), 't', 'not_json', '', '' FROM generate_series(1, 3)"
    )
    found = look()
    assert levels(found, Level.WRONG) == {"desk: work"}
    assert found["desk: work"].next_move == "Start it: ./callout work"
    assert "70% full" in found["desk: alarm queue_fills"].found
    assert found["desk: refused"].found == "in the last day: 3 not_json"


def test_a_file_of_ports_that_cannot_be_read_does_not_stop_the_doctor(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "ports.json").write_text("{")
    outcome = callout("doctor", data_dir=data)
    assert "Traceback" not in outcome.stderr
    assert "Machine" in outcome.stdout
