"""Words for what an owner lets his device have done alone, and for what was done. All are texts to translate."""

from collections.abc import Mapping
from typing import Final

from gateway.texts import msgid

# What the desk did in the owner's name, or a person did, as the audit names it.
ACTS: Final[Mapping[str, str]] = {
    "opened": msgid("Request opened"),
    "approved": msgid("The request went on by itself"),
    "weighed": msgid("What may be done next was compared"),
    "part_reserved": msgid("Part put aside"),
    "offered": msgid("Dates offered to the owner"),
    "confirmed": msgid("Date confirmed by the owner"),
    "left_to_a_person": msgid("Left to a person: no clause allows it"),
    "remedy_sent": msgid("Command sent to the device"),
    "shared": msgid("Readings handed to a repairer"),
    "mandate_signed": msgid("Mandate signed"),
    "mandate_revoked": msgid("Mandate taken back"),
    "owner_joined": msgid("Another owner joined"),
    "owner_changed": msgid("The device has a new owner"),
    "undone": msgid("Undone by a person"),
    "completed": msgid("Said what was found"),
    "not_done": msgid("Said that it could not be done"),
}

# What an owner may let his device have done alone.
CLAUSES: Final[Mapping[str, str]] = {
    "report": msgid("Report that something is wrong"),
    "remote_reset": msgid("Be reset from afar"),
    "reserve_part": msgid("Have a part put aside"),
    "offer_dates": msgid("Have dates offered to you"),
    "share_data": msgid("Share its readings with a repairer"),
}
CLAUSES_TOLD: Final[Mapping[str, str]] = {
    "report": msgid(
        "A service request is opened as soon as its readings show a fault. Otherwise a person asks you first."
    ),
    "remote_reset": msgid("It may be sent a command that heals it, when it is parked and nothing can happen."),
    "reserve_part": msgid("The part that it needs is kept for you, up to the amount that you set."),
    "offer_dates": msgid("Dates are held for you and sent to you. You choose, or none."),
    "share_data": msgid("A repairer who comes for it gets its readings beforehand."),
}
