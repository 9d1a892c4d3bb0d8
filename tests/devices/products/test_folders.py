"""A product folder that is not right is told in a sentence: which file or row, which value, and the next move."""

from pathlib import Path

import pytest

from devices.products import BrokenProductError, product_type, product_types
from tests.fakes.product_folder import PUMP, product_folder


def test_a_folder_that_is_right_is_a_product_type_as_long_as_it_is_there(tmp_path: Path) -> None:
    with product_folder(tmp_path):
        assert product_type("newcomer_pump").title == "Water pump"
    assert "newcomer_pump" not in product_types()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"devices/products/newcomer_pump/__init__\.py has no PRODUCT: let it end with PRODUCT = ProductType\("),
        ("PRODUCT = {}", r"PRODUCT in devices/products/newcomer_pump/__init__\.py is of dict: make it a ProductType"),
        (
            PUMP.replace('name="newcomer_pump"', 'name="pump"'),
            r"PRODUCT in .* is named 'pump', and its folder 'newcomer_pump': give both the same name",
        ),
        ("\n\nPRODUCT = nothing", r"devices/products/newcomer_pump/__init__\.py, line 3, cannot be loaded: NameError"),
        ("PRODUCT = (", r"devices/products/newcomer_pump/__init__\.py, line 1, cannot be loaded: SyntaxError"),
        (PUMP.replace("cadence_s=60.0,", ""), r"cannot be loaded: TypeError: .*'cadence_s'"),
        (
            PUMP.replace('"motor", "above"', '"motor_temp", "above"'),
            r"monitor 'motor_hot': feature names 'motor_temp', which is no feature \(there are: motor\): correct the name",
        ),
        (PUMP.replace('"above"', '"over"'), r"monitor 'motor_hot': side is 'over': write 'above' or 'below'"),
        (PUMP.replace("clear=80", "clear=95"), r"clear is 95 and limit 90: what is wrong above its limit is well at"),
        (PUMP.replace('"above"', '"below"'), r"clear is 80 and limit 90: what is wrong below its limit is well at"),
        (
            PUMP.replace('hot", "pump"', 'hot", "pmp"'),
            r"component names 'pmp', which is no component \(there are: pump\)",
        ),
        (PUMP.replace("on_delay_s=60", "on_delay_s=-1"), r"monitor 'motor_hot': on_delay_s is -1: give 0 or more"),
        (PUMP.replace('{"motor_hot": 0.95}', '{"motor_hto": 0.95}'), r"fault 'overheats': shows names 'motor_hto'"),
        (PUMP.replace('{"motor_hot": 0.95}', '{"motor_hot": 1.0}'), r"shows 'motor_hot' with probability 1: give more"),
        (PUMP.replace('remedies={"overheats"', 'remedies={"overheat"'), r"fault 'overheats' has no remedy: add one"),
        (PUMP.replace('Plot("motor_degc"', 'Plot("motor"'), r"plot of 'motor_hot': signal names 'motor', which is no"),
        (PUMP.replace("(HOT,)", "(HOT, HOT)"), r"monitor 'motor_hot' is there twice"),
        (
            PUMP.replace('"is_running": Signal', '"running": Signal'),
            r"signal 'is_running' stands under the key 'running'",
        ),
    ],
)
def test_what_is_wrong_in_a_folder_is_said_with_the_next_move(tmp_path: Path, text: str, told: str) -> None:
    with product_folder(tmp_path, text), pytest.raises(BrokenProductError, match=told):
        product_types()


def test_every_wrong_row_is_named_at_once(tmp_path: Path) -> None:
    text = PUMP.replace('"above"', '"over"').replace('{"motor_hot": 0.95}', '{"motor_hto": 0.95}')
    with product_folder(tmp_path, text), pytest.raises(BrokenProductError) as broken:
        product_types()
    assert [line.partition(",")[0] for line in str(broken.value).splitlines()] == ["devices/products/newcomer_pump"] * 2


def test_a_folder_whose_name_cannot_be_that_of_a_table_is_told(tmp_path: Path) -> None:
    with product_folder(tmp_path, name="WaterPump"), pytest.raises(BrokenProductError, match="rename it to lower-case"):
        product_types()
