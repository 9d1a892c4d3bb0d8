"""What a letter or a page is about: one request with its promised dates, and the sentences that both say of it."""

from dataclasses import dataclass, field

from devices.faults import FaultCode
from devices.products import product_type
from gateway.notices.price import Price
from gateway.storage.pages.request import AppointmentRow, Centre, OfferedDate, RequestRow
from gateway.texts import Translator


@dataclass(frozen=True, slots=True)
class Matter:
    """What a letter is about: one request, read at the time of sending."""

    request: RequestRow
    centre: Centre | None
    dates: tuple[OfferedDate, ...] = ()
    appointment: AppointmentRow | None = None
    price: Price = field(default_factory=Price)

    @property
    def product_name(self) -> str:
        """What the owner calls the product: its model, else its number."""
        return self.request.model or self.request.device

    def fault(self) -> FaultCode | None:
        """Return the fault that the request is about, None where the diagnosis names none."""
        faults = product_type(self.request.product).faults
        ranked = self.request.ranked()
        code = self.request.fault_code or (ranked[0].fault if ranked else "")
        return faults.get(code)

    @property
    def is_visit(self) -> bool:
        """Whether somebody comes to the product, and its owner brings it nowhere."""
        promised = self.appointment or next(iter(self.dates), None)
        return product_type(self.request.product).is_visited if promised is None else promised.is_visit

    @property
    def zone_name(self) -> str:
        """The time zone of the place where the work is done."""
        return self.centre.time_zone if self.centre else self.request.place_time_zone

    def place(self, t: Translator) -> str:
        """Return where the product is, as its owner calls the place."""
        return self.request.place_name or t.gettext("the place of your product")

    def duration(self, t: Translator) -> str:
        """Return how long the work takes, empty where nobody knows yet."""
        fault = self.fault()
        remedy = product_type(self.request.product).remedies.get(fault.code) if fault else None
        if remedy is None or not remedy.minutes:
            return ""
        return t.gettext("About %(minutes)s minutes") % {"minutes": remedy.minutes}

    def arrival(self, t: Translator) -> str:
        """Return in one sentence who comes when, empty where no visit is booked."""
        booked = self.appointment
        if booked is None or not booked.is_visit:
            return ""
        zone_name = self.zone_name
        return t.gettext("%(who)s comes to %(place)s and arrives between %(begin)s and %(end)s.") % {
            "who": booked.who,
            "place": self.place(t),
            "begin": t.clock(booked.begins_at, zone_name),
            "end": t.clock(booked.ends_at, zone_name),
        }


def may_use(fault: FaultCode | None, t: Translator, *, has_date: bool = True) -> str:
    """Return in one sentence whether the product may be used until the date, or for now where there is no date yet."""
    if fault is None:
        return t.gettext("A person looks at it first and will tell you.")
    if fault.may_run_on:
        return t.gettext("You can go on using it until the date.") if has_date else t.gettext("You can go on using it.")
    return t.gettext("Please do not use it until it has been looked at.")


def promised_hours(date: OfferedDate | AppointmentRow, zone_name: str, t: Translator) -> str:
    """Return the hours of a date: of a visit, those within which the technician arrives."""
    hours = t.hours(date.begins_at, date.ends_at, zone_name)
    return t.gettext("Arrival %(hours)s") % {"hours": hours} if date.is_visit else hours


def place_facts(matter: Matter, t: Translator) -> tuple[tuple[str, str], ...]:
    """Return where the work is done and whom to call."""
    centre = matter.centre
    duration = ((t.gettext("How long does it take?"), matter.duration(t)),) if matter.duration(t) else ()
    if matter.is_visit:
        where = ((t.gettext("Where"), matter.place(t)), *duration)
    else:
        where = ((t.gettext("Where"), f"{centre.title}, {centre.address}"),) if centre else ()
    return (*where, (t.gettext("Phone"), centre.phone)) if centre and centre.phone else where
