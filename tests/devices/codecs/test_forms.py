"""Forms: each payload goes to the decoder of its form, told by its first bytes and, for objects, by its schema."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codecs import dsmr, forms, mapped_json, own_json, senml
from devices.product import MessageKind
from devices.readings import Envelope, Refusal
from tests.devices.codecs.meter import SIGNALS
from tests.devices.codecs.test_dsmr import LINES, telegram

OWN = own_json.decoder(SIGNALS)
MAPPING = '[time]\nreceipt = true\n[signals.power_w]\npath = "ENERGY.Power"\n'
every_form = forms.decoder(
    OWN,
    senml=senml.decoder(SIGNALS),
    p1=dsmr.decoder(SIGNALS),
    mapped=mapped_json.decoder(mapped_json.load(MAPPING, SIGNALS)),
)
own_only = forms.decoder(OWN)
TELEMETRY = json.dumps(
    {"schema": "callout.telemetry/1", "boot": 1, "seq": 1, "samples": [{"at": "2026-11-21T22:14:40Z", "power_w": 1}]}
).encode()
PAYLOADS = {
    "own": TELEMETRY,
    "senml": b'[{"n":"power_w","u":"kW","v":0.001}]',
    "mapped": b'{"ENERGY":{"Power":1}}',
    "p1": telegram(*LINES[:2], "1-0:1.7.0(00.001*kW)"),
}


@pytest.mark.parametrize("before", [b"", b" \r\n\t"])
@pytest.mark.parametrize("form", PAYLOADS)
def test_a_payload_is_told_by_its_content(form: str, before: bytes) -> None:
    answer = every_form(before + PAYLOADS[form], "telemetry")
    assert isinstance(answer, Envelope), answer
    assert answer.samples[0].values == {"power_w": 1.0}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"schema": "callout.telemetry/9", "ENERGY": {"Power": 1}}', "wrong_form"),
        (b'{"schema": "callout.telemetry/9", "boot": 1, "seq": 1, "samples": [{}]}', "unknown_schema"),
        (b'{"schema": 5, "unmapped": 1}', "nothing_mapped"),
        (b'{"ENERGY": ', "not_json"),
        (b"", "not_json"),
        (b"\xff", "not_json"),
        (b"7", "wrong_form"),
    ],
)
def test_what_no_other_form_claims_is_explained_as_ours(payload: bytes, reason: str) -> None:
    answer = every_form(payload, "telemetry")
    assert isinstance(answer, Refusal)
    assert answer.reason == reason


@pytest.mark.parametrize(("form", "reason"), [("senml", "other_form"), ("p1", "other_form"), ("mapped", "wrong_form")])
def test_a_form_that_the_product_does_not_read_is_named(form: str, reason: str) -> None:
    answer = own_only(PAYLOADS[form], "telemetry")
    assert isinstance(answer, Refusal)
    assert answer.reason == reason


@pytest.mark.parametrize("form", ["senml", "mapped", "p1"])
def test_events_have_our_own_form_only(form: str) -> None:
    assert isinstance(every_form(PAYLOADS[form], "event"), Refusal)


@given(
    st.sampled_from([b"", b"/", b"[", b"{", b" {"]), st.binary(max_size=200), st.sampled_from(["telemetry", "event"])
)
def test_decode_answers_on_any_bytes(before: bytes, payload: bytes, kind: MessageKind) -> None:
    assert isinstance(every_form(before + payload, kind), Envelope | Refusal)
