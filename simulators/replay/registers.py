"""Registers from recordings that have none, and the reverse: sums of what each interval used, and rises of what was summed up."""

from decimal import Decimal


class RunningSums:
    """Registers by device: each interval's use is added exactly, as the decimals that stand in the file."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], Decimal] = {}

    def add(self, device: str, signal: str, use: Decimal) -> Decimal:
        """Add what an interval used; gives the register at its end.

        Examples
        --------
        >>> sums = RunningSums()
        >>> [str(sums.add("m", "import_wh", Decimal(text) * 1000)) for text in ("0.141", "0.088")]
        ['141.000', '229.000']
        """
        total = self._sums.get((device, signal), Decimal(0)) + use
        self._sums[device, signal] = total
        return total


class Rises:
    """How steeply one sum rises against another since the row before, by device: energy by volume is a temperature."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], tuple[float, float]] = {}

    def rise(self, device: str, signal: str, value: float, by: float) -> float | None:
        """Give the rise of `value` for each unit of `by` since the row before; None where `by` did not rise.

        Examples
        --------
        >>> rises = Rises()
        >>> [rises.rise("m", "t", *pair) for pair in ((10.0, 1.0), (130.0, 3.0), (130.0, 3.0))]
        [None, 60.0, None]
        """
        before = self._before.get((device, signal))
        self._before[device, signal] = (value, by)
        if before is None or by <= before[1]:
            return None
        return (value - before[0]) / (by - before[1])
