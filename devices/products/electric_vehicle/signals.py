"""What an electric vehicle reports, after the COVESA Vehicle Signal Specification (VSS)."""

from typing import Final

from devices.signals import Kind, Signal

_BATTERY: Final = "Vehicle.Powertrain.TractionBattery"

SIGNALS: Final = {
    signal.name: signal
    for signal in (
        Signal("pack_voltage_v", "Pack voltage", "V", Kind.SCALAR, (50, 1000), standard=f"{_BATTERY}.CurrentVoltage"),
        # Positive while charging, as in VSS.
        Signal(
            "pack_current_a", "Pack current", "A", Kind.SCALAR, (-2000, 1000), standard=f"{_BATTERY}.CurrentCurrent"
        ),
        Signal("soc_pct", "State of charge", "%", Kind.SCALAR, (0, 100), standard=f"{_BATTERY}.StateOfCharge.Current"),
        Signal("soh_pct", "State of health", "%", Kind.SCALAR, (0, 110), standard=f"{_BATTERY}.StateOfHealth"),
        Signal(
            "cell_voltages_v",
            "Cell voltages",
            "V",
            Kind.VECTOR,
            (1.5, 4.5),
            no_value=(255, 511, 65535),
            standard=f"{_BATTERY}.CellVoltage.CellVoltages",
            element="Cell",
        ),
        Signal(
            "probe_temps_degc",
            "Battery probe temperatures",
            "°C",
            Kind.VECTOR,
            (-40, 90),
            no_value=(255, 511, 65535),
            standard=f"{_BATTERY}.Temperature.CellTemperature",
            element="Probe",
            most_elements=128,
        ),
        Signal("insulation_kohm", "Insulation resistance", "kΩ", Kind.SCALAR, (0, 60_000), no_value=(65535,)),
        # 0 none, 1 notice, 2 warning, 3 stop: the vehicle's own battery warning, as in GB/T 32960.
        Signal("bms_level", "Battery warning level", "", Kind.LEVEL, (0, 3), no_value=(254, 255)),
        Signal(
            "low_voltage_v",
            "12 V system",
            "V",
            Kind.SCALAR,
            (6, 16.5),
            standard="Vehicle.LowVoltageBattery.CurrentVoltage",
        ),
        Signal(
            "coolant_temp_degc",
            "Coolant temperature",
            "°C",
            Kind.SCALAR,
            (-40, 130),
            standard="Vehicle.Powertrain.TractionBattery.ThermalManagement.CoolantTemperature",
        ),
        Signal(
            "tyre_pressures_kpa",
            "Tyre pressures",
            "kPa",
            Kind.VECTOR,
            (0, 500),
            no_value=(65535,),
            standard="Vehicle.Chassis.Axle.*.Wheel.*.Tire.Pressure",
            element="Tyre",
            most_elements=12,
        ),
        Signal(
            "brake_pads_mm",
            "Brake pads",
            "mm",
            Kind.VECTOR,
            (0, 20),
            standard="Vehicle.Chassis.Axle.*.Wheel.*.Brake.PadWear",
            element="Brake",
            most_elements=12,
        ),
        Signal("odometer_m", "Odometer", "m", Kind.COUNTER, (0, 2_000_000_000), standard="Vehicle.TraveledDistance"),
        Signal("speed_kmh", "Speed", "km/h", Kind.SCALAR, (0, 300), standard="Vehicle.Speed"),
        # While it is true its software is being renewed: control units are away and come back one by one.
        Signal("is_updating", "Software being updated", "", Kind.FLAG, (0, 1)),
        Signal("is_charging", "Charging", "", Kind.FLAG, (0, 1), standard=f"{_BATTERY}.Charging.IsCharging"),
        Signal(
            "ambient_temp_degc",
            "Outside temperature",
            "°C",
            Kind.SCALAR,
            (-60, 60),
            standard="Vehicle.Exterior.AirTemperature",
        ),
        Signal("dtcs", "Trouble codes", "", Kind.CODES, (0, 0), standard="Vehicle.OBD.DTCList"),
    )
}
