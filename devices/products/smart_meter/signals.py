"""What a smart meter reports, by OBIS code (IEC 62056-61): electricity, and gas, water and heat from over its bus.

Registers are exact whole numbers in watt-hours and litres; a gas meter's cubic metres are multiplied by a thousand.
"""

from typing import Final

from devices.signals import Kind, Signal

_NOTHING_16: Final = (65535.0,)


def _register(name: str, title: str, unit: str, obis: str) -> Signal:
    # All ones in 32 bits is how meters say that a register could not be read.
    return Signal(name, title, unit, Kind.COUNTER, (0, 4_294_967_294), no_value=(4_294_967_295,), standard=obis)


SIGNALS: Final = {
    signal.name: signal
    for signal in (
        _register("import_wh", "Electricity used", "Wh", "1-0:1.8.0*255"),
        _register("import_tariff1_wh", "Electricity used, tariff 1", "Wh", "1-0:1.8.1*255"),
        _register("import_tariff2_wh", "Electricity used, tariff 2", "Wh", "1-0:1.8.2*255"),
        _register("export_wh", "Electricity fed in", "Wh", "1-0:2.8.0*255"),
        _register("export_tariff1_wh", "Electricity fed in, tariff 1", "Wh", "1-0:2.8.1*255"),
        _register("export_tariff2_wh", "Electricity fed in, tariff 2", "Wh", "1-0:2.8.2*255"),
        # Positive while used, negative while fed in.
        Signal("power_w", "Power", "W", Kind.SCALAR, (-100_000, 100_000), standard="1-0:16.7.0*255"),
        Signal(
            "voltages_v",
            "Voltages",
            "V",
            Kind.VECTOR,
            (0, 500),
            no_value=_NOTHING_16,
            standard="1-0:32.7.0*255, 1-0:52.7.0*255, 1-0:72.7.0*255",
            element="Phase",
        ),
        Signal(
            "currents_a",
            "Currents",
            "A",
            Kind.VECTOR,
            (0, 200),
            no_value=_NOTHING_16,
            standard="1-0:31.7.0*255, 1-0:51.7.0*255, 1-0:71.7.0*255",
            element="Phase",
        ),
        Signal("power_factor_pct", "Power factor", "%", Kind.SCALAR, (-100, 100), standard="1-0:13.7.0*255"),
        Signal("frequency_hz", "Mains frequency", "Hz", Kind.SCALAR, (40, 70), standard="1-0:14.7.0*255"),
        Signal("is_supply_on", "Supply switched on", "", Kind.FLAG, (0, 1), standard="0-0:96.3.10*255"),
        Signal("terminal_temp_degc", "Terminal temperature", "°C", Kind.SCALAR, (-60, 200), standard="0-0:96.9.0*255"),
        _register("gas_l", "Gas used", "l", "7-0:3.0.0*255"),
        Signal("is_gas_valve_open", "Gas valve open", "", Kind.FLAG, (0, 1), standard="0-1:24.4.0*255"),
        _register("water_l", "Water used", "l", "8-0:1.0.0*255"),
        Signal("water_flow_l_h", "Water flow", "l/h", Kind.SCALAR, (-10_000, 10_000), standard="8-0:2.0.0*255"),
        # Heat from a district's network: what it carried, and the water that carried it, out of and back into the network.
        _register("heat_wh", "Heat used", "Wh", "6-0:1.0.0*255"),
        _register("heat_l", "Heating water", "l", "6-0:2.0.0*255"),
        Signal("heat_power_w", "Heat power", "W", Kind.SCALAR, (-1000, 1_000_000), standard="6-0:8.0.0*255"),
        Signal("heat_flow_l_h", "Heating water flow", "l/h", Kind.SCALAR, (-100, 20_000), standard="6-0:9.0.0*255"),
        Signal("heat_supply_degc", "Supply temperature", "°C", Kind.SCALAR, (0, 180), standard="6-0:10.0.0*255"),
        Signal("heat_return_degc", "Return temperature", "°C", Kind.SCALAR, (0, 180), standard="6-0:11.0.0*255"),
        Signal("battery_v", "Meter battery", "V", Kind.SCALAR, (0, 5), standard="0-0:96.6.3*255"),
        # How far the meter's clock is ahead of the time that its gateway knows.
        Signal("clock_offset_s", "Clock offset", "s", Kind.SCALAR, (-1e9, 1e9), standard="0-0:1.0.0*255"),
        Signal("is_cover_open", "Cover open", "", Kind.FLAG, (0, 1), standard="0-0:96.11.1*255"),
        Signal("event_codes", "Meter events", "", Kind.CODES, (0, 0), standard="0-0:97.98.0*255"),
    )
}
