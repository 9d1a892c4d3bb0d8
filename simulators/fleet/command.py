"""``python -m simulators fleet``."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from simulators.durations import parse_duration
from simulators.enrolment import Enrolment
from simulators.errors import SimulatorError
from simulators.faults import KINDS
from simulators.fleet.run import DEMO_FAULTS, FleetPlan, run_fleet
from simulators.progress import ProgressLine
from simulators.stopping import Stopping

_DEMO_WORLD = Path(__file__).parent.parent / "worlds" / "demo.toml"
_KIND_LIST = "; ".join(f"{name} ({kind.unit}, usual {kind.usual:g})" for name, kind in KINDS.items())


def fleet(
    *,
    api_url: Annotated[str, typer.Option(help="Where `serve` listens.")] = "http://127.0.0.1:8080",
    api_token: Annotated[
        str, typer.Option(envvar="CALLOUT_API_TOKEN", help="Token of the HTTP API.", show_envvar=True)
    ] = "",
    state_dir: Annotated[
        Path, typer.Option(help="Where credentials and the state of the fleet are kept, for its owner only.")
    ] = Path(".callout/fleet"),
    world: Annotated[Path, typer.Option(help="World file; its tenant owns the vehicles.")] = _DEMO_WORLD,
    tenant: Annotated[str, typer.Option(help="Tenant, if not that of the world file.")] = "",
    vehicles: Annotated[int, typer.Option(min=1, max=5000, help="How many vehicles: ev-0001 and so on.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same fleet.")] = 7,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="Put in a fault: device=kind@onset:severity:channel, such as ev-0003=internal_short@-14h:4.5:48. "
            f"May be given many times. Without any, a fleet of ten or more gets the demonstration's three. Kinds: {_KIND_LIST}."
        ),
    ] = None,
    healthy: Annotated[bool, typer.Option("--healthy", help="Put in no fault at all.")] = False,
    history: Annotated[str, typer.Option(help="How far in the past the fleet starts.")] = "24h",
    catch_up: Annotated[str, typer.Option(help="Real time in which it reaches the present.")] = "20s",
    cadence: Annotated[str, typer.Option(help="Time between two samples in the past.")] = "60s",
    live_cadence: Annotated[str, typer.Option(help="Time between two samples from then on.")] = "10s",
    samples_per_message: Annotated[int, typer.Option(min=1, max=150, help="Samples in one message.")] = 6,
    outages_per_day: Annotated[float, typer.Option(min=0, help="How often a vehicle is out of reach.")] = 1.0,
    outage: Annotated[str, typer.Option(help="How long it is out of reach, on average.")] = "20m",
    truth: Annotated[
        Path | None, typer.Option(help="File for the ground truth of the faults, JSON lines [default: in --state-dir].")
    ] = None,
) -> None:
    """Run a fleet of electric vehicles that report over MQTT.

    Each vehicle is enrolled over HTTP, has its own connection, keeps what is not acknowledged and sends it again. The
    fleet lives through its past fast, then goes on live. Stopped with Ctrl-C it goes on later from where it was.
    """
    plan = FleetPlan(
        vehicles=vehicles,
        seed=seed,
        tenant=tenant or _tenant_of(world),
        faults=tuple(fault or () if fault or healthy or vehicles < 10 else DEMO_FAULTS),
        history=parse_duration(history),
        catch_up=parse_duration(catch_up),
        cadence=_positive(cadence, "--cadence"),
        live_cadence=_positive(live_cadence, "--live-cadence"),
        samples_per_message=samples_per_message,
        outages_per_day=outages_per_day,
        outage=parse_duration(outage),
        state_folder=state_dir,
        truth_file=truth or state_dir / "truth.jsonl",
    )
    if healthy and fault:
        raise SimulatorError("--healthy and --fault contradict each other: give one of them")
    stopping = Stopping().listen()
    enrolment = Enrolment(api_url, api_token, state_dir)
    try:
        run_fleet(plan, enrolment, stopping, ProgressLine())
    finally:
        enrolment.close()


def _positive(text: str, option: str) -> timedelta:
    span = parse_duration(text)
    if not span:
        raise SimulatorError(f"{option} {text} is no time at all; give for example 10s")
    return span


def _tenant_of(world: Path) -> str:
    try:
        name = tomllib.loads(world.read_text(encoding="utf-8"))["tenant"]["name"]
    except OSError as error:
        raise SimulatorError(f"Cannot read the world {world}: {error.strerror}. Give --world or --tenant.") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise SimulatorError(
            f"{world} does not say whose world it is: it needs [tenant] with a name ({error})"
        ) from error
    return str(name)
