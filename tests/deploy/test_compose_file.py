"""docker-compose.yml is valid, has no password of its own, opens what it must and no more, and can be scaled."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from gateway.settings import ENVIRONMENT_PREFIX, Settings
from tests.deploy.compose import DOT_ENV, FILE, OURS, SECRETS, UnsetError, deploy, in_order, load

SCHEMA = Path(__file__).with_name("schema") / "compose-spec.json"
COMPOSE = [program for program in ("docker-compose",) if shutil.which(program)]
SCALED = ("ingest", "work", "serve", "enrol")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return load()["services"]


def test_it_is_valid_by_the_schema_of_the_specification() -> None:
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(load())


def test_the_schema_refuses_what_is_misspelt() -> None:
    document = load()
    document["services"]["serve"]["comand"] = ["serve"]
    with pytest.raises(jsonschema.ValidationError, match="comand"):
        jsonschema.Draft7Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(document)


@pytest.mark.skipif(not COMPOSE, reason="docker-compose is not installed: apt-get install docker-compose")
def test_docker_compose_reads_it_as_this_test_does(tmp_path: Path, services: dict[str, Any]) -> None:
    outcome = subprocess.run(
        [*COMPOSE, "--file", str(FILE), "config"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **DOT_ENV},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert outcome.returncode == 0, outcome.stderr
    read = yaml.safe_load(outcome.stdout)["services"]
    assert set(read) == set(services)
    for name in services:
        assert read[name].get("command") == services[name].get("command"), name
        assert read[name].get("environment") == services[name].get("environment"), name


@pytest.mark.skipif(not COMPOSE, reason="docker-compose is not installed: apt-get install docker-compose")
def test_docker_compose_refuses_it_without_a_secret_and_says_what_to_do(tmp_path: Path) -> None:
    without = {name: value for name, value in DOT_ENV.items() if name != "CALLOUT_SECRET"}
    outcome = subprocess.run(
        [*COMPOSE, "--file", str(FILE), "--project-directory", str(tmp_path), "config"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **without},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert outcome.returncode != 0
    assert "CALLOUT_SECRET" in outcome.stderr
    assert "into .env" in outcome.stderr


@pytest.mark.parametrize("name", sorted(DOT_ENV))
def test_a_variable_that_is_not_set_is_refused_with_what_to_do(name: str) -> None:
    for given in ({}, {name: ""}):
        with pytest.raises(UnsetError, match=rf"{name}: put .* into \.env"):
            load({variable: value for variable, value in DOT_ENV.items() if variable != name} | given)


def test_no_password_stands_in_the_file_or_has_a_default(services: dict[str, Any]) -> None:
    secrets = set(SECRETS.values())
    given = [pair for each in services.values() for pair in each.get("environment", {}).items()]
    named = {value for name, value in given if re.search("PASSWORD|SECRET|TOKEN", name)}
    # Those that may be left out are empty then.
    assert named - {""} == secrets
    assert {urlsplit(value).password for _, value in given if "@" in value and "://" in value} <= secrets
    assert not re.search(r"\$\{\w*(PASSWORD|SECRET|TOKEN)\w*:?-[^}]", FILE.read_text("utf-8"))


HOLDERS = {
    "CALLOUT_DATABASE_PASSWORD": {"database", "migrate", "accounts"},
    "CALLOUT_DATABASE_INGEST_PASSWORD": {"migrate", "ingest"},
    "CALLOUT_DATABASE_WORK_PASSWORD": {"migrate", "work"},
    "CALLOUT_DATABASE_SERVE_PASSWORD": {"migrate", "serve", "enrol"},
    "CALLOUT_INGEST_PASSWORD": {"accounts", "ingest"},
    "CALLOUT_DESK_PASSWORD": {"accounts"},
    "CALLOUT_SECRET": {"accounts", "work", "serve", "enrol"},
    "CALLOUT_API_TOKEN": set(OURS),
}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_is_told_to_those_who_need_it(name: str, services: dict[str, Any]) -> None:
    assert {each for each in services if SECRETS[name] in json.dumps(services[each])} == HOLDERS[name]


def test_every_setting_in_it_exists(services: dict[str, Any]) -> None:
    known = {f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in OURS:
        assert set(services[name]["environment"]) <= known, name


def test_the_proxy_and_the_devices_doors_alone_are_published(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"proxy": ["80:80", "443:443"], "broker": ["8883:8883", "8884:8884"]}
    assert all(service.get("network_mode") is None for service in services.values())


def test_the_database_cannot_be_reached_from_outside_and_the_proxy_cannot_reach_it(services: dict[str, Any]) -> None:
    networks = load()["networks"]
    assert services["database"]["networks"] == ["desk"]
    assert networks["desk"]["internal"] is True
    assert networks["pages"]["internal"] is True
    assert services["proxy"]["networks"] == ["pages", "front"]
    for open_network in ("front", "street", "mail"):
        assert len([name for name, each in services.items() if open_network in each["networks"]]) == 1


def test_serve_trusts_just_the_network_in_which_the_proxy_and_it_are_alone(services: dict[str, Any]) -> None:
    [subnet] = [config["subnet"] for config in load()["networks"]["pages"]["ipam"]["config"]]
    assert services["serve"]["environment"]["CALLOUT_TRUSTED_PROXIES"] == subnet
    assert {name for name, service in services.items() if "pages" in service["networks"]} == {"serve", "enrol", "proxy"}


def test_the_authority_s_key_is_out_of_the_broker_s_and_the_proxy_s_reach(services: dict[str, Any]) -> None:
    holders = {
        name for name, service in services.items() if any("authority:" in each for each in service.get("volumes", ()))
    }
    assert holders == {"authority", "accounts", "enrol"}


def test_the_process_that_people_s_pages_run_in_has_no_way_to_the_authority_s_key(services: dict[str, Any]) -> None:
    assert "volumes" not in services["serve"]
    assert "CALLOUT_AUTHORITY_DIR" not in services["serve"]["environment"]
    assert services["enrol"]["command"] == services["serve"]["command"] == ["serve"]
    assert services["enrol"]["volumes"] == ["authority:/authority:ro"]


# Told to containers in another form, or of no use in one.
ELSEWHERE = {
    "CALLOUT_DATA_DIR", "CALLOUT_BROKER_CA_FILE", "CALLOUT_HTTP_HOST", "CALLOUT_HTTP_PORT", "CALLOUT_METRICS_HOST",
    "CALLOUT_INGEST_METRICS_PORT", "CALLOUT_WORK_METRICS_PORT", "CALLOUT_INGEST_WORKERS", "CALLOUT_BROKER_QUEUE_MESSAGES",
    "CALLOUT_BROKER_QUEUE_BYTES", "CALLOUT_SETTINGS_FILE", "CALLOUT_SECRETS_DIR",
}  # fmt: skip


def test_every_setting_reaches_the_containers_that_read_it(services: dict[str, Any]) -> None:
    kafka = yaml.safe_load(deploy("kafka.yml").read_text("utf-8"))["services"]["ingest"]["environment"]
    told = set(kafka).union(*(services[name]["environment"] for name in OURS))
    assert {f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in Settings.model_fields} - told == ELSEWHERE
    for name, setting in (
        ("work", "PAYMENT_KEY"), ("serve", "PAYMENT_WEBHOOK_SECRET"), ("work", "SUPPLIER_SECRETS"),
        ("serve", "SUPPLIER_SECRETS"), ("work", "REPLAN_ROUTES"), ("work", "KEEP_HOURS_DAYS"), ("serve", "MAIL_FROM"),
    ):  # fmt: skip
        assert f"CALLOUT_{setting}" in services[name]["environment"], (name, setting)


def test_a_setting_that_may_be_left_out_has_the_program_s_own_default(services: dict[str, Any]) -> None:
    defaults = Settings()
    for name in ("keep_readings_days", "keep_hours_days", "gap_patience_s", "replan_routes", "payment_url"):
        told = {
            each["environment"].get(f"CALLOUT_{name.upper()}") for each in services.values() if "environment" in each
        }
        assert told - {None} == {str(getattr(defaults, name)).lower()}, name


@pytest.mark.skipif(not COMPOSE, reason="docker-compose is not installed: apt-get install docker-compose")
def test_kafka_is_laid_over_it_with_a_way_for_ingest_alone(tmp_path: Path) -> None:
    kafka = {"CALLOUT_SOURCE_URL": "kafkas://ingest@kafka.example/callout", "CALLOUT_SOURCE_PASSWORD": "z" * 40}
    files = ["--file", str(FILE), "--file", str(deploy("kafka.yml"))]
    for given, code in ((DOT_ENV | kafka, 0), (DOT_ENV, 1)):
        outcome = subprocess.run(
            [*COMPOSE, *files, "config"],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **given},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (outcome.returncode == 0) is (code == 0), outcome.stderr
        if code:
            assert "kafkas://ACCOUNT@HOST/TOPIC, in .env" in outcome.stderr
            continue
        services = yaml.safe_load(outcome.stdout)["services"]
        assert set(services["ingest"]["networks"]) == {"desk", "kafka"}
        assert [name for name, each in services.items() if "z" * 40 in json.dumps(each)] == ["ingest"]
        assert services["ingest"]["environment"]["CALLOUT_BROKER_URL"].startswith("mqtt://callout-ingest:")


@pytest.mark.parametrize("name", sorted(load()["services"]))
def test_every_container_is_closed_in(name: str, services: dict[str, Any]) -> None:
    service = services[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["logging"]["options"]["max-size"] == "10m"
    assert service["restart"] in {"unless-stopped", "on-failure"}
    assert service["pids_limit"] <= 1024
    assert service["read_only"] is (name != "database")
    assert "privileged" not in service
    assert not any("docker.sock" in volume for volume in service.get("volumes", ()))
    image = service["image"]
    assert re.search(r":\d+\.\d+", image), f"{image} is not pinned"


def test_every_volume_and_network_that_is_used_is_declared_and_the_other_way_round(services: dict[str, Any]) -> None:
    document = load()
    named = {volume.partition(":")[0] for each in services.values() for volume in each.get("volumes", ())}
    assert {name for name in named if not name.startswith(".")} == set(document["volumes"])
    assert {network for each in services.values() for network in each["networks"]} == set(document["networks"])
    for file in (name for name in named if name.startswith("./deploy/")):
        assert deploy(file.removeprefix("./deploy/")).exists()


def test_whoever_starts_finds_running_what_he_needs(services: dict[str, Any]) -> None:
    order = in_order(services)
    wanted = ["database", "migrate", "authority", "accounts", "broker", "ingest"]
    assert [name for name in order if name in wanted] == wanted
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_completed_successfully":
                assert services[other]["restart"] == "on-failure"
            else:
                assert how["condition"] == "service_healthy"
                assert not services[other].get("healthcheck", {}).get("disable")


@pytest.mark.parametrize("name", SCALED)
def test_there_may_be_any_number_of_it(name: str, services: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "hostname"} & set(services[name])
