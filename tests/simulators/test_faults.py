"""Faults as they are typed, and the truth about them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulators.breeds import breed_of, breeds
from simulators.errors import SimulatorError
from simulators.faults import Fault, parse_fault, strain_at, write_truth

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FLEET = {product: breed.names(12) for product, breed in breeds().items()}
KINDS = [(product, kind) for product, breed in breeds().items() for kind in breed.kinds]


def test_a_fault_is_read_with_onset_severity_and_channel() -> None:
    fault = parse_fault("ev-0003=internal_short@-14h:4.5:48", FLEET, NOW)
    assert fault == Fault("electric_vehicle", 2, "internal_short", NOW - timedelta(hours=14), 4.5, 48)


def test_what_is_left_out_is_usual_for_the_kind() -> None:
    fault = parse_fault("ev-0007=insulation_breakdown@90m", FLEET, NOW)
    assert fault == Fault("electric_vehicle", 6, "insulation_breakdown", NOW + timedelta(minutes=90), 24.0, 1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nonsense", "cannot be read"),
        ("mtr-0003=weak_cell@-1h", "smart_meter has no kind 'weak_cell'; choose one of water_leak"),
        ("ev-0003=sadness@-1h", "electric_vehicle has no kind 'sadness'; choose one of weak_cell"),
        ("ev-0099=weak_cell@-1h", "the fleet has ev-0001 to ev-0012, mtr-0001 to mtr-0012"),
        ("ev-0003=tyre_leak@-1h:20:5", "channel 5 is not among 1 to 4"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_what_could_be(text: str, complaint: str) -> None:
    with pytest.raises(SimulatorError, match=complaint):
        parse_fault(text, FLEET, NOW)


@pytest.mark.parametrize(("product", "kind"), KINDS)
def test_every_kind_changes_something_after_its_onset_and_nothing_before(product: str, kind: str) -> None:
    declared = breed_of(product).kinds[kind]
    fault = Fault(product, 1, kind, NOW, declared.usual, declared.channels)
    well = strain_at(product, [], 3, NOW)
    before, after = (strain_at(product, [fault], 3, NOW + timedelta(hours=hours)) for hours in (-1, 1))

    def differs(strain: object) -> list[str]:
        names = type(well).__slots__
        return [name for name in names if (getattr(strain, name) != getattr(well, name)).any()]

    assert differs(before) == []
    assert differs(after)
    assert not any((getattr(after, name)[0] != getattr(well, name)[0]).any() for name in type(well).__slots__)


def test_the_truth_is_written_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    faults = [parse_fault(text, FLEET, NOW) for text in breed_of("electric_vehicle").demo_faults]
    write_truth(path, faults, FLEET)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["device"] for line in lines] == ["ev-0003", "ev-0007", "ev-0010"]
    assert lines[0]["channels"] == [{"signal": "cell_voltages_v", "number": 48}]
    assert lines[0]["onset_at"] == "2026-11-20T22:00:00+00:00"
    assert path.stat().st_mode & 0o077 == 0
