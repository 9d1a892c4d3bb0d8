"""From a row of texts to a sample: what cannot be read is reported, and the rest lives."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from devices.signals import Kind
from simulators.replay.mapping import Binding, SignalColumns, Source
from simulators.replay.recording import Row
from simulators.replay.registers import Rises, RunningSums
from simulators.replay.times import Clocks

_NOTHING = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})
_DECIMALS = 6

Value = float | int | bool | list[float | None]
Report = Callable[["Unreadable"], None]
_Read = Callable[[str], float | None]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something in a recording that could not be read: where, what it says, and why not."""

    line: int
    column: str
    value: str
    reason: str


class RowReader:
    """Reads rows by a mapping that is bound to their header.

    Parameters
    ----------
    binding
        The mapping with its columns.
    left_out
        Columns of vectors that hold no value anywhere: there is no such cell or probe.
    report
        Called with each thing that cannot be read.
    """

    def __init__(self, binding: Binding, left_out: frozenset[int], report: Report) -> None:
        self._binding = binding
        self._report = report
        self._clocks = Clocks(binding.mapping.time.format, binding.mapping.time.zone)
        self._sums, self._rises = RunningSums(), Rises()
        kept = [(source, tuple(i for i in source.indexes if i not in left_out)) for source in binding.sources]
        self._sources = [(source, indexes, _number_reader(source.spec)) for source, indexes in kept if indexes]

    def at(self, row: Row) -> datetime | None:
        """When a row was measured, aware UTC; None when that cannot be read, which is reported."""
        text = row.texts[self._binding.time_index].strip()
        try:
            return self._clocks.at(text, self.device(row))
        except (ValueError, OverflowError, OSError):
            wanted = self._binding.mapping.time.format
            self._report(
                Unreadable(row.line, self._binding.mapping.time.column, text[:60], f"is not a time of format {wanted}")
            )
            return None

    def device(self, row: Row) -> str:
        """Read the device column, empty when there is no such column."""
        index = self._binding.device_index
        return row.texts[index].strip() if index is not None else ""

    def sample(self, row: Row) -> dict[str, object]:
        """Give all signals of a row that hold a value."""
        sample: dict[str, object] = {}
        for source, indexes, read in self._sources:
            if source.spec.is_use:
                sample |= self._register(row, source, indexes[0], read)
                continue
            if source.by_index is not None:
                sample |= self._slope(row, source, indexes[0], read)
                continue
            numbers = [self._number(row, index, read) for index in indexes]
            if source.signal.kind is Kind.VECTOR:
                sample[source.signal.name] = numbers  # all None is a fact too: every sensor was silent
            elif numbers[0] is not None:
                sample[source.signal.name] = _typed(source, numbers[0])
        return sample

    def _register(self, row: Row, source: Source, index: int, read: _Read) -> dict[str, object]:
        """Give the register after this row's interval; nothing when its use is not known."""
        if self._number(row, index, read) is None:
            return {}
        use = Decimal(row.texts[index].strip()) * Decimal(str(source.spec.scale))
        register = self._sums.add(self.device(row), source.signal.name, use)
        return {source.signal.name: _typed(source, float(round(register, _DECIMALS)))}

    def _slope(self, row: Row, source: Source, index: int, read: _Read) -> dict[str, object]:
        value = self._number(row, index, read)
        by = self._number(row, source.by_index or 0, float)
        if value is None or by is None:
            return {}
        rise = self._rises.rise(self.device(row), source.signal.name, value, by)
        return {} if rise is None else {source.signal.name: round(rise, _DECIMALS)}

    def _number(self, row: Row, index: int, read: _Read) -> float | None:
        try:
            return read(row.texts[index])
        except ValueError as error:
            column = self._binding.header[index]
            self._report(Unreadable(row.line, column, row.texts[index].strip()[:60], str(error)))
            return None


def holds_value(spec: SignalColumns) -> Callable[[str], bool]:
    """Make a test whether a text holds a value at all: neither nothing nor one of the sentinels."""
    read = _number_reader(spec)

    def holds(text: str) -> bool:
        try:
            return read(text) is not None
        except ValueError:
            return True  # something stands there, if unreadable: the column exists

    return holds


def _typed(source: Source, number: float) -> Value:
    if source.signal.kind is Kind.FLAG:
        return bool(number)
    return round(number) if source.signal.kind in (Kind.COUNTER, Kind.LEVEL) else number


def _number_reader(spec: SignalColumns) -> _Read:
    words = frozenset(one.strip().lower() for one in spec.no_value if isinstance(one, str)) | _NOTHING
    sentinels = frozenset(float(one) for one in spec.no_value if not isinstance(one, str))
    meanings = {_key(text): float(value) for text, value in spec.values.items()}
    is_plain = spec.scale == 1 and spec.offset == 0

    def read(text: str) -> float | None:
        word = text.strip()
        if word.lower() in words:
            return None
        if meanings and _key(word) in meanings:
            return meanings[_key(word)]
        try:
            number = float(word)
        except ValueError:
            raise ValueError("is not a number") from None
        if number in sentinels:
            return None
        if not math.isfinite(number):
            raise ValueError("is not a finite number")
        if meanings:
            raise ValueError(f"is none of the values {', '.join(spec.values)}")
        return number if is_plain else round(number * spec.scale + spec.offset, _DECIMALS)

    return read


def _key(text: str) -> float | str:
    """Let "1" and "1.0" be the same value."""
    try:
        return float(text)
    except ValueError:
        return text.strip()
