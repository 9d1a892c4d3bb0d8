"""The AsyncAPI document of the door says what the code does: topics, schemas, limits, and every reason of a refusal."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import msgspec
import pytest

from devices.codecs import dsmr, own_json
from devices.identity import CHANNELS, PARTITIONS, Identity, parse_topic
from devices.product import MessageKind
from devices.products import product_type
from devices.readings import Envelope
from gateway.admission.broker_accounts import ACCESS_RULES
from gateway.ingest.answers import MOST_MISSING, Answer, Answered, read_answer
from gateway.ingest.decode import _State
from gateway.ingest.directory import Known
from gateway.ingest.resend import payload_of
from gateway.ingest.source import Message
from gateway.settings import CHECKOUT
from gateway.storage.commands import Order, Resend

DOOR: dict[str, Any] = json.loads((CHECKOUT / "gateway" / "door.asyncapi.json").read_text("utf-8"))
REASON = re.compile(r"""(?:Refusal|UnitError)\(\s*"(\w+)\"""")


def follow(node: Any) -> Any:
    """What a reference within the document leads to."""
    while isinstance(node, dict) and "$ref" in node:
        path = cast("str", node["$ref"]).removeprefix("#/").split("/")
        node = DOOR
        for step in path:
            node = node[step]
    return node


def references(node: Any) -> Iterator[dict[str, str]]:
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        if isinstance(inner, dict) and "$ref" in inner:
            yield inner
        else:
            yield from references(inner)


def test_it_is_asyncapi_3_and_every_reference_leads_somewhere() -> None:
    assert DOOR["asyncapi"].startswith("3.")
    assert {"info", "channels", "operations"} <= set(DOOR)
    found = list(references(DOOR))
    assert len(found) > 20
    assert all(isinstance(follow(each), dict) for each in found)


def test_the_topics_are_those_of_an_identity() -> None:
    assert set(DOOR["channels"]) == set(CHANNELS)
    identity = Identity(7, "hanbit", "ev-0001")
    for name, channel in DOOR["channels"].items():
        address = channel["address"].format(partition=7, tenant="hanbit", device="ev-0001")
        assert address == identity.topic(name)
        assert parse_topic(address) == (identity, name)
        assert set(channel["parameters"]) == set(re.findall(r"{(\w+)}", channel["address"]))
    assert f"0 to {PARTITIONS - 1}" in DOOR["components"]["parameters"]["partition"]["description"]


def test_we_receive_what_the_broker_lets_a_device_write() -> None:
    writable = set(re.findall(r"^pattern write callout/v1/%u/(\w+)$", ACCESS_RULES, re.MULTILINE))
    assert {f"receive_{channel}" for channel in writable} | {"send_command"} == set(DOOR["operations"])
    assert {name.partition("_")[0] for name in DOOR["operations"]} == {"receive", "send"}
    assert all(operation["action"] == name.partition("_")[0] for name, operation in DOOR["operations"].items())
    assert all(operation["bindings"]["mqtt"]["qos"] == 1 for operation in DOOR["operations"].values())


def test_the_limits_are_those_of_the_code() -> None:
    broker = (CHECKOUT / "gateway" / "embedded" / "broker.py").read_text("utf-8")
    packet = re.search(r"^max_packet_size (\d+)$", broker, re.MULTILINE)
    assert packet is not None
    assert DOOR["x-callout-limits"] == {
        "payload_bytes": own_json.MAX_BYTES,
        "telegram_bytes": dsmr.MAX_TELEGRAM_BYTES,
        "samples": own_json.MAX_SAMPLES,
        "elements": own_json.MAX_CODES,
        "undeclared_bytes": own_json.MAX_OTHER_BYTES,
        "packet_bytes": int(packet[1]),
    }
    schemas = DOOR["components"]["schemas"]
    assert schemas["telemetry"]["properties"]["samples"]["maxItems"] == own_json.MAX_SAMPLES
    assert schemas["event"]["properties"]["codes"]["maxItems"] == own_json.MAX_CODES
    assert schemas["event"]["properties"]["codes"]["items"]["maxLength"] == own_json.MAX_CODE_CHARS


def test_the_schemas_are_those_that_are_read() -> None:
    schemas = DOOR["components"]["schemas"]
    for name, schema, form in (
        ("telemetry", own_json.TELEMETRY_SCHEMA, own_json._Telemetry),
        ("event", own_json.EVENT_SCHEMA, own_json._Event),
    ):
        fields = msgspec.structs.fields(form)
        assert schemas[name]["properties"]["schema"]["const"] == schema
        assert set(schemas[name]["properties"]) == {field.name for field in fields}
        assert set(schemas[name]["required"]) == {field.name for field in fields if field.required}
    command = json.loads(payload_of(Resend(uuid4(), 1, 3, 0, [(1841, 1850), (1860, 1860)])))
    (asked,) = (example["payload"] for example in DOOR["components"]["messages"]["resend"]["examples"])
    assert {**command, "id": asked["id"]} == asked
    assert set(schemas["resend"]["required"]) == set(schemas["resend"]["properties"]) == set(command)
    order = json.loads(payload_of(Order(uuid4(), 1, "restart_communication_module", {}, 5)))
    (wanted,) = (example["payload"] for example in DOOR["components"]["messages"]["order"]["examples"])
    assert {**order, "id": wanted["id"]} == wanted
    assert set(schemas["order"]["required"]) == set(schemas["order"]["properties"]) == set(order)
    answer = msgspec.structs.fields(Answer)
    assert set(schemas["answer"]["properties"]) == {field.name for field in answer}
    assert set(schemas["answer"]["required"]) == {field.name for field in answer if field.required}
    assert set(schemas["answer"]["properties"]["outcome"]["enum"]) == {"done", "partly", "refused"}
    assert schemas["answer"]["properties"]["missing"]["maxItems"] == MOST_MISSING
    assert set(schemas["state"]["required"]) == {field.name for field in msgspec.structs.fields(_State)}


EXAMPLES = [
    (channel, name, example["payload"])
    for channel in ("telemetry", "event")
    for name, message in DOOR["channels"][channel]["messages"].items()
    for example in follow(message).get("examples", ())
]


@pytest.mark.parametrize(("channel", "name", "payload"), EXAMPLES)
def test_the_examples_are_read_without_a_refusal(channel: MessageKind, name: str, payload: object) -> None:
    answer = product_type("electric_vehicle").decode(json.dumps(payload).encode(), channel)
    assert isinstance(answer, Envelope), f"{name}: {answer}"
    assert (len(answer.refusals), len(answer.samples)) == (0, 1)


def test_the_example_of_an_answer_is_read() -> None:
    (example,) = DOOR["components"]["messages"]["answer"]["examples"]
    device = Known(1, 1, 7, "electric_vehicle")
    read = read_answer(Message("", json.dumps(example["payload"]).encode(), datetime.now(UTC), (1, 0)), device)
    assert isinstance(read, Answered)
    assert read.missing == [(1841, 1843)]


def test_every_reason_of_a_refusal_is_told_and_none_else() -> None:
    sources = [*(CHECKOUT / "devices").rglob("*.py"), *(CHECKOUT / "gateway").rglob("*.py")]
    in_code = {reason for path in sources for reason in REASON.findall(path.read_text("utf-8"))}
    assert len(in_code) > 15
    assert set(DOOR["x-callout-refusals"]) == in_code
    assert all(text.endswith(".") for text in DOOR["x-callout-refusals"].values())
