"""What every product type has to be, run for each folder below devices/products before its author wrote a test."""

import json
import re
import warnings
from importlib import resources
from itertools import combinations
from typing import cast

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.faults import Fulfilment
from devices.modes import MODE
from devices.monitors import Reported, Silence
from devices.product import MessageKind, ProductType
from devices.readings import Columns, Envelope, Refusal, Value
from devices.remote import RESEND, STOP_USING, SUPPLY_COMMANDS, may_be_tried
from devices.signals import Kind
from devices.wrong_rows import wrong_rows
from diagnostics.detectors.silence import LONGEST_US, Silences
from diagnostics.watch import Watch
from tests.devices.products.recordings import CHANNELS, PRODUCTS, columns, decoded, examples

COLUMN_TYPE = {
    Kind.SCALAR: "real",
    Kind.COUNTER: "bigint",
    Kind.LEVEL: "smallint",
    Kind.FLAG: "boolean",
    Kind.VECTOR: "real[]",
    Kind.CODES: "text[]",
}
WITHOUT_UNIT = {Kind.COUNTER, Kind.LEVEL, Kind.FLAG, Kind.CODES}
# What has a unit says so at the end of its name, so that nobody has to look it up.
ENDING = {
    "V": "_v", "A": "_a", "%": "_pct", "°C": "_degc", "kΩ": "_kohm", "kPa": "_kpa", "mm": "_mm", "m": "_m",
    "km/h": "_kmh", "kWh": "_kwh", "W": "_w", "kW": "_kw", "l/min": "_l_min", "bar": "_bar", "Hz": "_hz", "s": "_s",
    "Wh": "_wh", "l": "_l", "l/h": "_l_h",
}  # fmt: skip


# ------------------------------------------------------------------ modes


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_mode_suppresses_monitors_that_exist_and_none_of_safety(product: ProductType) -> None:
    monitors = {monitor.name: monitor for monitor in product.monitors}
    for mode in product.modes:
        assert mode.title
        assert mode.suppresses <= set(monitors), mode.name
        assert not any(monitors[name].is_safety for name in mode.suppresses), mode.name
        assert 0 < mode.after_s < mode.most_s, "an end that was never told must not silence a device"
    assert len({mode.name for mode in product.modes} | set(monitors)) == len(product.modes) + len(monitors)
    assert sum(mode.told_by is None for mode in product.modes) <= 1
    assert set(product.chatters) <= set(monitors)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_mode_is_told_by_a_feature_of_one_element_and_is_no_component(product: ProductType) -> None:
    assert MODE not in product.components
    for row in product.mode_rows:
        assert (row.component, row.is_safety) == (MODE, False)
        assert product.features[row.feature].element == ""
        assert row.name in {mode.name for mode in product.modes}


# ------------------------------------------------------------------ decode


def see_that_decode_answers(product: ProductType, payload: bytes, kind: MessageKind) -> None:
    answer = product.decode(payload, kind)
    assert isinstance(answer, Envelope | Refusal)
    refusals = [answer] if isinstance(answer, Refusal) else answer.refusals
    for refusal in refusals:
        assert refusal.reason.isidentifier(), "a reason is a word to count by"
        assert refusal.detail
    if isinstance(answer, Envelope):
        assert all(type(sample.at_us) is int for sample in answer.samples)
        assert all(set(sample.values) <= set(product.signals) for sample in answer.samples)


@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize("product", PRODUCTS)
@given(payload=st.binary(max_size=400))
@example(payload=b"")
@example(payload=b"\xff\xfe{}")
@example(payload=b"[" * 100_000)
@example(payload=b"1" * 5000)
def test_decode_answers_on_any_bytes(product: ProductType, kind: MessageKind, payload: bytes) -> None:
    see_that_decode_answers(product, payload, kind)


NUMBERS = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([255, 511, 1e39, -1e39, 10**40])
)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=20)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5), max_leaves=12)  # fmt: skip
INSTANTS = st.sampled_from(
    [
        "2026-11-21T22:14:40.250Z",
        "2026-11-21",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "soon",
        7,
        None,
    ]
)


@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize("product", PRODUCTS)
@given(data=st.data())
def test_decode_answers_on_messages_of_the_right_form_with_any_content(
    product: ProductType, kind: MessageKind, data: st.DataObject
) -> None:
    names = st.sampled_from([*product.signals, "at", "unheard_of"])
    sample = st.dictionaries(names, JSON, max_size=6) | st.fixed_dictionaries({"at": INSTANTS, "unheard_of": JSON})
    sample |= st.builds(lambda at, rest: {"at": at, **rest}, INSTANTS, st.dictionaries(names, JSON, max_size=6))
    message = {
        "schema": data.draw(st.sampled_from(["callout.telemetry/1", "callout.event/1", "", "x" * 300])),
        "boot": data.draw(st.integers() | st.none() | st.floats(allow_nan=False)),
        "seq": data.draw(st.integers() | st.text(max_size=3)),
        "at": data.draw(INSTANTS),
        "samples": data.draw(st.lists(sample, max_size=4) | JSON),
        "codes": data.draw(st.lists(st.text(max_size=40), max_size=5) | JSON),
    }
    see_that_decode_answers(product, json.dumps(message).encode(), kind)


@pytest.mark.parametrize("product", PRODUCTS)
@given(data=st.data())
def test_decode_answers_on_damaged_recordings(product: ProductType, data: st.DataObject) -> None:
    kind, payload, _ = data.draw(st.sampled_from(examples(product)))
    damaged = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "repeat"])):
            case "flip":
                damaged[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del damaged[max(1, place) :]
            case "drop":
                del damaged[place : place + data.draw(st.integers(0, max(0, len(damaged) - 2)))]
            case _:
                damaged[place:place] = damaged[place : place + 40]
        if not damaged:
            break
    see_that_decode_answers(product, bytes(damaged), kind)


@pytest.mark.parametrize("product", PRODUCTS)
def test_there_are_recordings_and_all_are_read_without_a_refusal(product: ProductType) -> None:
    assert {kind for kind, _, _ in examples(product)} >= {"telemetry"}
    for kind, payload, name in examples(product):
        answer = product.decode(payload, kind)
        assert isinstance(answer, Envelope), f"{name}: {answer}"
        assert not answer.refusals, f"{name}: {answer.refusals}"
        assert answer.samples, name


@pytest.mark.parametrize("product", PRODUCTS)
def test_recordings_show_every_signal_with_a_value_at_least_once(product: ProductType) -> None:
    seen = {name for envelope in decoded(product) for sample in envelope.samples for name in sample.values}
    assert set(product.signals) - seen == set()


@pytest.mark.parametrize("product", PRODUCTS)
def test_what_a_device_says_for_no_value_is_no_value(product: ProductType) -> None:
    for signal in product.signals.values():
        for mark in signal.no_value:
            shown = [mark, mark] if signal.kind is Kind.VECTOR else mark
            sample = {"at": "2026-11-21T22:14:40Z", signal.name: shown}
            message = {"schema": "callout.telemetry/1", "boot": 1, "seq": 1, "samples": [sample]}
            answer = product.decode(json.dumps(message).encode(), "telemetry")
            assert isinstance(answer, Envelope)
            assert not answer.refusals
            assert answer.samples[0].values[signal.name] in (None, [None, None]), (signal.name, mark)


# ------------------------------------------------------------------ signals and columns


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_signal_has_a_title_a_unit_and_a_plausible_range(product: ProductType) -> None:
    for key, signal in product.signals.items():
        assert key == signal.name
        assert signal.name.isidentifier(), signal.name
        assert signal.name == signal.name.lower(), signal.name
        assert signal.title, signal.name
        assert signal.unit or signal.kind in WITHOUT_UNIT, f"{signal.name} has no unit"
        low, high = signal.plausible
        assert low < high or signal.kind is Kind.CODES, f"{signal.name} has no plausible range: {signal.plausible}"
        if signal.kind is not Kind.CODES:
            beyond = [mark for mark in signal.no_value if low <= mark <= high]
            assert not beyond, f"{signal.name}: {beyond} says 'no value', but is a plausible one"


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_signal_with_a_unit_carries_it_in_its_name(product: ProductType) -> None:
    for signal in product.signals.values():
        if signal.unit:
            assert signal.unit in ENDING, f"unit {signal.unit!r} of {signal.name}: add its ending to this test"
            assert signal.name.endswith(ENDING[signal.unit]), f"{signal.name} is in {signal.unit}"


@pytest.mark.parametrize("product", PRODUCTS)
def test_elements_of_a_vector_have_a_name_and_nothing_else_has(product: ProductType) -> None:
    for signal in product.signals.values():
        assert bool(signal.element) == (signal.name in {s.name for s in product.signals.values() if s.element})
        assert not signal.element or signal.kind is Kind.VECTOR, signal.name
        # A vector whose columns are watched one by one needs a word for one of them.
        assert signal.kind is not Kind.VECTOR or signal.element or "pads" in signal.name, signal.name


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_signal_has_a_column_of_its_type_and_every_column_a_signal(product: ProductType) -> None:
    made = reading_columns(product)
    own = {"device_id", "claimed_at", "boot", "seq", "sample", "partition", "ingest_no", "received_at", "is_backfill"}
    wanted = {name: COLUMN_TYPE[signal.kind] for name, signal in product.signals.items()}
    assert {name: kind for name, kind in made.items() if name not in own | {"other"}} == wanted
    assert own | {"other"} <= set(made)


def reading_columns(product: ProductType) -> dict[str, str]:
    """Columns of the product's readings by the migrations' text: the table, and what later ones added."""
    table = f"{product.name}_reading"
    text = "\n".join(
        file.read_text("utf-8")
        for file in sorted(resources.files("gateway.storage.migrations").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    )
    made = re.search(rf"CREATE TABLE {table} \((.*?)\n\)", text, re.DOTALL)
    assert made is not None, (
        f"no migration makes the table {table}: run `callout draft-migration {product.name} --write`"
    )
    rows = re.findall(r"^    ([a-z][a-z0-9_]*) ([a-z]+(?:\[\])?)[ ,]", made[1] + "\n", re.MULTILINE)
    added = re.findall(rf"ALTER TABLE {table} ADD COLUMN ([a-z0-9_]+) ([a-z]+(?:\[\])?)", text)
    return dict(cast("list[tuple[str, str]]", rows + added))


# ------------------------------------------------------------------ features and monitors


@pytest.mark.parametrize("product", PRODUCTS)
def test_features_are_computed_from_recordings_without_warnings_and_in_shape(product: ProductType) -> None:
    batch = columns(product)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for feature in product.features.values():
            if feature.compute is None:
                assert product.signals[feature.of_codes].kind is Kind.CODES
                continue
            matrix = feature.compute(batch)
            assert matrix.dtype == np.float64
            assert matrix.ndim == 2, feature.name
            assert len(matrix) == batch.length, feature.name
            assert feature.element or matrix.shape[1] == 1, f"{feature.name} has columns without a name for one"
            assert not np.isinf(matrix).any(), feature.name
            assert not np.isnan(matrix).all(), f"{feature.name} says nothing of any recording"


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("value", [0.0, -1.0, 1e30, float("nan")])
def test_features_stand_impossible_and_missing_values_without_warnings(product: ProductType, value: float) -> None:
    shown: dict[str, list[Value]] = {}
    for signal in product.signals.values():
        one: Value = [value, None, value] if signal.kind is Kind.VECTOR else value
        shown[signal.name] = [None, [] if signal.kind is Kind.CODES else one]
    for batch in (Columns(shown, 2), Columns({}, 2), Columns({}, 0)):
        for feature in product.features.values():
            if feature.compute is not None:
                assert feature.compute(batch).shape[0] == batch.length, feature.name


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_row_names_what_exists_and_holds_values_that_can_be(product: ProductType) -> None:
    assert list(wrong_rows(product)) == []
    for monitor in product.monitors:
        assert monitor.title, f"monitor {monitor.name!r} has no title: say in a few words what is wrong when it fires"


@pytest.mark.parametrize("product", PRODUCTS)
def test_silence_is_longer_than_late_and_late_is_longer_than_the_cadence(product: ProductType) -> None:
    assert len([monitor for monitor in product.monitors if isinstance(monitor, Silence)]) <= 1
    assert product.late_after_s >= 2 * product.cadence_s, "one message that is lost makes nobody late"
    if product.silence is not None:
        assert product.silence.after_s > product.late_after_s
        assert product.silence.off_delay_s > 0, "a single word in a long silence makes nobody well"
        others = {monitor.component for monitor in product.monitors if monitor is not product.silence}
        assert product.silence.component not in others, "who does not speak says nothing of another component"


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_thousand_devices_that_are_never_late_are_never_silent_and_one_that_stops_is_found_in_time(
    product: ProductType,
) -> None:
    if product.silence is None:
        pytest.skip("any silence of it is usual")
    late_us, after_us = int(product.late_after_s * 1e6), int(product.silence.after_s * 1e6)
    silences = Silences({product.name: product.silence}, np.zeros(0, np.int64), [])
    chance = np.random.default_rng(3)
    # The last one falls silent with the first word that it says; the others come at any time before they are late.
    next_us = chance.integers(LONGEST_US, late_us, 1000)
    found: list[tuple[int, int]] = []
    stopped_us = int(next_us[-1])
    for at_us in range(LONGEST_US, late_us + after_us + after_us // 2, LONGEST_US):
        heard = np.flatnonzero(next_us <= at_us)
        if len(heard):
            silences.hear(heard.tolist(), [product.name] * len(heard), next_us[heard].tolist())
            next_us[heard] += chance.integers(late_us // 2, late_us, len(heard))
            next_us[-1] = max(next_us[-1], 2**62) if 999 in heard else next_us[-1]
        found += [(change.device_id, at_us) for change in silences.tick(at_us)]
    ((device_id, found_us),) = found
    assert device_id == 999
    assert after_us <= found_us - stopped_us <= after_us + LONGEST_US


@pytest.mark.parametrize("product", PRODUCTS)
def test_no_trouble_code_is_passed_over_and_none_is_taken_twice(product: ProductType) -> None:
    reported = [monitor for monitor in product.monitors if isinstance(monitor, Reported)]
    named = [code for monitor in reported for code in monitor.codes]
    named += [code for row in product.mode_rows if isinstance(row, Reported) for code in row.codes]
    named += [code for mode in product.modes for code in mode.ended_by]
    assert len(named) == len(set(named))
    if any(signal.kind is Kind.CODES for signal in product.signals.values()):
        assert any(monitor.unless == set(named) for monitor in reported), "no monitor takes the codes that none names"


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_watch_takes_recordings_and_confirms_nothing_in_those_of_sound_devices(product: ProductType) -> None:
    for kind, payload, name in examples(product):
        envelope = product.decode(payload, kind)
        assert isinstance(envelope, Envelope)
        rows = [sample.values for sample in envelope.samples]
        batch = Columns({signal: [row.get(signal) for row in rows] for signal in product.signals}, len(rows))
        at_us = np.array([sample.at_us for sample in envelope.samples])
        changes = Watch(product).step(np.zeros(len(rows), np.int64), at_us, batch)
        told = {change.monitor for change in changes if change.phase == "confirmed"}
        told -= {row.name for row in product.mode_rows}
        assert not told or kind == "event", f"{name}: {told}"


# ------------------------------------------------------------------ faults, remedies and what people see


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_monitor_is_shown_by_a_fault_of_its_component_and_by_no_other(product: ProductType) -> None:
    monitors = {monitor.name: monitor for monitor in product.monitors}
    shown: set[tuple[str, str]] = set()
    for fault in product.faults.values():
        for name in fault.shows:
            assert name in monitors, f"{fault.code} shows {name}, which is no monitor"
            assert monitors[name].component == fault.component, f"{fault.code} shows {name} of another component"
            shown.add((fault.component, name))
    for monitor in product.monitors:
        assert (monitor.component, monitor.name) in shown, f"no fault of {monitor.component} shows {monitor.name}"


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_fault_says_what_it_is_how_bad_and_how_likely(product: ProductType) -> None:
    for key, fault in product.faults.items():
        assert key == fault.code
        assert fault.title, key
        assert fault.owner_text, key
        assert fault.shows, f"nothing could ever speak for {key}"
        assert 0 < fault.prior <= 1, key
        assert all(0 < often < 1 for often in fault.shows.values()), key
        assert not (fault.is_safety and fault.may_run_on), f"{key} is a safety matter and may run on"
    for component in product.components:
        priors = [fault.prior for fault in product.faults.values() if fault.component == component]
        assert sum(priors) == pytest.approx(1.0), f"{component}: the faults' shares add up to {sum(priors)}"


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_fault_has_a_remedy_or_says_why_not(product: ProductType) -> None:
    assert set(product.remedies) == set(product.faults)
    for remedy in product.remedies.values():
        if remedy.why_none:
            assert not remedy.part_nos, remedy.fault
            assert not remedy.minutes, remedy.fault
            assert remedy.fulfilment is None, remedy.fault
        else:
            assert remedy.title, remedy.fault
            assert remedy.minutes > 0, remedy.fault
            assert remedy.fulfilment is not None, f"{remedy.fault}: nobody says where it is mended"
            if remedy.fulfilment is Fulfilment.VISIT:
                assert remedy.skills, f"{remedy.fault}: anybody could be sent"
                assert remedy.minutes <= 240, f"{remedy.fault}: no visit lasts that long"


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_component_has_a_title_a_monitor_and_a_fault(product: ProductType) -> None:
    for component, title in product.components.items():
        assert title, component
        assert any(monitor.component == component for monitor in product.monitors), component
        assert any(fault.component == component for fault in product.faults.values()), component


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_plot_draws_an_existing_signal_for_an_existing_monitor(product: ProductType) -> None:
    monitors = {monitor.name: monitor for monitor in product.monitors}
    for name, plot in product.plots.items():
        assert name in monitors, name
        assert plot.title, name
        assert product.signals[plot.signal].kind is not Kind.CODES, name
        assert not plot.against_median or product.signals[plot.signal].kind is Kind.VECTOR, name
    without = [monitor for monitor in product.monitors if monitor.name not in product.plots]
    assert all(isinstance(monitor, Reported | Silence) for monitor in without), (
        "a monitor of numbers has nothing to show"
    )


@pytest.mark.parametrize("product", PRODUCTS)
def test_cadence_lateness_and_declared_false_requests_are_figures(product: ProductType) -> None:
    assert 0 < product.cadence_s <= product.lateness_s
    assert 0 < product.false_requests_per_device_year < 1


# ------------------------------------------------------------------ checks


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_component_has_a_check_and_each_answers_for_its_own_faults(product: ProductType) -> None:
    assert {check.component for check in product.checks} == {fault.component for fault in product.faults.values()}
    assert len({check.name for check in product.checks}) == len(product.checks)
    for check in product.checks:
        assert check.minutes > 0, check.name
        assert check.question.endswith("?"), "a check is asked"
        assert all(0 < share < 1 for share in (*check.yes.values(), check.otherwise)), "no answer is proof"
        assert {product.faults[code].component for code in check.yes} == {check.component}, check.name


@pytest.mark.parametrize("product", PRODUCTS)
def test_any_two_faults_of_a_component_are_told_apart_by_some_check(product: ProductType) -> None:
    for one, other in combinations(product.faults.values(), 2):
        if one.component == other.component:
            checks = [check for check in product.checks if check.component == one.component]
            apart = [
                abs(check.yes.get(one.code, check.otherwise) - check.yes.get(other.code, check.otherwise))
                for check in checks
            ]
            assert max(apart) >= 0.25, f"nothing tells {one.code} from {other.code}"


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_every_code_that_is_waited_for_can_come_in(product: ProductType) -> None:
    rows = [each for each in (*product.monitors, *product.mode_rows) if isinstance(each, Reported)]
    codes = sorted(frozenset[str]().union(*(each.codes for each in rows)))
    signal = next((each.name for each in product.signals.values() if each.kind is Kind.CODES), None)
    if signal is None:
        return
    event = {"schema": "callout.event/1", "boot": 1, "seq": 1, "at": "2026-03-01T00:00:00Z", "codes": codes}
    envelope = product.decode(json.dumps(event).encode(), "event")
    assert isinstance(envelope, Envelope)
    assert (list(envelope.refusals), envelope.samples[0].values[signal]) == ([], codes)


# ------------------------------------------------------------------ remedies from afar


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_every_rung_names_what_exists_and_nothing_is_tried_about_a_danger(product: ProductType) -> None:
    monitors = {monitor.name: monitor for monitor in product.monitors}
    for code, ladder in product.ladders.items():
        fault = product.faults[code]
        assert may_be_tried(fault), code
        assert len({rung.name for rung in ladder}) == len(ladder) > 0, code
        for rung in ladder:
            assert rung.proof, rung.name
            assert {monitors[name].component for name in rung.proof} == {fault.component}, rung.name
            assert set(rung.proof) & set(fault.shows), rung.name
            assert 0 < rung.cures < 1 <= rung.attempts, rung.name
            assert min(rung.answer_within_s, rung.prove_within_s, rung.hold_s, rung.ready_within_s) > 0, rung.name
            assert re.fullmatch(r"[a-z][a-z0-9_]*", rung.command), rung.command
            assert rung.command not in {RESEND, STOP_USING}, rung.name


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_every_condition_is_about_a_number_and_what_moves_is_parked_first(product: ProductType) -> None:
    for rung in (rung for ladder in product.ladders.values() for rung in ladder):
        for need in rung.needs:
            signal = product.signals[need.signal]
            assert signal.kind in {Kind.SCALAR, Kind.LEVEL, Kind.FLAG}, need
            assert signal.plausible[0] <= need.limit <= signal.plausible[1], need
            assert need.fresh_s >= product.cadence_s, need
        if "speed_kmh" in product.signals:
            assert "speed_kmh" in {need.signal for need in rung.needs}, rung.name


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_a_rung_can_be_proven_in_its_time(product: ProductType) -> None:
    delays_s = {monitor.name: monitor.off_delay_s for monitor in product.monitors}
    for rung in (rung for ladder in product.ladders.values() for rung in ladder):
        assert all(delays_s[name] < rung.prove_within_s for name in rung.proof), rung.name


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_whatever_may_leave_a_home_without_power_says_so(product: ProductType) -> None:
    for rung in (rung for ladder in product.ladders.values() for rung in ladder):
        assert rung.interrupts_supply or rung.command not in SUPPLY_COMMANDS, rung.name
