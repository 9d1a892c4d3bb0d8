"""The products' own faults, tried on simulated devices: which are found, how soon, what follows, and what is said of sound ones.

Each declared fault is tried by the plan in its product's folder (see `trials`): devices of a process of their own live,
production's engine, silences and triage look at them, and what is decided about the fault's component after its onset is
what counts. A request is closed here when its symptoms have gone, and nobody mends anything; reporting cycles need more
devices than live here, so statistical monitors stay pending. Incidents of a region are no part of it.

Without ``--data`` every product is tried; ``--data devices/products/smart_meter`` takes that one only, and another folder
with files such as smart_meter.toml gives other plans, which no document states.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from devices.product import ProductType
from devices.products import product_type, product_types
from diagnostics.detectors.silence import Silences
from diagnostics.watch import Phase, SymptomChange, Watch
from gateway.evaluate.desk import Decision, Desk
from gateway.evaluate.markdown import put
from gateway.evaluate.report import EvaluateError, Metric, Options, Progress, Report, Table
from gateway.evaluate.street import Frame, Street
from gateway.evaluate.trial_tables import as_metrics, found_table, sound_tables
from gateway.evaluate.trials import Pace, Trial, Trials, load_trials
from gateway.evaluate.tried import Case, Sound, Tried

SEED: Final = 20261122
_TICK_US: Final = 120_000_000
_PHASES: Final[Mapping[str, Phase]] = {"silent": "confirmed", "healed": "healed"}
_DAY_US: Final = 86_400_000_000
_US: Final = 1_000_000


def evaluate(folder: Path, options: Options, progress: Progress) -> Report:
    """Try every product's faults and its sound devices, and state both as tables.

    Raises
    ------
    EvaluateError
        When a plan cannot be read, the simulators refuse it, or options are given that mean nothing here.
    """
    if options.labels is not None or options.crop_seed is not None:
        raise EvaluateError(
            "--labels and --crop: simulated devices have a plan in their product's folder. Leave them out."
        )
    plans, is_own = _plans(folder)
    if options.is_written and not is_own:
        raise EvaluateError(f"--write: what {folder} plans is not what the products' READMEs state. Leave --data out.")
    metrics: dict[str, Metric] = {}
    tables: list[Table] = []
    for name, plan in plans.items():
        product = product_type(name)
        tried, sound = tried_faults(product, plan, progress), sound_devices(product, plan, progress)
        own = [found_table(product, tried), *sound_tables(product, plan, sound)]
        if options.is_written:
            put(_home(name) / "README.md", own)
        metrics[name] = as_metrics(product, tried, sound)
        tables += own
    return Report(metrics, tables)


def _home(name: str) -> Path:
    return Path(str(files(f"devices.products.{name}").joinpath("")))


def _plans(folder: Path) -> tuple[Mapping[str, Trials], bool]:
    """Return the plans to try, and whether they are the products' own."""
    own = [name for name in product_types() if folder == Path() or folder.resolve() == _home(name).resolve()]
    if own:
        return {name: load_trials(product_type(name)) for name in own}, True
    named = {name: folder / f"{name}.toml" for name in product_types()}
    plans = {name: load_trials(product_type(name), file) for name, file in named.items() if file.is_file()}
    if not plans:
        wanted = " or ".join(file.name for file in named.values())
        raise EvaluateError(f"--data {folder}: there is no {wanted}. Leave --data out to try the products' own plans.")
    return plans, False


def tried_faults(product: ProductType, plan: Trials, progress: Progress) -> list[Tried]:
    """Let devices live with each trial's fault, and return what came of each, in the plan's order."""
    cases: dict[int, list[Case]] = {}
    for name, pace in plan.paces.items():
        places = [place for place, trial in enumerate(plan.trial) if trial.kind and trial.pace == name]
        if places:
            trials = [plan.trial[place] for place in places]
            cases |= dict(zip(places, _lived(product, plan.devices, pace, trials, progress), strict=True))
    return [Tried(trial, cases.get(place, [])) for place, trial in enumerate(plan.trial)]


def _lived(
    product: ProductType, devices: int, pace: Pace, trials: Sequence[Trial], progress: Progress
) -> list[list[Case]]:
    ills = [(trial.kind, trial.severity, devices) for trial in trials]
    lasts = timedelta(days=max(trial.watched_d for trial in trials))
    with _street(product, ills, 0, pace, lasts) as street:
        cases = [Case(injected) for injected in street.devices() if injected is not None]
        for decided in _decided(product, street, _has_silence(product, trials), progress):
            place = decided.change.device_id - 1
            trial, case = trials[place // devices], cases[place]
            is_its = product.faults[trial.fault].component == decided.component
            passed_us = decided.at_us - case.injected.onset_us
            if is_its and 0 <= passed_us <= trial.watched_d * _DAY_US:
                _take(case, decided)
    return [cases[begin : begin + devices] for begin in range(0, len(cases), devices)]


def _take(case: Case, decided: "_Decided") -> None:
    if decided.change.phase == "confirmed" and len(case.decisions) == 0:
        case.monitors.append(decided.change.monitor)
    if decided.decision is not None:
        case.decisions.append(decided.decision)
    case.fault = decided.fault or case.fault


def sound_devices(product: ProductType, plan: Trials, progress: Progress) -> Sound:
    """Let sound devices live, and return all that was said of them, their learning included."""
    healthy, pace = plan.healthy, plan.paces[plan.healthy.pace]
    sound = Sound(healthy.devices * healthy.days / 365.25)
    lasts = timedelta(days=healthy.days) - timedelta(days=pace.learned_d)
    with _street(product, [], healthy.devices, pace, max(lasts, pace.step)) as street:
        street.devices()
        for decided in _decided(product, street, has_silence=False, progress=progress):
            if decided.change.phase == "confirmed":
                sound.symptoms[decided.change.monitor] += 1
            if decided.decision is not None:
                sound.decisions.append(decided.decision)
    return sound


def _street(
    product: ProductType, ills: Sequence[tuple[str, float, int]], healthy: int, pace: Pace, lasts: timedelta
) -> Street:
    learned = timedelta(days=pace.learned_d)
    return Street(product.name, ills, healthy, learned=learned, lasts=lasts, step=pace.step, seed=SEED)


@dataclass(frozen=True, slots=True)
class _Decided:
    """A symptom that changed, what was decided by it, and which fault leads then (empty: nothing is open)."""

    change: SymptomChange
    at_us: int
    component: str
    decision: Decision | None
    fault: str


def _decided(product: ProductType, street: Street, has_silence: bool, progress: Progress) -> Iterator[_Decided]:
    """Take a street through the engine and the desk, and yield every change of a symptom."""
    watch = Watch(product)
    desk = Desk(product, watch, closes_when_well=True)
    hush = _Hush(product) if has_silence else None
    components = {monitor.name: monitor.component for monitor in product.monitors}
    for number, frame in enumerate(street.frames()):
        ids = frame.ids()
        changes = watch.step(ids, np.full(len(ids), frame.at_us), frame.columns(product))
        timed = [(change, frame.at_us) for change in sorted(changes, key=lambda change: change.row)]
        for change, at_us in timed if hush is None else [*hush.changes(frame), *timed]:
            decision, component = desk.take(change, at_us), components[change.monitor]
            present = desk.present(change.device_id, component)
            yield _Decided(change, at_us, component, decision, "" if present is None else present.fault)
        progress(f"{product.name}: {len(ids)} devices", number, street.instants)


def _has_silence(product: ProductType, trials: Sequence[Trial]) -> bool:
    silence = product.silence
    return silence is not None and any(silence.name in product.faults[trial.fault].shows for trial in trials)


class _Hush:
    """The server's clock, which ticks every two minutes between two instants, and the silences that it finds."""

    def __init__(self, product: ProductType) -> None:
        if product.silence is None:
            raise EvaluateError(f"{product.name} has no monitor of silence, so nobody can fall silent.")
        self._monitor, self._product = product.silence, product.name
        self._silences = Silences({product.name: product.silence}, np.zeros(0, np.int64), [])
        self._last_us = 0

    def changes(self, frame: Frame) -> list[tuple[SymptomChange, int]]:
        """Return the silences that began or ended up to an instant, with when."""
        begin_us = (self._last_us or frame.at_us - _TICK_US) + _TICK_US
        found = [
            (
                SymptomChange(-1, turn.device_id, self._monitor.name, 0, phase, turn.since_us, turn.quiet_h, 0.0, ""),
                at_us,
            )
            for at_us in range(begin_us, frame.at_us + 1, _TICK_US)
            for turn in self._silences.tick(at_us)
            if (phase := _PHASES.get(turn.turn)) is not None
        ]
        self._last_us = begin_us + (frame.at_us - begin_us) // _TICK_US * _TICK_US
        ids = frame.ids().tolist()
        self._silences.hear(ids, [self._product] * len(ids), [frame.at_us] * len(ids))
        return found
