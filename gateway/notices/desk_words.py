"""Words that only those who work at the desk read: of devices, stock, routes and roll-outs, and of the desk itself."""

from collections.abc import Mapping
from typing import Final

from gateway.texts import msgid

ROLLOUTS: Final[Mapping[str, str]] = {
    "running": msgid("Under way"),
    "done": msgid("Done"),
    "aborted": msgid("Stopped by itself"),
    "stopped": msgid("Stopped"),
}

ROLLOUT_REFUSALS: Final = (
    msgid("There is no such remedy for this fault."),
    msgid("No device has an open request about this fault that waits."),
    msgid("This remedy is being rolled out already."),
)

# Why a technician is absent, or a bay out of order.
ABSENCES: Final[Mapping[str, str]] = {
    "sick": msgid("Sick"),
    "leave": msgid("On leave"),
    "training": msgid("In training"),
    "broken": msgid("Out of order"),
    "other": msgid("Other"),
}

# What is wrong with the desk itself, by the kind of alarm; a share or a number of messages is shown where it helps.
ALARMS: Final[Mapping[str, str]] = {
    "queue_fills": msgid("Messages from devices pile up: the broker's queue is %(value)s full."),
    "queue_drops": msgid("The broker's queue was full, and %(value)s messages were lost."),
    "database_away": msgid("The database does not answer; messages from devices wait at the broker."),
    "ingest_behind": msgid("Readings are late: messages from devices wait to be stored."),
    "ingest_silent": msgid("No readings are being taken in: ingest is not heard from."),
    "work_silent": msgid("No faults are being worked on and no messages leave: work is not heard from."),
    "log_behind": msgid("Readings are late: messages from devices pile up in Kafka faster than they are taken in."),
    "jobs_old": msgid(
        "Diagnoses, offers and messages are late: jobs are waiting. 'callout jobs' says whether one of them fails."
    ),
    "disk_full": msgid("The disk is %(value)s full."),
    "clock_jumped": msgid(
        "The machine's clock has jumped by %(value)s seconds: set it, and look at dates and silences."
    ),
    "broker_away": msgid("The broker does not answer, or refuses ingest; messages from devices wait."),
    "list_old": msgid(
        "Devices with certificates will soon be kept out: the list of revoked ones is not being renewed."
    ),
}

# Why an alarm ended without being well, as those who measure say it.
ALARM_ENDS: Final = (
    msgid("messages come from the broker, and no log is read"),
    msgid("messages come from Kafka, and no broker's queue is read"),
    msgid("devices have no certificates in the present set-up"),
)

# What a symptom is to people.
ATTENTION: Final[Mapping[str, str]] = {
    "normal": msgid("Not there"),
    "unacknowledged": msgid("Nobody has seen it yet"),
    "acknowledged": msgid("Seen"),
    "returned": msgid("Gone before anybody saw it"),
    "shelved": msgid("Put aside"),
    "suppressed": msgid("Says nothing in this mode"),
    "out_of_service": msgid("Out of service"),
}

# How a delivery of parts stands.
DELIVERIES: Final[Mapping[str, str]] = {
    "planned": msgid("Ordered with the owner's yes"),
    "asked": msgid("Ordered"),
    "confirmed": msgid("Confirmed by the supplier"),
    "shipped": msgid("On its way"),
    "arrived": msgid("Arrived"),
    "rejected": msgid("Refused by the supplier"),
    "cancelled": msgid("Taken back"),
    "lost": msgid("Will not come"),
}

# Why stock changed.
MOVEMENTS: Final[Mapping[str, str]] = {
    "receipt": msgid("Taken in"),
    "issue": msgid("Used for a repair"),
    "order": msgid("Ordered or sent for"),
    "order_end": msgid("Does not come"),
    "transfer_out": msgid("Sent to another centre"),
    "transfer_in": msgid("Received from another centre"),
    "allocate": msgid("Put aside for a request"),
    "release": msgid("Given back"),
    "adjust": msgid("Counted"),
}

# What a planner did about it, as the audit line says.
ATTENTION_ACTS: Final[Mapping[str, str]] = {
    "acknowledge": msgid("Seen"),
    "shelve": msgid("Put aside"),
    "take_out": msgid("Taken out of service"),
    "end_with_it": msgid("Put back"),
    "end_without_it": msgid("Put back"),
}

# What is wrong with how a device reports, and what a planner does about it.
TROUBLES: Final[Mapping[str, str]] = {
    "two_devices": msgid("Two devices report under this name"),
    "seq_restarted": msgid("Its message numbers fell back without a restart"),
    "clock_off": msgid("Its clock is wrong"),
    "gap_lost": msgid("Messages are lost"),
}

TROUBLE_MOVES: Final[Mapping[str, str]] = {
    "two_devices": msgid(
        "Give this device a new password, put it into the right one only, and enrol the other by itself."
    ),
    "seq_restarted": msgid(
        "Nothing is lost. Ask the maker: boot has to grow with every restart, and seq with every message, events among them."
    ),
    "clock_off": msgid(
        "Set the device's clock, or let it ask a time server. Its readings keep the times that it gave them."
    ),
    "gap_lost": msgid(
        "The device was asked for them and has them no longer. If it happens often, look at its connection and store."
    ),
}

# What came of planning a day's routes anew, as `gateway.routing.replan` says it; empty while it is planned.
ROUTE_OUTCOMES: Final[Mapping[str, str]] = {
    "": msgid("Being planned"),
    "moved": msgid("Planned anew"),
    "nothing_better": msgid("Nothing better was found"),
    "nothing_to_plan": msgid("There was nothing to plan"),
    "changed_meanwhile": msgid("A promise changed meanwhile: nothing was done"),
    "no_solver": msgid("The planner of routes is not installed"),
}

# Why nobody makes a visit, as `workflows.unplanned` says it.
UNPLANNED: Final[Mapping[str, str]] = {
    "no_skill": msgid("nobody there has the skills"),
    "window_past": msgid("its hours are past"),
    "too_much": msgid("nobody can carry what it needs"),
    "none_reaches_it": msgid("nobody with the skills reaches it within its hours"),
    "shifts_are_full": msgid("all who could come are with others then"),
    "has_a_place": msgid("there is room for it: plan the day once more"),
}
