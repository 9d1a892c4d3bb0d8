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
    "remedy_skipped": msgid("Dates wanted instead of a remedy from afar"),
    "shared": msgid("Shared with a repairer"),
    "share_opened": msgid("Read by a repairer"),
    "share_ended": msgid("No longer shared with a repairer"),
    "mandate_signed": msgid("Mandate signed"),
    "mandate_revoked": msgid("Mandate taken back"),
    "owner_joined": msgid("Another owner joined"),
    "owner_changed": msgid("The device has a new owner"),
    "undone": msgid("Undone by a person"),
    "completed": msgid("Said what was found"),
    "not_done": msgid("Said that it could not be done"),
    "replanned": msgid("Put elsewhere in the day's routes"),
    "reassigned": msgid("Given to somebody else; the promise stands"),
    "earlier_offered": msgid("An earlier date offered"),
    "refit_offered": msgid("Other dates offered, because the work has changed"),
    "job_dropped": msgid("A step that kept failing was dropped"),
    "device_warned": msgid("The device was told that it must not be used"),
    "priced": msgid("Priced"),
    "price_withdrawn": msgid("The price was taken back: nothing has to be agreed any more"),
    "quote_accepted": msgid("Price agreed"),
    "quote_declined": msgid("Price declined by the owner"),
    "quote_expired": msgid("The price was not answered"),
    "goodwill_granted": msgid("Goodwill granted"),
    "goodwill_withdrawn": msgid("Goodwill taken back"),
    "deposit_wanted": msgid("A deposit is asked for"),
    "deposit_asked": msgid("The owner has a page on which to pay the deposit"),
    "deposit_reserved": msgid("The deposit is reserved on the owner's card"),
    "deposit_paid": msgid("Deposit paid"),
    "deposit_unwanted": msgid("The deposit is called off"),
    "deposit_refunding": msgid("The deposit goes back"),
    "deposit_returned": msgid("Deposit given back"),
    "deposit_counted": msgid("The deposit counts towards the bill"),
    "deposit_failed": msgid("The deposit could not be had"),
    "deposit_void": msgid("No deposit was taken"),
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
    "remote_reset": msgid("It may be sent a command that heals it, when it is safe to."),
    "reserve_part": msgid("The part that it needs is kept for you, up to the amount that you set."),
    "offer_dates": msgid("Dates are held for you and sent to you. You choose, or none."),
    "share_data": msgid(
        "A repairer whom you or we name may read what its readings say about one fault, until you end it."
    ),
}

# Who acts where no clause is needed.
RULES: Final[Mapping[str, str]] = {
    "rule-safety": msgid("by rule: a danger is told at once, whatever was signed"),
    "rule-price": msgid("by rule: from the prices that are set, and from who pays"),
    "rule-deposit": msgid("by rule: from the price that the owner has said yes to"),
}
