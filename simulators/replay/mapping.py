"""Mapping files: which column of a recording is which signal, and how its values are read.

A mapping is a small TOML file. For each value the order is: no-value sentinels, then the value map or scale and
offset. ``V_{n}`` names the columns V_1, V_2 and so on of a vector.
"""

import importlib
import re
import tomllib
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from devices.signals import Kind, Signal
from simulators.errors import SimulatorError

SHIPPED = Path(__file__).parent.parent / "mappings"
_NUMBER = "{n}"


class TimeColumn(BaseModel):
    """When a row was measured: a column, its format (iso8601, unix_s, unix_ms or as in strptime), and its zone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    format: str = "iso8601"
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {zone!r}; write for example 'Asia/Seoul'") from error
        return zone


class DeviceColumn(BaseModel):
    """Which device a row is of, in a file that holds many; its name begins with the prefix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    prefix: str = ""


class SignalColumns(BaseModel):
    """Where a signal comes from: one column, or the columns of a vector.

    With `is_use` the column holds what each interval used, and the signal is their running sum. With `rise_by` it is how
    steeply the column rises against another one since the row before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str = ""
    columns: str = ""
    scale: float = 1.0
    offset: float = 0.0
    no_value: tuple[float | str, ...] = ()
    values: dict[str, bool | int | float] = Field(default_factory=dict)
    is_use: bool = False
    rise_by: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> "SignalColumns":
        if bool(self.column) == bool(self.columns):
            raise ValueError("needs either 'column' or, for a vector, 'columns'")
        if ((self.columns or self.is_use) and self.rise_by) or (self.columns and self.is_use):
            raise ValueError("takes one of 'columns', 'is_use' and 'rise_by'")
        if self.columns and _NUMBER not in self.columns:
            raise ValueError(f"'columns' is a pattern and needs {_NUMBER}, such as 'V_{_NUMBER}', not {self.columns!r}")
        return self


class Mapping(BaseModel):
    """A whole mapping file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    product: str = "electric_vehicle"
    time: TimeColumn
    device: DeviceColumn | None = None
    signals: dict[str, SignalColumns]


@dataclass(frozen=True, slots=True)
class Source:
    """A signal bound to the columns of a header.

    Attributes
    ----------
    signal
        Its declaration.
    spec
        How its values are read.
    indexes
        Column numbers from 0; one, or those of the vector in order.
    by_index
        The column that it rises against, None where it does not.
    """

    signal: Signal
    spec: SignalColumns
    indexes: tuple[int, ...]
    by_index: int | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """A mapping bound to a header."""

    header: tuple[str, ...]
    mapping: Mapping
    time_index: int
    device_index: int | None
    sources: tuple[Source, ...]


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises
    ------
    SimulatorError
        When it cannot be read or is not a mapping; every wrong field is named.
    """
    try:
        return Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SimulatorError(f"Cannot read the mapping {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SimulatorError(f"The mapping {path} is not TOML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise SimulatorError(f"The mapping {path} is not right: {faults}") from error


def sniffed(header: tuple[str, ...], folder: Path = SHIPPED) -> Mapping:
    """Find the shipped mapping that fits a header.

    Parameters
    ----------
    header
        The column names of a recording.
    folder
        Where mappings lie.

    Raises
    ------
    SimulatorError
        When none fits, or several do.
    """
    known = {path.name: read_mapping(path) for path in sorted(folder.glob("*.toml"))}
    fitting = {name: mapping for name, mapping in known.items() if not _missing(header, mapping)}
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        raise SimulatorError(f"Several mappings fit these columns: {', '.join(fitting)}. Choose one with --mapping.")
    nearest = min(known, key=lambda name: len(_missing(header, known[name])))
    raise SimulatorError(
        f"No shipped mapping fits the columns {_listed(header)}. The nearest, {nearest}, misses "
        f"{_listed(_missing(header, known[nearest]))}. Write a mapping of your own and give it with --mapping."
    )


def bind(header: tuple[str, ...], mapping: Mapping) -> Binding:
    """Bind a mapping to the columns of a recording.

    Parameters
    ----------
    header
        The column names.
    mapping
        What to look for.

    Raises
    ------
    SimulatorError
        When a column is missing, a signal is unknown, or nothing is mapped at all.
    """
    signals = declared_signals(mapping.product)
    unknown = [name for name in mapping.signals if name not in signals]
    if unknown:
        raise SimulatorError(
            f"The mapping names signals that {mapping.product} does not have: {', '.join(unknown)}. "
            f"It has {', '.join(signals)}."
        )
    if not mapping.signals:
        raise SimulatorError(f"The mapping maps no signal: give at least one, such as [signals.{next(iter(signals))}].")
    missing = _missing(header, mapping)
    if missing:
        raise SimulatorError(
            f"The recording has no column {_listed(missing)}, which the mapping needs; it has {_listed(header)}."
        )
    sources = tuple(_source(signals[name], spec, header) for name, spec in mapping.signals.items())
    device = header.index(mapping.device.column) if mapping.device else None
    return Binding(header, mapping, header.index(mapping.time.column), device, sources)


def declared_signals(product: str) -> MappingOf[str, Signal]:
    """Look up what a product type reports, found by its folder.

    Raises
    ------
    SimulatorError
        When there is no such product type.
    """
    try:
        module = importlib.import_module(f"devices.products.{product}.signals")
    except ModuleNotFoundError as error:
        raise SimulatorError(
            f"There is no product type {product!r}: the mapping's 'product' is a folder's name"
        ) from error
    return cast("MappingOf[str, Signal]", module.SIGNALS)


def _source(signal: Signal, spec: SignalColumns, header: tuple[str, ...]) -> Source:
    if (signal.kind is Kind.VECTOR) != bool(spec.columns):
        wanted = "'columns' with a pattern" if signal.kind is Kind.VECTOR else "one 'column'"
        raise SimulatorError(f"signals.{signal.name} needs {wanted}: that is what this signal holds")
    if signal.kind is Kind.CODES:
        raise SimulatorError(f"signals.{signal.name} cannot be replayed from a column: codes are reported by events")
    indexes = _vector(header, spec.columns) if spec.columns else (header.index(spec.column),)
    return Source(signal, spec, indexes, header.index(spec.rise_by) if spec.rise_by else None)


def _vector(header: tuple[str, ...], pattern: str) -> tuple[int, ...]:
    before, _, after = pattern.partition(_NUMBER)
    form = re.compile(f"{re.escape(before)}(\\d+){re.escape(after)}")
    numbered = [(int(match[1]), index) for index, name in enumerate(header) if (match := form.fullmatch(name))]
    return tuple(index for _, index in sorted(numbered))


def _missing(header: tuple[str, ...], mapping: Mapping) -> list[str]:
    wanted = [mapping.time.column]
    wanted += [mapping.device.column] if mapping.device else []
    wanted += [spec.column for spec in mapping.signals.values() if spec.column]
    wanted += [spec.rise_by for spec in mapping.signals.values() if spec.rise_by]
    patterns = [spec.columns for spec in mapping.signals.values() if spec.columns]
    return [name for name in wanted if name not in header] + [name for name in patterns if not _vector(header, name)]


def _listed(names: list[str] | tuple[str, ...], most: int = 12) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
