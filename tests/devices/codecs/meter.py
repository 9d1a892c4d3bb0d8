"""Signals of a meter that exists in these tests only, by the names that the field uses."""

from devices.signals import Kind, Signal

SIGNALS = {
    signal.name: signal
    for signal in (
        Signal("import_wh", "Import", "Wh", Kind.COUNTER, (0, 1e12), standard="1-0:1.8.1*255"),
        Signal("export_wh", "Export", "Wh", Kind.COUNTER, (0, 1e12), standard="1-0:2.8.1*255"),
        Signal("power_w", "Power", "W", Kind.SCALAR, (-1e5, 1e5), standard="1-0:1.7.0*255"),
        Signal("voltage_v", "Voltage", "V", Kind.SCALAR, (150, 300), no_value=(999,), standard="1-0:32.7.0*255"),
        Signal("temp_degc", "Temperature", "°C", Kind.SCALAR, (-40, 90)),
        Signal("tariff", "Tariff", "", Kind.LEVEL, (1, 4), standard="0-0:96.14.0*255"),
        Signal("is_on", "Switch", "", Kind.FLAG, (0, 1), standard="0-0:96.3.10*255"),
        Signal("gas_l", "Gas", "l", Kind.COUNTER, (0, 1e12), standard="7-0:3.0.0*255"),
        Signal("water_l", "Water", "l", Kind.COUNTER, (0, 1e12), standard="0-2:24.2.1*255"),
        Signal("phases_v", "Phases", "V", Kind.VECTOR, (150, 300), element="Phase"),
        Signal("codes", "Codes", "", Kind.CODES, (0, 0)),
    )
}
