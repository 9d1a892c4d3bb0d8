"""A device's radio against a real broker: nothing is forgotten before it is acknowledged."""

import time

import msgspec

from simulators.breeds import breed_of
from simulators.enrolment import Enrolment, Login
from simulators.fleet.people import roster
from simulators.radio import Radio
from tests.conftest import BrokerForTests
from tests.simulators.conftest import Ears, wait_until


def payload(seq: int) -> bytes:
    return msgspec.json.encode({"schema": "callout.telemetry/1", "boot": 1, "seq": seq, "samples": [{"at": "x"}]})


def run_until_acknowledged(radio: Radio, timeout_s: float = 20.0) -> None:
    assert radio.drain(timeout_s), radio.troubles()


def test_what_is_said_without_a_connection_is_sent_when_there_is_one(
    enrolment: Enrolment, ears: Ears, tenant: str
) -> None:
    radio = Radio()
    link = radio.link(enrolment.start(roster(breed_of("electric_vehicle"), 1, tenant, 1)[0]))
    for seq in range(1, 201):
        link.send(link.identity.topics.telemetry, payload(seq))
    assert link.backlog == 200
    run_until_acknowledged(radio)
    radio.close()
    wait_until(lambda: len(ears.of("ev-0001", "telemetry")) == 200)
    assert [message["seq"] for message in ears.of("ev-0001", "telemetry")] == list(range(1, 201))


def test_a_connection_lost_on_the_way_loses_nothing_and_keeps_the_order(
    enrolment: Enrolment, ears: Ears, tenant: str
) -> None:
    radio = Radio()
    link = radio.link(enrolment.start(roster(breed_of("electric_vehicle"), 1, tenant, 1)[0]), window=20)
    for seq in range(1, 1001):
        link.send(link.identity.topics.telemetry, payload(seq))
        if seq % 50 == 0:
            radio.run(0.01)
            link.lose_signal()
            link.find_signal()
    run_until_acknowledged(radio)
    radio.close()
    wait_until(lambda: len({message["seq"] for message in ears.of("ev-0001", "telemetry")}) == 1000)
    seqs = [message["seq"] for message in ears.of("ev-0001", "telemetry")]
    assert list(dict.fromkeys(seqs)) == list(range(1, 1001))


def test_a_refused_login_is_said_and_new_credentials_are_taken_up(
    enrolment: Enrolment, broker: BrokerForTests, ears: Ears, tenant: str
) -> None:
    request = roster(breed_of("electric_vehicle"), 1, tenant, 1)[0]
    identity = enrolment.start(request)
    radio = Radio()
    wrong = Login(username=identity.credentials.username, password="wrong")
    link = radio.link(identity.model_copy(update={"credentials": wrong}))
    link.send(link.identity.topics.telemetry, payload(1))
    radio.run(1.0)
    assert link.refused_since_s is not None
    assert "Not authorized" in radio.troubles()[0]
    link.accept(enrolment.enrol(request))
    run_until_acknowledged(radio)
    radio.close()


def test_another_devices_topic_is_refused_by_the_broker_and_counted(enrolment: Enrolment, tenant: str) -> None:
    radio = Radio()
    link = radio.link(enrolment.start(roster(breed_of("electric_vehicle"), 1, tenant, 1)[0]))
    link.send(link.identity.topics.telemetry.replace("ev-0001", "ev-0002"), payload(1))
    ends_s = time.monotonic() + 10
    while not radio.refused and time.monotonic() < ends_s:
        radio.run(0.02)
    radio.close()
    assert radio.refused == 1
    assert radio.acknowledged == 0
