"""Words for what the desk stores as names about a request: states, reasons, events, kinds of messages; to be translated."""

from collections.abc import Mapping
from typing import Final

from gateway.texts import msgid

STATES: Final[Mapping[str, str]] = {
    "open": msgid("Open"),
    "held": msgid("Waits for a person"),
    "remedying": msgid("Being healed from afar"),
    "asking": msgid("The owner is asked for one look"),
    "quoted": msgid("The owner is asked for a yes to the price"),
    "waiting": msgid("Waiting for a part or a free time"),
    "offered": msgid("Dates offered"),
    "confirmed": msgid("Date confirmed"),
    "solved": msgid("Solved"),
    "cancelled": msgid("Cancelled"),
}

SEVERITIES: Final[Mapping[str, str]] = {
    "critical": msgid("Critical"),
    "major": msgid("Serious"),
    "minor": msgid("Minor"),
    "warning": msgid("Notice"),
}

WHY_THIS_DATE: Final[Mapping[str, str]] = {
    "soonest": msgid("The soonest date with everything ready"),
    "on_the_way": msgid("Another day, on which somebody is near you anyway"),
    "other_day": msgid("Another day of the week"),
    "other_time": msgid("Another time of the day"),
    "nearest": msgid("The nearest service centre"),
}

QUEUES: Final[Mapping[str, str]] = {
    "safety": msgid("Safety"),
    "judgement": msgid("Judgement"),
}

VERDICTS: Final[Mapping[str, str]] = {
    "sure": msgid("Sure enough to act"),
    "unsure": msgid("Not sure: a person decides"),
    "safety": msgid("Safety: a person decides at once"),
}

# What a decision was, as its receipt says it.
OUTCOMES: Final[Mapping[str, str]] = {
    "request": msgid("The request was opened by itself"),
    "case": msgid("A person was asked to judge"),
    "safety_case": msgid("A person was asked at once, for safety"),
    "amended": msgid("The request was brought up to date"),
    "released": msgid("The request went on by itself"),
    "nothing": msgid("Nothing speaks for a fault any more"),
}

# How a check is done that tells causes apart.
MANNERS: Final[Mapping[str, str]] = {
    "remote": msgid("from the desk"),
    "owner": msgid("a question to the owner"),
    "on_site": msgid("a look on site"),
}

# How a condition of a remedy from afar stands, by what its device or its owners said last.
STANDINGS: Final[Mapping[str, str]] = {
    "met": msgid("Yes"),
    "not_so": msgid("No"),
    "not_said": msgid("Not said lately"),
}
# A condition that owners answer for, as `gateway.remedies.readiness` says it; those of devices are in the products' folders.
NEEDS: Final = (msgid("Every owner has said that nobody there depends on powered medical equipment"),)

# Why a case is given to a person, as triage and the journey write it.
CASE_REASONS: Final = (
    msgid("Safety: a person decides before anything else happens."),
    msgid("The evidence does not single out one fault."),
    msgid("No service centre has the part."),
    msgid("No service centre has a bay with the skills that this work needs."),
    msgid("No technician who has the skills for this work is near enough."),
    msgid("Nobody knows where the device is, so nobody can be sent: its place has to be entered."),
    msgid("No date is free in the coming weeks."),
    msgid("The owner has not answered two offers: please ask in person."),
    msgid("The owner was written to three times, and it is not settled: please ask in person."),
    msgid("The date has passed: say what was found, then close the request."),
    msgid("None of the dates suits the owner."),
    msgid("Nobody came to a promised date: call the owner, and say what we do for it."),
    msgid("The owner was not there twice: please ask in person."),
    msgid("A promised date could not be kept: see to it that the owner gets another one."),
    msgid(
        "The hours have changed, and a promised date is outside of them now: have it kept, or give the owner another one."
    ),
    msgid("What has to be done does not fit into the booked date any more: move the date with the owner."),
    msgid("The owner wants to cancel what is a matter of safety."),
    msgid("None of the known faults"),
    msgid("A monitor goes on and off again and again: look at its sensor."),
    msgid("A roll-out has stopped by itself: too few of its devices were healed."),
    msgid("A remedy from afar was tried in vain: decide how it goes on."),
    msgid("After the owner's answer the evidence does not single out one fault."),
    msgid("A person's judgement is expected to cost less than a date for what may be the wrong fault."),
    msgid("It goes on and off again and again"),
    msgid("The price of this work is not known: agree it with the owner before any work begins."),
    msgid("The owner has stopped a service of this component: ask before anything is sent to him."),
    msgid("Somebody was there lately, and it shows again: find out whether the work has helped."),
    msgid(
        "The owner reports a trouble that the readings do not show by themselves: look at it with the device's data."
    ),
    msgid("The owner asks for a date: see what has to be done, then approve."),
    msgid("The owner asks what it would cost: approve the cause, and he is told the price."),
    msgid("The owner reports something else about what is in hand: see whether it changes anything."),
    msgid("The owner was asked by a person: see what he answered, and decide how to go on."),
    msgid("The owner says so"),
    msgid("A deposit is needed, and no payment provider is set: agree with the owner, then approve."),
    msgid("The owner has not paid the deposit: please ask in person."),
    msgid("The payment provider fails: see that the deposit is taken, or given back."),
    msgid(
        "Another amount was paid than was asked for: see to it at the payment provider, agree with the owner, then approve."
    ),
    msgid("The owner has not answered the price: please ask in person."),
    msgid("The owner does not want to pay this price: please talk about it."),
    msgid("Which part number this device needs is not clear: say so in its bill of material."),
    msgid("A part that was promised is missing, and the owner has lost his date: see that he gets another one."),
    msgid(
        "The cause is another one than before, and its part cannot be there before the booked date: move the date with the owner."
    ),
    msgid("A supplier's answer does not fit the order: ask the supplier what is true."),
    msgid("A supplier does not answer: ask whether the order is there, or find the part elsewhere."),
    # Why a step has no clause, as `workflows.mandate` says it.
    msgid("Nobody has signed what this device may do by itself: ask its owner."),
    msgid("The owner's mandate does not hold yet: ask the owner."),
    msgid("The owner's mandate has expired: ask the owner, and for a new one."),
    msgid("The owner has taken the mandate back: ask the owner before anything else happens."),
    msgid("The part costs more than the owner lets his device put aside: ask the owner."),
    msgid("The parts are priced in more than one currency: put their prices right, then approve."),
    msgid("The part's price is in another currency than the owner's limit: ask the owner."),
    msgid("The owner has set how much a part may cost, and what this work needs has no price: ask the owner."),
    msgid("The owner has not let his device report by itself: ask the owner whether it may go on."),
    msgid("The owner has not let his device be reset from afar: ask the owner."),
    msgid("The owner has not let parts be put aside for his device: ask the owner."),
    msgid("The owner does not want dates offered by itself: ask the owner which day suits."),
    msgid("The owner has not let the device's readings be handed to a repairer: ask the owner."),
    msgid("A step that failed again and again was dropped: see how it goes on."),
    msgid("The device has a new owner: ask him for a mandate, and whether it may go on."),
)

EVENTS: Final[Mapping[str, str]] = {
    "opened": msgid("Request opened"),
    "diagnosis_changed": msgid("Diagnosis changed"),
    "escalated": msgid("Escalated to safety"),
    "case_opened": msgid("Given to a person"),
    "part_reserved": msgid("Part put aside"),
    "part_ordered": msgid("Part ordered"),
    "part_confirmed": msgid("The supplier has confirmed the part"),
    "part_delayed": msgid("The part comes at another time"),
    "part_shipped": msgid("The part is on its way"),
    "part_arrived": msgid("The part has arrived"),
    "part_missing": msgid("A promised part is missing"),
    "part_released": msgid("Part given back"),
    "date_lost": msgid("The date is lost with its part"),
    "no_part": msgid("No part to be had"),
    "no_date": msgid("No date to be had"),
    "offered": msgid("Dates offered to the owner"),
    "offer_expired": msgid("Offered dates expired"),
    "confirmed": msgid("Date confirmed by the owner"),
    "replanned": msgid("Put elsewhere in the day's routes"),
    "held": msgid("Held"),
    "approved": msgid("Approved"),
    "job_dropped": msgid("A step that kept failing was dropped"),
    "seen_to": msgid("A person has seen to it"),
    "cancelled": msgid("Cancelled"),
    "case_overdue": msgid("A person's time to decide has run out"),
    "date_passed": msgid("The date has passed"),
    "symptom_healed": msgid("A symptom has gone"),
    "owner_reported": msgid("Reported by the owner"),
    "other_dates_asked": msgid("The owner asked for other dates"),
    "other_dates_expired": msgid("Other dates ran out; the confirmed one stands"),
    "rescheduled": msgid("The owner moved the date"),
    "earlier_wished": msgid("The owner would come earlier"),
    "earlier_not_wished": msgid("The owner does not wait for an earlier date any more"),
    "earlier_offered": msgid("An earlier date offered"),
    "date_misfit": msgid("The date does not suffice for what has to be done"),
    "nobody_came": msgid("The owner says that nobody came"),
    "owner_was_away": msgid("The owner was not there"),
    "reassigned": msgid("Given to somebody else; the promise stands"),
    "called_off": msgid("The date could not be kept"),
    "completed": msgid("The date took place"),
    "not_done": msgid("It could not be done"),
    "offer_withdrawn": msgid("Offered dates could not be kept"),
    "stopped": msgid("Stopped by the owner"),
    "resumed": msgid("The owner took his stop back"),
    "priced": msgid("Priced"),
    "not_priced": msgid("Has no price yet"),
    "quoted": msgid("The owner was told the price"),
    "quote_asked": msgid("The owner asked for the price"),
    "quote_accepted": msgid("Price agreed"),
    "quote_declined": msgid("Price declined by the owner"),
    "quote_expired": msgid("The price was not answered"),
    "price_raised": msgid("It costs more than was agreed"),
    "goodwill_granted": msgid("Goodwill granted"),
    "goodwill_withdrawn": msgid("Goodwill taken back"),
    "deposit_reminded": msgid("The owner was reminded of the deposit"),
    "deposit_wanted": msgid("A deposit is asked for"),
    "deposit_paid": msgid("Deposit paid"),
    "deposit_returned": msgid("Deposit given back"),
    "deposit_failed": msgid("The deposit could not be had"),
    "clause_missing": msgid("The owner's mandate does not allow it"),
    "mandate_revoked": msgid("The owner took the mandate back"),
    "owner_changed": msgid("The device has a new owner"),
    "undone": msgid("Undone by a person"),
    "remedy_planned": msgid("A remedy from afar is planned"),
    "remedy_sent": msgid("The remedy's command was sent"),
    "remedy_done": msgid("The device says that it is done"),
    "remedy_partly": msgid("The device says that it is partly done"),
    "remedy_refused": msgid("The device refused"),
    "remedy_unanswered": msgid("The device did not answer"),
    "remedy_never_ready": msgid("The device was never ready for it"),
    "remedy_healed": msgid("The readings are well; they have to stay so"),
    "remedy_relapsed": msgid("The readings are wrong again"),
    "remedy_held": msgid("The readings stayed well: it helped"),
    "remedy_not_proven": msgid("The readings do not show that it helped"),
    "remedy_withdrawn": msgid("The remedy was withdrawn"),
    "remedy_skipped": msgid("Dates are wanted instead of a remedy from afar"),
    "remedy_given_up": msgid("Nothing more is tried in this way"),
    "remedy_not_allowed": msgid("The owner has not allowed a remedy from afar"),
    "remedy_did_not_last": msgid("A remedy did not last: it counts against the diagnosis"),
    "solved": msgid("Solved"),
    "weighed": msgid("What may be done next was compared"),
    "waits_a_week": msgid("Looked at again within a week"),
    "asked": msgid("The owner was asked"),
    "owner_answered": msgid("The owner answered"),
    "not_answered": msgid("The owner did not answer in time"),
    "deed_not_proven": msgid("The readings do not show what the owner did"),
    "rollout_aborted": msgid("The roll-out has stopped by itself"),
    "shared": msgid("Shared with a repairer"),
    "share_ended": msgid("No longer shared with a repairer"),
    "device_warned": msgid("The device was told that it must not be used"),
}

# What may be done next about a fault, as costs are compared.
WAYS: Final[Mapping[str, str]] = {
    "remote": msgid("Try a remedy from afar"),
    "self_help": msgid("The owner does something himself"),
    "ask": msgid("Ask the owner for one look"),
    "drop_off": msgid("A date at the service centre"),
    "visit": msgid("A visit"),
    "case": msgid("A person decides"),
    "wait": msgid("Look again in a week"),
}

# What an owner may answer.
ANSWERS: Final[Mapping[str, str]] = {
    "yes": msgid("Yes"),
    "no": msgid("No"),
    "unknown": msgid("I cannot tell"),
    "done": msgid("I have done it"),
    "not_done": msgid("I cannot do it"),
}

# How a try from afar stands.
ATTEMPTS: Final[Mapping[str, str]] = {
    "planned": msgid("Waits until the device is ready"),
    "sent": msgid("Sent; the device has not answered"),
    "verifying": msgid("Done, says the device; its readings have to show it"),
    "holding": msgid("Its readings are well; they have to stay so"),
    "proven": msgid("It helped"),
    "failed": msgid("It did not help"),
    "withdrawn": msgid("Withdrawn"),
}

NOTICES: Final[Mapping[str, str]] = {
    "offer": msgid("Dates to choose from"),
    "confirmed": msgid("Confirmation of the date"),
    "cancelled": msgid("Cancellation"),
    "date_lost": msgid("A date is lost"),
    "safety": msgid("Safety warning"),
    "case_opened": msgid("Case for a member of staff"),
    "incident_opened": msgid("Incident for a member of staff"),
    "link": msgid("New link to the page"),
    "ask": msgid("Question to the owner"),
    "quote": msgid("A price to agree"),
    "deposit_due": msgid("Reminder of a deposit"),
    "called_off": msgid("A date that could not be kept"),
    "completed": msgid("What was found at the date"),
    "earlier": msgid("An earlier date"),
    "date_misfit": msgid("Other dates, because the work has changed"),
    "healed": msgid("It is well again"),
    "shared": msgid("Readings for a repairer"),
    "welcome": msgid("Welcome to a new owner"),
}

# What was found at a date.
FINDINGS: Final[Mapping[str, str]] = {
    "repaired": msgid("Repaired"),
    "no_fault": msgid("No fault found"),
    "not_done": msgid("Could not be done"),
}

ACTORS: Final[Mapping[str, str]] = {
    "desk": msgid("by itself"),
    "device": msgid("Device"),
    "owner": msgid("Owner"),
}

# Why a planner's act is refused, as `gateway.planner` says it.
REFUSALS: Final = (
    msgid("There is no such request."),
    msgid("There is nothing that could be undone."),
    msgid("Something else was said about this date already: see to what is left of it by hand."),
    msgid("The other dates are not offered any more."),
    msgid("The request is settled; there is nothing to undo any more."),
    msgid("The fault is not known, so there is no work to offer a date for."),
    msgid("The request is cancelled; this cannot be done now."),
    msgid("The promised time is not over."),
    msgid("The promised time has not begun: nothing can have been found yet."),
    msgid("What is put aside has changed meanwhile: look at the parts again."),
    msgid("Say why it could not be done: who goes on with it has to know."),
    msgid("There is no such symptom."),
    msgid("Safety is never put aside."),
    msgid("A shelf lasts for a week at most."),
    msgid("It is out of service: put it back first."),
    msgid("There is no such part or service centre."),
    msgid("There is no such delivery."),
    msgid("This delivery has ended already."),
    msgid("opening count"),
    msgid("The owner cannot be asked this now."),
    msgid("The request is settled, or its data are not this owner's alone: it cannot be shared."),
    msgid("The owner has not let the device's readings be handed to a repairer: ask the owner."),
    msgid("Five repairers were told of it already: it cannot be shared with more."),
)


def word(words: Mapping[str, str], name: str) -> str:
    """Return the text for a stored name; a name without one is shown as it is, its underscores as spaces."""
    return words.get(name, name.replace("_", " "))
