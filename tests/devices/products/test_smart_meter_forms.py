"""A smart meter's other forms: P1 telegrams, SenML packs and plain JSON come out as the same signals."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.codecs import mapped_json
from devices.codecs.foreign import UNNUMBERED
from devices.instants import from_us
from devices.product import Decode
from devices.products.smart_meter import PRODUCT
from devices.readings import Envelope, Refusal

EXAMPLES = Path(__file__).parents[3] / "devices/products/smart_meter/examples"


def read(name: str) -> Envelope:
    answer = PRODUCT.decode((EXAMPLES / name).read_bytes(), "telemetry")
    assert isinstance(answer, Envelope), answer
    return answer


def test_a_telegram_gives_registers_phases_and_power_and_the_bus_meters_at_their_own_times() -> None:
    envelope = read("telemetry-p1-telegram.txt")
    main, gas, water = envelope.samples
    assert envelope.boot == UNNUMBERED
    assert main.values == {
        "import_tariff1_wh": 4_126_503,
        "import_tariff2_wh": 3_871_048,
        "export_tariff1_wh": 1_204_377,
        "export_tariff2_wh": 2_871_902,
        "voltages_v": [230.1, 231.0, 229.4],
        "currents_a": [2.0, 1.0, 2.0],
        "power_w": -1193.0,
    }
    assert (gas.values, from_us(gas.at_us)) == ({"gas_l": 2_785_123}, datetime(2026, 11, 21, 22, 10, tzinfo=UTC))
    assert water.values == {"water_l": 872_234}


def test_a_pack_names_registers_by_their_code_or_our_name_and_phases_by_a_code_each() -> None:
    first, second = read("telemetry-senml.json").samples
    assert first.values == {"water_l": 342_036, "battery_v": 3.58, "voltages_v": [230.1, 231.0]}
    assert second.values == {"water_l": 342_041}


def test_a_plug_is_read_by_its_mapping() -> None:
    (sample,) = read("telemetry-tasmota.json").samples
    assert sample.values == {
        "import_wh": 1_204_377,
        "power_w": 412.0,
        "voltages_v": [231.0],
        "currents_a": [1.866],
        "power_factor_pct": 96.0,
        "frequency_hz": 50.0,
    }


GOOD = '[time]\npath = "t"\n[signals.water_l]\npath = "w"\n'
OTHER = '[time]\npath = "t"\n[signals.water_l]\npath = "v"\n[signals.gas_l]\npath = "g"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / f"product_{secrets.token_hex(6)}"
    (package / "mappings").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return package / "mappings"


def decoder(folder: Path) -> Decode:
    made = mapped_json.in_folder(folder.parent.name, PRODUCT.signals)
    assert made is not None
    return made


def test_of_several_mappings_the_one_reads_a_message_of_which_it_has_most(folder: Path) -> None:
    (folder / "a.toml").write_text(GOOD)
    (folder / "b.toml").write_text(OTHER)
    answer = decoder(folder)(b'{"t": "2026-11-21T22:14:40Z", "w": 1, "v": 2, "g": 3}', "telemetry")
    assert isinstance(answer, Envelope)
    assert answer.samples[0].values == {"water_l": 2, "gas_l": 3}


def test_a_mapping_that_maps_nothing_is_named_to_what_is_for_it_and_stops_no_other(folder: Path) -> None:
    (folder / "empty.toml").write_text('[time]\npath = "t"\n')
    (folder / "good.toml").write_text(GOOD)
    decode = decoder(folder)
    assert isinstance(decode(b'{"t": "2026-11-21T22:14:40Z", "w": 1}', "telemetry"), Envelope)
    refused = decode(b'{"t": "2026-11-21T22:14:40Z", "x": 1}', "telemetry")
    assert isinstance(refused, Refusal)
    assert refused.reason == "nothing_mapped"
    assert "mappings/empty.toml maps nothing" in refused.detail
    assert "replay" in refused.detail


def test_a_product_without_mappings_leaves_plain_json_to_our_own_form(folder: Path) -> None:
    assert not list(folder.iterdir())
    assert mapped_json.in_folder(folder.parent.name, PRODUCT.signals) is None
