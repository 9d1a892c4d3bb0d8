"""What is tried on a product's simulated devices: the plan that stands in its folder as ``trials.toml``.

It says for each declared fault by which simulated causes it is tried, how strong, how long each is watched, and within how
long it has to be found. Kinds and their units are the simulators'; nothing here says how a fault acts or how it is found.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from devices.product import ProductType
from gateway.evaluate.report import EvaluateError

FILE: Final = "trials.toml"
_UNITS_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def _duration(text: object) -> timedelta:
    match = re.fullmatch(r"([\d.]+)([smhd])", str(text))
    if match is None:
        raise ValueError(f"{text!r} is no span of time: write a number and s, m, h or d, such as 90s or 24h")
    return timedelta(seconds=float(match[1]) * _UNITS_S[match[2]])


def _longer_than_nothing(span: timedelta) -> timedelta:
    if not span:
        raise ValueError("it is no time at all")
    return span


Span = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_longer_than_nothing)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pace(_Row):
    """How far samples are apart, and how many days each device is sound before anything is wrong with it."""

    step: Span
    learned_d: Annotated[float, Field(ge=0)]


class Healthy(_Row):
    """How many sound devices live how long, and at which pace."""

    devices: Annotated[int, Field(gt=0)]
    days: Annotated[int, Field(gt=0)]
    pace: str


class Trial(_Row):
    """One simulated cause of a declared fault; `also` are faults that its symptoms cannot tell from it.

    Without `within` nothing is promised; `not_simulated` says why there is no `kind`.
    """

    fault: str
    kind: str = ""
    severity: float = 0.0
    pace: str = ""
    watched_d: Annotated[float, Field(ge=0)] = 0.0
    within: Span | None = None
    also: Sequence[str] = ()
    not_simulated: str = ""


class Trials(_Row):
    """A product's plan; `devices` is how many have each trial's fault."""

    devices: Annotated[int, Field(gt=0)]
    paces: Mapping[str, Pace]
    healthy: Healthy
    trial: Sequence[Trial]


def load_trials(product: ProductType, file: Path | None = None) -> Trials:
    """Return a product's plan: the one in its folder, or the one in a file.

    Raises
    ------
    EvaluateError
        When there is none, it cannot be read, names what there is not, or leaves a declared fault out.
    """
    place = f"devices/products/{product.name}/{FILE}" if file is None else str(file)
    try:
        source = files(f"devices.products.{product.name}").joinpath(FILE) if file is None else file
        content = source.read_text("utf-8")
        plan = Trials.model_validate(tomllib.loads(content))
    except FileNotFoundError as error:
        raise EvaluateError(
            f"{product.name} has no plan of trials. Write {place} as other products have it."
        ) from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise EvaluateError(f"{place} cannot be read: {error}") from error
    for complaint in _complaints(product, plan, is_whole=file is None):
        raise EvaluateError(f"{place}: {complaint}")
    return plan


def _complaints(product: ProductType, plan: Trials, *, is_whole: bool) -> Sequence[str]:
    named = {fault for trial in plan.trial for fault in (trial.fault, *trial.also)}
    paces = {plan.healthy.pace} | {trial.pace for trial in plan.trial if trial.kind}
    causes = [trial.fault for trial in plan.trial if bool(trial.kind) == bool(trial.not_simulated)]
    return [
        *(f"there is no fault {name!r}; take one of faults.py" for name in sorted(named - set(product.faults))),
        *(f"the fault {name!r} has no trial; add one" for name in sorted(set(product.faults) - named) if is_whole),
        *(f"there is no pace {name!r}; there are {', '.join(plan.paces)}" for name in sorted(paces - set(plan.paces))),
        *(f"a trial of {name!r} needs either a kind or not_simulated" for name in causes),
    ]
