"""Units that foreign payloads use, after RFC 8428 and RFC 8798 and as meters write them, and exact conversion to ours.

A conversion is exact: fractions, not floats, so that a counter stays whole. Knows no signal.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

_F = Fraction
# Unit -> (quantity, factor, offset): value x factor + offset is the value in the quantity's own unit.
_UNITS: Final[Mapping[str, tuple[str, Fraction, Fraction]]] = {
    unit: (quantity, _F(factor), _F(offset))
    for quantity, members in {
        "voltage": {"V": (1, 0), "mV": ("1/1000", 0), "kV": (1000, 0)},
        "current": {"A": (1, 0), "mA": ("1/1000", 0)},
        "power": {"W": (1, 0), "kW": (1000, 0), "MW": (10**6, 0)},
        "apparent power": {"VA": (1, 0), "kVA": (1000, 0)},
        "reactive power": {"var": (1, 0), "kvar": (1000, 0)},
        "energy": {"J": (1, 0), "kJ": (1000, 0), "MJ": (10**6, 0), "GJ": (10**9, 0)}
        | {"Wh": (3600, 0), "kWh": (3_600_000, 0), "MWh": (3_600_000_000, 0)},
        "apparent energy": {"VAs": (1, 0), "VAh": (3600, 0), "kVAh": (3_600_000, 0)},
        "reactive energy": {"vars": (1, 0), "varh": (3600, 0), "kvarh": (3_600_000, 0)},
        "charge": {"C": (1, 0), "Ah": (3600, 0)},
        "resistance": {"Ohm": (1, 0), "Ω": (1, 0), "kΩ": (1000, 0), "kOhm": (1000, 0), "MΩ": (10**6, 0)},
        "frequency": {"Hz": (1, 0), "MHz": (10**6, 0)},
        "length": {"m": (1, 0), "mm": ("1/1000", 0), "cm": ("1/100", 0), "km": (1000, 0)},
        "speed": {"m/s": (1, 0), "km/h": ("5/18", 0)},
        "volume": {"m3": (1, 0), "m³": (1, 0), "dm3": ("1/1000", 0), "l": ("1/1000", 0)},
        "flow": {"m3/s": (1, 0), "m3/h": ("1/3600", 0), "m³/h": ("1/3600", 0)}
        | {"l/s": ("1/1000", 0), "l/min": ("1/60000", 0), "l/h": ("1/3600000", 0)},
        "pressure": {"Pa": (1, 0), "hPa": (100, 0), "kPa": (1000, 0), "mbar": (100, 0), "bar": (100_000, 0)},
        "temperature": {"K": (1, 0), "Cel": (1, "273.15"), "°C": (1, "273.15"), "degF": ("5/9", "45967/180")},
        "duration": {"s": (1, 0), "ms": ("1/1000", 0), "min": (60, 0), "h": (3600, 0), "d": (86_400, 0)},
        "share": {"/": (1, 0), "%": ("1/100", 0), "/100": ("1/100", 0), "%EL": ("1/100", 0), "%RH": ("1/100", 0)},
        "mass": {"kg": (1, 0), "g": ("1/1000", 0)},
        "angle": {"rad": (1, 0), "deg": ("884279719003555/50664895684366664", 0)},
        "latitude": {"lat": (1, 0)},
        "longitude": {"lon": (1, 0)},
        "illuminance": {"lx": (1, 0)},
        "signal strength": {"dBm": (1, 0)},
        "count": {"count": (1, 0)},
    }.items()
    for unit, (factor, offset) in members.items()
}
_OF_SUM: Final = {"W": "J", "VA": "VAs", "var": "vars", "A": "C", "m3/s": "m3", "l/s": "l", "m/s": "m", "/": "s"}


class UnitError(ValueError):
    """A unit that is not known, or does not measure what the signal does; `reason` is the word to count by."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def convert(value: int | Decimal, unit: str, wanted: str) -> Fraction:
    """Return a value in another unit, exactly.

    Parameters
    ----------
    value : int or Decimal
        Finite and of a sane magnitude: see `devices.codecs.foreign.sane`.
    unit, wanted : str
        Its unit and the one wanted. An empty `unit` is taken as the wanted one; where none is wanted (flags, levels,
        plain counts) only "" and "count" fit.

    Raises
    ------
    UnitError
        ``unknown_unit`` or ``wrong_unit``.

    Examples
    --------
    >>> convert(Decimal("1234.567"), "kWh", "Wh")
    Fraction(1234567, 1)
    >>> float(convert(300, "K", "°C"))
    26.85
    """
    if not unit or unit == wanted or (not wanted and unit == "count"):
        return Fraction(value)
    if unit not in _UNITS:
        raise UnitError("unknown_unit", f"unit {unit[:40]!r} is not known; use {wanted!r} or leave it out")
    quantity, factor, offset = _UNITS[unit]
    if wanted not in _UNITS or _UNITS[wanted][0] != quantity:
        fits = f"{wanted!r}" if wanted else "no unit"
        raise UnitError("wrong_unit", f"unit {unit!r} measures {quantity}; what fits here is {fits}")
    _, wanted_factor, wanted_offset = _UNITS[wanted]
    return (Fraction(value) * factor + offset - wanted_offset) / wanted_factor


def unit_of_sum(unit: str) -> str:
    """Return the unit of a quantity that was summed over seconds, such as J for W; "" when there is none.

    >>> unit_of_sum("W")
    'J'
    """
    return _OF_SUM.get(unit, "")
