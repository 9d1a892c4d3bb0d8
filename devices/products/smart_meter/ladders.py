"""What may be tried on a smart meter from afar, per fault in this order, before anybody is sent.

What may switch the supply off for a while says so: it is tried only where the owner has said that nobody in the home
depends on powered medical equipment. The probabilities are engineering estimates: how often a fault of the kind is one of software, and gone after a restart.
"""

from typing import Final

from devices.remote import Condition, Rung

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0

# While it runs on its battery alone it has no strength for a restart of its radio.
_SUPPLIED: Final = Condition("Its supply is on", "is_supply_on", "above", 0.5, fresh_s=3 * _HOUR)

LADDERS: Final = {
    "bus_lost": (
        Rung(
            "restart_communication_module",
            "Restart the communication module and search the bus again",
            "restart_communication_module",
            ("bus_code",),
            0.6,
            answer_within_s=5 * _MINUTE,
            prove_within_s=30 * _MINUTE,
            hold_s=30.0,
            ready_within_s=_HOUR,
            needs=(_SUPPLIED,),
        ),
    ),
    "clock_wrong": (
        Rung(
            "set_clock",
            "Set the meter's clock",
            "set_clock",
            ("clock_off", "clock_code"),
            0.7,
            answer_within_s=5 * _MINUTE,
            prove_within_s=6 * _HOUR,
            hold_s=10 * _MINUTE,
            ready_within_s=6 * _HOUR,
        ),
    ),
    "reported_event": (
        Rung(
            "clear_event_register",
            "Read out and clear the meter's event register",
            "clear_event_register",
            ("other_code",),
            0.5,
            answer_within_s=5 * _MINUTE,
            prove_within_s=30 * _MINUTE,
            hold_s=30.0,
            ready_within_s=6 * _HOUR,
            attempts=2,
        ),
        # It changes what many meters run: it goes out in stages, when a person begins it.
        Rung(
            "renew_firmware",
            "Load the meter's firmware anew",
            "renew_firmware",
            ("other_code",),
            0.8,
            answer_within_s=30 * _MINUTE,
            prove_within_s=2 * _HOUR,
            hold_s=10 * _MINUTE,
            ready_within_s=24 * _HOUR,
            needs=(_SUPPLIED,),
            is_staged=True,
            interrupts_supply=True,
        ),
    ),
}
