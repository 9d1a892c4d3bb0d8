"""Simulated devices as a child process: ``python -m simulators record``, read frame by frame.

Nobody imports the simulators; what they say comes through a pipe, and names signals only. See simulators/record.py for the form.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import IO, Final, cast

import msgspec
import numpy as np

from devices.product import ProductType
from devices.readings import Columns, IntArray, Value
from gateway.evaluate.report import EvaluateError

_LENGTH_BYTES: Final = 4


class Injected(msgspec.Struct, frozen=True):
    """What is wrong with a device, how strong in which unit, and since when."""

    kind: str
    severity: float
    unit: str
    onset_us: int


class _First(msgspec.Struct, frozen=True):
    devices: list[Injected | None]


class Frame(msgspec.Struct, frozen=True):
    """An instant: which devices report (places from 0), n values by signal, and codes by place where they changed."""

    at_us: int
    rows: list[int]
    values: dict[str, list[object]]
    codes: dict[int, list[str]]

    def ids(self) -> IntArray:
        """Return who reports, counted from 1, int64 [n]."""
        return np.array(self.rows, np.int64) + 1

    def columns(self, product: ProductType) -> Columns:
        """Return the values as a decoder hands them over; codes are told in the product's signals for them."""
        values = {name: cast("Sequence[Value]", column) for name, column in self.values.items()}
        told = cast("list[Value]", [self.codes.get(row) for row in self.rows])
        values |= {feature.of_codes: told for feature in product.features.values() if feature.of_codes}
        return Columns(values, len(self.rows))


class Street:
    """Devices of one product that live in a process of their own; leave it as a context, which ends the process.

    Parameters
    ----------
    product : str
        What they are.
    ills : sequence of (kind, severity, count)
        So many devices with each kind of fault, in this order.
    healthy : int
        So many sound ones after them.
    learned, lasts, step : timedelta
        How long all are sound, how long they live from then on (beside the day of the onsets), and how far samples are apart.
    seed : int
        Decides all that is by chance.
    """

    def __init__(
        self,
        product: str,
        ills: Sequence[tuple[str, float, int]],
        healthy: int,
        *,
        learned: timedelta,
        lasts: timedelta,
        step: timedelta,
        seed: int,
    ) -> None:
        spans = {"--learned": learned, "--lasts": lasts, "--step": step}
        words = [word for name, span in spans.items() for word in (name, f"{span.total_seconds():.0f}s")]
        words += [word for kind, severity, count in ills for word in ("--ill", f"{kind}:{severity!r}:{count}")]
        command = [sys.executable, "-m", "simulators", "record", "--product", product, "--seed", str(seed), *words]
        self._process = subprocess.Popen(
            [*command, "--healthy", str(healthy)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._instants = (learned + lasts + (timedelta(days=1) if ills else timedelta())) / step

    def __enter__(self) -> "Street":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, if it has not ended."""
        self._process.kill()
        self._process.communicate()

    @property
    def instants(self) -> float:
        """How many frames there will be, about."""
        return self._instants

    def devices(self) -> list[Injected | None]:
        """Return what is wrong with each device, None for a sound one; call it once, and first.

        Raises
        ------
        EvaluateError
            When the simulators refuse what was asked for.
        """
        body = self._body()
        if body is None:
            raise self._refused()
        return msgspec.msgpack.decode(body, type=_First).devices

    def frames(self) -> Iterator[Frame]:
        """Yield the instants in order.

        Raises
        ------
        EvaluateError
            When the process ends before its time.
        """
        decoder = msgspec.msgpack.Decoder(Frame)
        while (body := self._body()) is not None:
            yield decoder.decode(body)
        if self._process.wait() != 0:
            raise self._refused()

    def _body(self) -> bytes | None:
        pipe = cast("IO[bytes]", self._process.stdout)
        length = pipe.read(_LENGTH_BYTES)
        return pipe.read(int.from_bytes(length, "little")) if len(length) == _LENGTH_BYTES else None

    def _refused(self) -> EvaluateError:
        said = cast("IO[bytes]", self._process.stderr).read().decode("utf-8", "replace").strip()
        return EvaluateError(f"The simulators stopped: {said or 'they gave no reason'}")
