"""Recordings of water meters: their file, their clock, and the labels of what is already injected in them."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from devices.instants import to_us
from gateway.evaluate.folder import read_rows
from gateway.evaluate.injection import Label, Series
from gateway.evaluate.report import EvaluateError

_SPAIN: Final = ZoneInfo("Europe/Madrid")
_FORM: Final = "%Y-%m-%d %H:%M:%S"


def read(file: Path) -> list[Series]:
    """Read all meters of a file, in order of their names; rows without time or register are left out."""
    rows: dict[str, tuple[list[datetime], list[float]]] = {}
    for row in read_rows(file, ["meter", "ts", "register_l"]):
        try:
            at, register_l = datetime.strptime(row["ts"], _FORM), float(row["register_l"] or "nan")  # noqa: DTZ007
        except (TypeError, ValueError):
            continue
        times, registers = rows.setdefault(row["meter"], ([], []))
        times.append(at)
        registers.append(register_l)
    if not rows:
        raise EvaluateError(
            f"{file} has no row with a time such as 2016-03-01 00:13:43 in ts. Give it in the set's own layout."
        )
    return [_series(meter, *rows[meter]) for meter in sorted(rows, key=lambda name: (len(name), name))]


def _series(meter: str, times: Sequence[datetime], registers: Sequence[float]) -> Series:
    at_us = np.array(list(_utc_us(times)), dtype=np.int64)
    order = np.argsort(at_us, kind="stable")
    return Series(meter, at_us[order], np.array(registers, dtype=np.float64)[order])


def _utc_us(times: Sequence[datetime]) -> Iterator[int]:
    """Yield UTC; in the hour that autumn has twice, a clock that seems to go back is in the second one."""
    before_us, offsets = 0, dict[datetime, tuple[int, int]]()
    for at in times:
        hour = at.replace(minute=0, second=0)
        if hour not in offsets:
            first, second = (hour.replace(tzinfo=_SPAIN, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
            offsets[hour] = (first // timedelta(microseconds=1), second // timedelta(microseconds=1))
        wall_us = to_us(at.replace(tzinfo=UTC))
        first_us, second_us = (wall_us - offset_us for offset_us in offsets[hour])
        before_us = second_us if first_us < before_us <= second_us else first_us
        yield before_us


def read_labels(file: Path, faults: Sequence[str]) -> list[Label]:
    """Read which faults are in the data: device, fault, onset, end (empty: it lasts), and a severity where there is one.

    Times are the wall clock of the recordings, or have an offset of their own.

    Raises
    ------
    EvaluateError
        When the file cannot be read, or names another fault or no time.
    """
    labels: list[Label] = []
    for number, row in enumerate(read_rows(file, ["device", "fault", "onset", "end"]), start=2):
        fault = (row["fault"] or "").strip().lower().replace("-", "_").replace(" ", "_")
        if fault not in faults:
            raise EvaluateError(
                f"{file}, line {number}: there is no fault {row['fault']!r}; there are: {', '.join(faults)}"
            )
        try:
            onset_us, end_us = _instant_us(row["onset"]), _instant_us(row["end"]) if row["end"] else None
            severity = float(row.get("severity") or "nan")
        except (TypeError, ValueError) as error:
            raise EvaluateError(f"{file}, line {number}: {error}. Write times as 2016-03-01 00:13:43.") from error
        known = None if math.isnan(severity) else severity
        labels.append(Label(row["device"].strip(), fault, onset_us, end_us, known))
    return labels


def _instant_us(text: str) -> int:
    at = datetime.fromisoformat(text.strip())
    return to_us((at if at.tzinfo else at.replace(tzinfo=_SPAIN)).astimezone(UTC))
