"""What may be tried on an electric vehicle from afar, per fault in this order, before anybody touches it.

A vehicle is never commanded while it moves, and a control unit of its battery never while current flows into it. The
probabilities are engineering estimates: how often a fault of the kind is one of software, and gone after a restart.
"""

from typing import Final

from devices.remote import Condition, Rung

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0

_PARKED: Final = Condition("It is parked", "speed_kmh", "below", 1.0, fresh_s=5 * _MINUTE)
_NOT_CHARGING: Final = Condition("It is not charging", "is_charging", "below", 0.5, fresh_s=5 * _MINUTE)
_CARRIED: Final = Condition("Its 12 V system carries a restart", "low_voltage_v", "above", 12.0, fresh_s=5 * _MINUTE)


def _restart_of_the_battery(fault: str, proof: tuple[str, ...], cures: float) -> tuple[str, tuple[Rung, ...]]:
    return fault, (
        Rung(
            "restart_battery_controller",
            "Restart the battery's control unit and let it measure its channels anew",
            "restart_battery_controller",
            proof,
            cures,
            answer_within_s=5 * _MINUTE,
            # The monitors themselves want an hour, or six, without a break.
            prove_within_s=12 * _HOUR,
            hold_s=10 * _MINUTE,
            ready_within_s=24 * _HOUR,
            needs=(_PARKED, _NOT_CHARGING, _CARRIED),
        ),
    )


LADDERS: Final = dict(
    (
        _restart_of_the_battery("cell_measuring_line", ("cells_missing", "cell_leaves_pack"), cures=0.25),
        _restart_of_the_battery("probe_failed", ("probe_leaves_pack", "probes_missing"), cures=0.2),
        (
            "reported_code",
            (
                # A code whose cause is still there comes back within the next seconds that the unit is awake.
                Rung(
                    "clear_codes",
                    "Read out and clear the stored trouble codes",
                    "clear_codes",
                    ("other_code",),
                    0.5,
                    answer_within_s=2 * _MINUTE,
                    prove_within_s=10 * _MINUTE,
                    hold_s=30.0,
                    ready_within_s=4 * _HOUR,
                    attempts=2,
                    needs=(_PARKED,),
                ),
            ),
        ),
        (
            "low_voltage_supply",
            (
                Rung(
                    "restart_dcdc_converter",
                    "Restart the converter that charges the 12 V battery",
                    "restart_dcdc_converter",
                    ("low_voltage_low", "low_voltage_code"),
                    0.15,
                    answer_within_s=5 * _MINUTE,
                    prove_within_s=3 * _HOUR,
                    hold_s=10 * _MINUTE,
                    ready_within_s=6 * _HOUR,
                    needs=(_PARKED, _NOT_CHARGING),
                ),
            ),
        ),
    )
)
