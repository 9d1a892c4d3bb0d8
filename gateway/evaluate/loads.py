"""Days of household appliances at one power a minute: their file, their clocks, and what a day says of its phases.

Layout: ``appliance_minutes.csv.gz`` (or any .csv, .csv.gz) with the columns device, fault, day, ctime, activePower, as in
Papaioannou et al., Energies 17 (2024) 4529. A device's kind is its name without the number; faults are compared by their
names in small letters, without the word anomaly. The column `label` marks the minutes that the set's authors put in; it
is not read. Those minutes make a faulty day longer than a day: only its first 24 hours are taken, as a clock would have it.

What was put in bears decimals that no meter of the set sends, and one even power; nothing here looks at either.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from devices.readings import FloatArray
from diagnostics.phases import working_power
from gateway.evaluate.crop import generator
from gateway.evaluate.folder import find_files, read_rows
from gateway.evaluate.report import EvaluateError

NORMAL: Final = "normal"
_DAY_MIN: Final = 1440
_FORMS: Final = ("%Y-%m-%d", "%m/%d/%Y")
_MOST_CUT: Final = 0.25
_MOST_AHEAD_MIN: Final = 360


@dataclass(frozen=True, slots=True)
class Day:
    """One device's day: `begin_min` since 1970 of its own clock, `power_w` float64 [minutes] with NaN where unknown."""

    device: str
    fault: str
    name: str
    begin_min: int
    power_w: FloatArray

    @property
    def kind(self) -> str:
        """What the device is, by its name without the number."""
        return fault_name(re.sub(r"[\W_]*\d+$", "", self.device) or self.device)

    def overlaps(self, other: "Day") -> bool:
        """Whether both days have an instant in common."""
        return self.common_min(other) > 0

    def common_min(self, other: "Day") -> int:
        """Return how many minutes both days have in common, below 0 for those between them."""
        end_min = min(self.begin_min + len(self.power_w), other.begin_min + len(other.power_w))
        return end_min - max(self.begin_min, other.begin_min)


def read(folder: Path) -> list[Day]:
    """Read all days of a set, in order of device, fault and day.

    Raises
    ------
    EvaluateError
        When there is no such file, or it is not in the set's columns, or no row has a time.
    """
    minutes: dict[tuple[str, str, str], dict[int, float]] = {}
    files = files_of(folder)
    dates: dict[str, int | None] = {}
    for file in files:
        for row in read_rows(file, ["device", "fault", "day", "ctime", "activePower"]):
            at_min = _at_min(row["ctime"] or "", dates)
            if at_min is not None and row["device"] and row["fault"]:
                day = minutes.setdefault((row["device"], fault_name(row["fault"]), row["day"] or ""), {})
                day[at_min] = _power_w(row["activePower"])
    if not minutes:
        raise EvaluateError(
            f"{files[0]} has no row with a device, a fault and a time such as 2020-01-05 13:40:00. "
            f"Give it in the set's own layout."
        )
    return [_day(key, minutes[key]) for key in sorted(minutes)]


def files_of(folder: Path) -> list[Path]:
    """Return the set's files."""
    return find_files(folder, "appliance_power", "*.csv.gz", "*.csv")


def fault_name(text: str) -> str:
    """Return a fault as labels are compared.

    >>> fault_name("Anomaly_Sediment_Build-Up"), fault_name("anomaly_Minor_7.50"), fault_name("Normal")
    ('sediment_build_up', 'minor_7_50', 'normal')
    """
    return re.sub(r"[\W_]+", "_", re.sub(r"^anomaly[\W_]*", "", text.strip().lower())).strip("_") or "unnamed"


def _at_min(text: str, dates: dict[str, int | None]) -> int | None:
    """Return minutes since 1970 of a device's clock; None where the text is no time."""
    date, _, clock = text.strip().partition(" ")
    if date not in dates:
        dates[date] = next((found for form in _FORMS if (found := _days_min(date, form)) is not None), None)
    begin_min, parts = dates[date], clock.split(":")
    if begin_min is None or len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    return begin_min + int(parts[0]) * 60 + int(parts[1])


def _days_min(date: str, form: str) -> int | None:
    try:
        return int(datetime.strptime(date, form).replace(tzinfo=UTC).timestamp()) // 60
    except ValueError:
        return None


def _power_w(text: str | None) -> float:
    try:
        power_w = float(text or "nan")
    except ValueError:
        return float("nan")
    # A load that gives power is none, and a number that no socket carries is no value.
    return power_w if 0 <= power_w < 1e5 else float("nan")


def _day(key: tuple[str, str, str], minutes: Mapping[int, float]) -> Day:
    """Return the 24 hours after a day's first minute; minutes that are missing in between are unknown."""
    begin_min = min(minutes)
    at_min = np.array([minute for minute in minutes if minute < begin_min + _DAY_MIN]) - begin_min
    power_w = np.full(int(at_min.max()) + 1, np.nan)
    power_w[at_min] = [minutes[begin_min + minute] for minute in at_min.tolist()]
    return Day(*key, begin_min, power_w)


def cropped(day: Day, seed: int | None) -> Day:
    """Return a day without a random part of its start or with more of the rest it began in, and without a part of its end.

    What is put ahead is mirrored from the minutes before the first phase; a day that begins at work is given none.
    """
    if seed is None:
        return day
    chance = generator(seed, f"{day.device} {day.fault} {day.name}")
    power_w, begin_min = day.power_w, day.begin_min
    power_w = power_w[: len(power_w) - int(chance.uniform(0, _MOST_CUT) * len(power_w))]
    if chance.random() < 0.5:
        cut = int(chance.uniform(0, _MOST_CUT) * len(power_w))
        return Day(day.device, day.fault, day.name, begin_min + cut, power_w[cut:])
    working = np.flatnonzero(power_w > working_power([power_w]) / 2)
    rest = power_w[: min(int(working[0]) if len(working) else len(power_w), int(chance.integers(_MOST_AHEAD_MIN)))]
    return Day(day.device, day.fault, day.name, begin_min - len(rest), np.concatenate([rest[::-1], power_w]))
