"""One language's voice: texts, dates with their zone, amounts with their unit."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import (
    format_date,
    format_skeleton,
    format_timedelta,
    get_day_names,
    get_timezone_name,
)
from babel.numbers import format_decimal, format_percent
from babel.support import NullTranslations

from gateway.texts.catalogues import Language, catalogue

# Below a hundredth the probability bar is empty anyway; "0 %" would claim a certainty that nobody has, as "100 %" would.
_SMALLEST_SHOWN: Final = 0.01
_MOMENT: Final = timedelta(seconds=1)


def zone(name: str) -> tzinfo:
    """Return the named time zone, UTC for a name that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def named_zone(name: str) -> ZoneInfo:
    """Return the named time zone with its name, that of UTC for a name that this machine does not know."""
    found = zone(name)
    return found if isinstance(found, ZoneInfo) else ZoneInfo("UTC")


def distance_from_utc(at: datetime, zone_name: str) -> str:
    """Return how far the zone's clocks are from UTC at an instant.

    Examples
    --------
    >>> distance_from_utc(datetime(2026, 11, 23, tzinfo=UTC), "Asia/Seoul")
    'UTC+9'
    >>> distance_from_utc(datetime(2026, 7, 1, tzinfo=UTC), "America/St_Johns")
    'UTC−2:30'
    """
    offset = at.astimezone(zone(zone_name)).utcoffset() or timedelta()
    if not offset:
        return "UTC"
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    return f"UTC{'+' if offset > timedelta() else '−'}{hours}" + (f":{minutes:02d}" if minutes else "")


@dataclass(frozen=True, slots=True)
class Translator:
    """Everything that a page or a message needs to speak one language."""

    language: Language
    locale: Locale
    translations: NullTranslations

    def gettext(self, message: str) -> str:
        """Return the text in this language; the empty text stays empty (gettext keeps its header there)."""
        return self.translations.gettext(message) if message else ""

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """Return the text in the form that the count asks for."""
        return self.translations.ngettext(singular, plural, count)

    def day(self, at: date | datetime, zone_name: str = "UTC") -> str:
        """Return a day with its weekday: "Monday, 23 November 2026"; an instant's day in the zone."""
        local = at.astimezone(zone(zone_name)) if isinstance(at, datetime) else at
        return format_date(local, format="full", locale=self.locale)

    def date(self, at: date | datetime, zone_name: str = "UTC") -> str:
        """Return a day without its weekday."""
        local = at.astimezone(zone(zone_name)) if isinstance(at, datetime) else at
        return format_date(local, format="long", locale=self.locale)

    def hours(self, begins_at: datetime, ends_at: datetime, zone_name: str) -> str:
        """Return the local hours of a slot: "09:00–11:00"."""
        where = zone(zone_name)
        begin, end = (format_skeleton("Hm", at, tzinfo=where, locale=self.locale) for at in (begins_at, ends_at))
        return f"{begin}–{end}"

    def clock(self, at: datetime, zone_name: str) -> str:
        """Return the local time of day on a 24-hour clock."""
        return format_skeleton("Hm", at, tzinfo=zone(zone_name), locale=self.locale)

    def moment(self, at: datetime, zone_name: str) -> str:
        """Return day and time of day with the zone's distance from UTC, for tables and histories."""
        day = format_date(at.astimezone(zone(zone_name)), format="medium", locale=self.locale)
        return f"{day} {self.clock(at, zone_name)} {distance_from_utc(at, zone_name)}"

    def day_and_time(self, at: datetime, zone_name: str) -> str:
        """Return a moment to come with its weekday, by which people plan: "Mon, 23 Nov 2026, 09:00 UTC+9"."""
        day = format_skeleton("yMMMEd", at, tzinfo=zone(zone_name), locale=self.locale)
        comma = "," if self.language == "en" else ""
        return f"{day}{comma} {self.clock(at, zone_name)} {distance_from_utc(at, zone_name)}"

    def zone_title(self, at: datetime, zone_name: str) -> str:
        """Return the zone in words with its distance from UTC: "Korean Standard Time, UTC+9"."""
        name = get_timezone_name(at.astimezone(zone(zone_name)), width="long", locale=self.locale)
        return f"{name}, {distance_from_utc(at, zone_name)}"

    def weekdays(self) -> list[str]:
        """Return the names of the weekdays, Monday first."""
        names = get_day_names("wide", "stand-alone", locale=self.locale)
        return [names[number] for number in range(7)]

    def day_tick(self, at: datetime, zone_name: str) -> str:
        """Return a day as short as an axis needs it: "23 Nov"."""
        return format_skeleton("MMMd", at, tzinfo=zone(zone_name), locale=self.locale)

    def month_tick(self, at: datetime, zone_name: str) -> str:
        """Return a month with its year as short as an axis of years needs it: "Nov 2026"."""
        return format_skeleton("yMMM", at, tzinfo=zone(zone_name), locale=self.locale)

    def ago(self, at: datetime, now: datetime) -> str:
        """Return how long ago (or how soon) an instant is: "3 hours ago", "in 20 minutes"."""
        # "In 0 seconds" helps nobody: what is just now is a second ago.
        delta = at - now if abs(at - now) >= _MOMENT else -_MOMENT
        return format_timedelta(delta, add_direction=True, threshold=1.5, locale=self.locale)

    def length(self, seconds_s: float) -> str:
        """Return a length of time in its largest fitting unit: "86 seconds", "3 hours"."""
        return format_timedelta(timedelta(seconds=round(seconds_s)), threshold=1.5, locale=self.locale)

    def number(self, value: float, digits: int = 1) -> str:
        """Return a number with at most `digits` digits after the point, grouped as the language does."""
        return format_decimal(round(value, digits) + 0.0, format=f"#,##0.{'#' * digits}", locale=self.locale)

    def percent(self, share: float) -> str:
        """Return a share of one in per cent; what is nearly nothing or nearly all is not told as certain."""
        if share < _SMALLEST_SHOWN:
            return "<" + format_percent(_SMALLEST_SHOWN, locale=self.locale)
        if share > 1 - _SMALLEST_SHOWN / 2:
            return ">" + format_percent(1 - _SMALLEST_SHOWN, locale=self.locale)
        return format_percent(share, locale=self.locale)


@lru_cache
def translator(language: Language) -> Translator:
    """Return the voice of a language."""
    # British English for its day before month and its 24 hours, which owners in three continents read alike.
    locale = Locale.parse("en_GB" if language == "en" else language)
    return Translator(language, locale, catalogue(language))
