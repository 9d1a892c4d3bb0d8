"""``python -m simulators fleet``."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from simulators.breeds import Breed, breed_of, breeds
from simulators.durations import parse_duration
from simulators.enrolment import Enrolment
from simulators.errors import SimulatorError
from simulators.fleet.group import GroupPlan
from simulators.fleet.manners import parse_manners
from simulators.fleet.mishaps import Mishaps, parse_clock
from simulators.fleet.run import FleetPlan, run_fleet
from simulators.progress import ProgressLine
from simulators.stopping import Stopping

_DEMO_WORLD = Path(__file__).parent.parent / "worlds" / "demo.toml"
_DEMO_SIZE = 10
_DEMO_VEHICLES = 12
_PRODUCTS = ", ".join(breeds())
_KIND_LIST = ". ".join(
    f"{product}: " + "; ".join(f"{name} ({kind.unit}, usual {kind.usual:g})" for name, kind in breed.kinds.items())
    for product, breed in breeds().items()
)


def fleet(
    *,
    api_url: Annotated[str, typer.Option(help="Where `serve` listens.")] = "http://127.0.0.1:8080",
    api_token: Annotated[
        str, typer.Option(envvar="CALLOUT_API_TOKEN", help="Token of the HTTP API.", show_envvar=True)
    ] = "",
    state_dir: Annotated[
        Path, typer.Option(help="Where credentials and the state of the fleet are kept, for its owner only.")
    ] = Path(".callout/fleet"),
    world: Annotated[Path, typer.Option(help="World file; its tenant owns the devices.")] = _DEMO_WORLD,
    tenant: Annotated[str, typer.Option(help="Tenant, if not that of the world file.")] = "",
    devices: Annotated[
        str, typer.Option(help=f"How many of which product, such as smart_meter=20,electric_vehicle=12: {_PRODUCTS}.")
    ] = "",
    vehicles: Annotated[
        int | None, typer.Option(min=0, max=5000, help="How many vehicles: ev-0001 and so on [default: 12].")
    ] = None,
    meters: Annotated[int, typer.Option(min=0, max=5000, help="How many smart meters: mtr-0001 and so on.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same fleet.")] = 7,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="Put in a fault: device=kind@onset:severity:channel, such as ev-0003=internal_short@-14h:4.5:48. May be "
            f"given many times. Without any, a fleet of ten or more gets those of the demonstration. Kinds: {_KIND_LIST}."
        ),
    ] = None,
    healthy: Annotated[bool, typer.Option("--healthy", help="Put in no fault at all.")] = False,
    history: Annotated[
        str, typer.Option(help="How far in the past the fleet starts [default: vehicles 24h, meters 30d].")
    ] = "",
    catch_up: Annotated[str, typer.Option(help="Real time in which it reaches the present.")] = "20s",
    cadence: Annotated[
        str, typer.Option(help="Time between two samples in the past [default: vehicles 60s, meters 1h].")
    ] = "",
    live_cadence: Annotated[
        str, typer.Option(help="Time between two samples from then on [default: vehicles 10s, meters 60s].")
    ] = "",
    samples_per_message: Annotated[
        int | None,
        typer.Option(min=1, max=150, help="Samples in one message [default: vehicles 6; meters 24, live 1]."),
    ] = None,
    outages_per_day: Annotated[float, typer.Option(min=0, help="How often a device is out of reach.")] = 1.0,
    outage: Annotated[str, typer.Option(help="How long it is out of reach, on average.")] = "20m",
    lose_per_mille: Annotated[
        float, typer.Option(min=0, max=1000, help="How many of a thousand messages are lost on the way.")
    ] = 0.0,
    clock_off: Annotated[
        list[str] | None, typer.Option(help="A wrong clock, such as ev-0004=+90s; may be given many times.")
    ] = None,
    silent: Annotated[
        list[str] | None,
        typer.Option(
            help="A device, or all of a place, says nothing: mtr-0003@-2h for good, Gangnam@-2h:30m for a while; may be "
            "given many times."
        ),
    ] = None,
    answers: Annotated[
        list[str] | None,
        typer.Option(
            help="How devices take commands: obey, refuse, lie or silent. One device's as ev-0003=lie, those with a fault as "
            "bus_dead=refuse, all others' by chance as obey:0.7,lie:0.3; may be given many times [default: they obey]."
        ),
    ] = None,
    certificates: Annotated[
        bool, typer.Option("--certificates", help="Devices come in by certificates of their own, not by passwords.")
    ] = False,
    truth: Annotated[
        Path | None, typer.Option(help="File for the ground truth of the faults, JSON lines [default: in --state-dir].")
    ] = None,
) -> None:
    """Run a fleet of devices that report over MQTT.

    Each device is enrolled over HTTP, has its own connection, keeps what is not acknowledged and sends it again; what it
    said last it says once more when the desk asks for it. The fleet lives through its past fast, then goes on live.
    Stopped with Ctrl-C it goes on later from where it was.
    """
    counts = _counts(devices, vehicles, meters)
    demo_faults = [each for product in counts for each in breed_of(product).demo_faults]
    names = {name for product, count in counts.items() for name in breed_of(product).names(count)}
    usual = (
        [each for each in demo_faults if each.partition("=")[0] in names] if sum(counts.values()) >= _DEMO_SIZE else []
    )
    plan = FleetPlan(
        groups=tuple(
            _group(breed_of(product), count, history, cadence, live_cadence, samples_per_message)
            for product, count in counts.items()
        ),
        seed=seed,
        tenant=tenant or _tenant_of(world),
        faults=tuple(fault or () if fault or healthy else usual),
        mishaps=Mishaps(
            lose_per_mille / 1000,
            dict(parse_clock(text) for text in clock_off or ()),
            tuple(silent or ()),
            parse_manners(answers or ()),
        ),
        catch_up=parse_duration(catch_up),
        outages_per_day=outages_per_day,
        outage=parse_duration(outage),
        state_folder=state_dir,
        truth_file=truth or state_dir / "truth.jsonl",
        with_certificates=certificates,
    )
    if healthy and fault:
        raise SimulatorError("--healthy and --fault contradict each other: give one of them")
    stopping = Stopping().listen()
    enrolment = Enrolment(api_url, api_token, state_dir, with_certificates=certificates)
    try:
        run_fleet(plan, enrolment, stopping, ProgressLine())
    finally:
        enrolment.close()


def _counts(devices: str, vehicles: int | None, meters: int) -> dict[str, int]:
    """How many of which product; the vehicles of the demonstration when nothing is said."""
    counts = {"electric_vehicle": vehicles or 0, "smart_meter": meters}
    for part in filter(None, devices.split(",")):
        product, is_said, count = part.strip().partition("=")
        if not is_said or not count.isdecimal():
            raise SimulatorError(f"--devices {part!r} cannot be read: write product=count, such as smart_meter=20")
        counts[breed_of(product).product] = int(count)
    if vehicles is None and not meters and not devices:
        counts["electric_vehicle"] = _DEMO_VEHICLES
    counts = {product: count for product, count in counts.items() if count}
    if not counts:
        raise SimulatorError("A fleet needs a device: give --vehicles, --meters or --devices")
    return counts


def _group(
    breed: Breed, count: int, history: str, cadence: str, live_cadence: str, samples_per_message: int | None
) -> GroupPlan:
    """Plan the devices of a product; what is not said is as usual for it."""
    return GroupPlan(
        breed,
        count,
        parse_duration(history) if history else breed.history,
        _positive(cadence, "--cadence") if cadence else breed.cadence,
        _positive(live_cadence, "--live-cadence") if live_cadence else breed.live_cadence,
        samples_per_message or breed.samples_per_message,
        samples_per_message or breed.live_samples_per_message,
    )


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
