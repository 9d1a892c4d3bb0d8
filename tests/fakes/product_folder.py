"""A product folder of a newcomer, beside those of Callout: found as they are, for as long as a test lasts."""

import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import devices.products
from devices.products import product_types

NAME = "newcomer_pump"
PUMP = '''"""A small pump: two signals, one monitor, one fault."""

from devices.checks import Check, Manner
from devices.codecs import forms, own_json
from devices.faults import FaultCode, Fulfilment, Remedy, Severity
from devices.monitors import Limit
from devices.product import Feature, Plot, ProductType
from devices.signals import Kind, Signal

SIGNALS = {
    "motor_degc": Signal("motor_degc", "Motor", "°C", Kind.SCALAR, (-40, 150)),
    "is_running": Signal("is_running", "Running", "", Kind.FLAG, (0, 1)),
}
HOT = Limit("motor_hot", "The motor is hot", "pump", "motor", "above", limit=90, clear=80, on_delay_s=60, off_delay_s=60)
PRODUCT = ProductType(
    name="newcomer_pump",
    title="Water pump",
    signals=SIGNALS,
    features={"motor": Feature("motor", "Motor", "°C", lambda columns: columns.array("motor_degc")[:, None])},
    monitors=(HOT,),
    faults={"overheats": FaultCode("overheats", "Motor overheats", "The motor gets hot.", "pump", Severity.MAJOR,
        is_safety=False, may_run_on=True, prior=1.0, shows={"motor_hot": 0.95})},
    remedies={"overheats": Remedy("overheats", "Replace the motor", ("PUMP-MOTOR",), frozenset({"pumps"}), 60,
        fulfilment=Fulfilment.VISIT)},
    components={"pump": "Pump"},
    plots={"motor_hot": Plot("motor_degc", "Motor", "°C")},
    checks=(Check("feels_hot", "Is the motor too hot to touch?", "pump", Manner.OWNER, 5, {"overheats": 0.9}, 0.1),),
    decode=forms.decoder(own_json.decoder(SIGNALS)),
    cadence_s=60.0,
    lateness_s=3600.0,
    false_requests_per_device_year=0.05,
    late_after_s=3600.0,
)
'''


@contextmanager
def product_folder(folder: Path, text: str = PUMP, name: str = NAME) -> Generator[None]:
    """Let a product folder with this text be there, and be found by whoever asks for the product types."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(text, encoding="utf-8")
    devices.products.__path__.append(str(folder))
    importlib.invalidate_caches()
    product_types.cache_clear()
    try:
        yield
    finally:
        devices.products.__path__.remove(str(folder))
        sys.modules.pop(f"devices.products.{name}", None)
        product_types.cache_clear()
