"""Words for why the door refused a message, by the reason that is counted: what was wrong, and the next move. To be translated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.texts import msgid


@dataclass(frozen=True, slots=True)
class Refused:
    """What was wrong, in a few words, and what a planner does about it."""

    what: str
    next_move: str


_FIRMWARE: Final = msgid("Tell the maker of the device's software: what is sent as agreed is taken.")
_CLOCK: Final = msgid("Set the device's clock.")
_SMALLER: Final = msgid("Let the device send fewer values in a message.")
_GATEWAY: Final = msgid("Look at the line or the gateway between meter and desk.")
_MAPPING: Final = msgid("Mend the mapping or the device's software, then replay.")

REFUSALS: Final[Mapping[str, Refused]] = {
    "not_json": Refused(msgid("The message cannot be read"), _FIRMWARE),
    "wrong_form": Refused(msgid("The message is not built as agreed"), _FIRMWARE),
    "other_form": Refused(msgid("The message is in a form that this product does not use"), _FIRMWARE),
    "unknown_schema": Refused(msgid("The message is of a version that the desk does not know"), _FIRMWARE),
    "oversized": Refused(msgid("The message is too long"), _SMALLER),
    "wrong_type": Refused(msgid("A value is not of the agreed kind"), _FIRMWARE),
    "doubled_value": Refused(msgid("A value stands twice for the same time"), _FIRMWARE),
    "unknown_name": Refused(msgid("A value has a name that is not known"), _MAPPING),
    "unknown_signals": Refused(msgid("Values beyond the agreed ones could not be kept"), _FIRMWARE),
    "unknown_unit": Refused(msgid("A value has a unit that is not known"), _MAPPING),
    "wrong_unit": Refused(msgid("A value has a unit that does not fit it"), _MAPPING),
    "nothing_mapped": Refused(msgid("Nothing in the message is what the mapping looks for"), _MAPPING),
    "bad_time": Refused(msgid("A time cannot be read"), _FIRMWARE),
    "future": Refused(msgid("A time lies in the future"), _CLOCK),
    "too_old": Refused(msgid("A time lies too far in the past"), _CLOCK),
    "bad_checksum": Refused(msgid("The telegram was damaged on its way"), _GATEWAY),
    "no_checksum": Refused(msgid("The telegram has no checksum"), _GATEWAY),
    "no_codes_here": Refused(msgid("This product reports no trouble codes"), _FIRMWARE),
    "unknown_command": Refused(
        msgid("An answer belongs to no command of ours"),
        msgid("Nothing has to be done, unless it comes again and again."),
    ),
    "unknown_device": Refused(
        msgid("The device is not enrolled"), msgid("Enrol the device, then replay: nothing of it is lost.")
    ),
    "unknown_product": Refused(
        msgid("The desk does not know this product"),
        msgid("Add the product or bring the desk up to date, then replay."),
    ),
    "no_table": Refused(
        msgid("The desk has no tables for this product yet, or too few columns"),
        msgid("Let whoever runs the desk apply the product's migration and start it again, then replay."),
    ),
    "wrong_partition": Refused(
        msgid("The device writes to another address than its own"),
        msgid("Give the device the address of its enrolment."),
    ),
    "wrong_topic": Refused(
        msgid("The address is none of a device"), msgid("Give the device the address of its enrolment.")
    ),
    "not_storable": Refused(
        msgid("It could be read, but not stored"), msgid("Replay it; if it is refused again, call us.")
    ),
    "and_more": Refused(
        msgid("More of the same message was refused"), msgid("Mend what was refused before it in the same message.")
    ),
}
UNKNOWN: Final = Refused(msgid("Refused"), msgid("Look at the detail below."))


def refused(reason: str) -> Refused:
    """Return the words for a reason; one that a newer desk has written has words of its own in its detail."""
    return REFUSALS.get(reason, UNKNOWN)
