"""The command line: what each command is for, what it needs, and how it says that something is wrong.

Commands load what they run only when they run, so that help is quick and a process loads no other's libraries.
"""

import contextlib
import logging
import os
import sys
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import SecretStr

from devices.errors import ProductError
from gateway.cli import (
    account,
    audit,
    authority,
    backup,
    devices,
    doctor,
    evaluate,
    jobs,
    owners,
    receipts,
    rehearsal,
    rejections,
    routes,
    storage,
    train,
    troubles,
)
from gateway.errors import CalloutError, SettingsError
from gateway.settings import CHECKOUT, Settings, as_environment, load_settings
from gateway.settings.sources import SETTINGS_FILE, variable

_HELP: Final = """
Callout, the service desk that machines call.

A product finds its fault, reports it and calls for service; part and bay are put aside, and its owner is asked one
thing only: which day? Start with **demo**; **up** is for real use on one machine.

Each setting is an environment variable: CALLOUT_DATA_DIR, CALLOUT_DATABASE_URL, CALLOUT_BROKER_URL, CALLOUT_SMTP_URL,
CALLOUT_HTTP_PORT and so on, or a line of a settings file. What is not set is brought along by **up** and **demo**.
"""
_STREET: Final = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": list[str]()}

app = typer.Typer(
    help=_HELP, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False
)


@app.callback()
def before(
    settings_file: Annotated[
        Path | None, typer.Option(help="TOML file with settings, as CALLOUT_SETTINGS_FILE.")
    ] = None,
) -> None:
    """Take a settings file for whichever command follows, and for the processes that it starts."""
    if settings_file is not None:
        os.environ[variable(SETTINGS_FILE)] = str(settings_file.absolute())


def main() -> None:
    """Run the command line; what Callout cannot mend by itself is told in a paragraph, not by a traceback."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for talker in ("httpx2", "procrastinate"):
        logging.getLogger(talker).setLevel(logging.WARNING)
    try:
        app(prog_name="callout")
    except (CalloutError, ProductError) as error:
        sys.stdout.flush()
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


def _settings() -> Settings:
    from gateway.embedded.neighbour import fill_in

    settings = fill_in(load_settings())
    logging.getLogger().setLevel(settings.log_level)
    return settings


def _tell(line: str) -> None:
    typer.echo(f"{datetime.now().astimezone():%H:%M:%S} {line}")
    sys.stdout.flush()


@app.command(rich_help_panel="On one machine")
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End when the way was shown, with one line of JSON.")] = False,
    limit_s: Annotated[float, typer.Option(min=1, help="With --once: give up after this many seconds.")] = 170.0,
) -> None:
    """See it work: a fleet, faults in its readings, and simulated owners who pick a date.

    Brings along everything it needs and prints the links to the pages. Ctrl-C stops it, and the next demo goes on
    with its data, which lies in the folder demo of the data folder.

    With --once it runs in a fresh folder until a vehicle and a meter were healed from afar, and others, of which that was
    tried in vain, have a part and a confirmed date; or until a minute after the first date. It stops all it has started,
    and prints one JSON object as its last line. It exits with 0 when a date was confirmed, else with 1 and the reason.
    """
    from gateway.embedded.stage import play_on, play_once

    raise typer.Exit(play_once(load_settings(), _tell, limit_s) if once else play_on(load_settings(), _tell))


@app.command(rich_help_panel="On one machine")
def up() -> None:
    """Run the whole desk on this machine: PostgreSQL, the broker, ingest, work and serve.

    A database or broker that the settings name (CALLOUT_DATABASE_URL, CALLOUT_BROKER_URL) is used instead of the
    embedded one. Processes that end are started again; logs lie in the folder logs of the data folder. Ctrl-C stops
    all in order. Other commands in a second terminal find this one by its data folder.
    """
    from gateway.embedded.folder import open_folder
    from gateway.embedded.household import Household, StopWantedError, stopped_by_signals

    given = load_settings()
    folder = open_folder(given.data_dir)
    with folder.locked("callout up"), stopped_by_signals(_tell) as stopping, contextlib.suppress(StopWantedError):
        with Household(folder, given, _tell, stopping) as household:
            household.start_desk()
            _tell_how_to_use(household.settings, folder.path)
            household.watch()
        _tell("stopped")


def _tell_how_to_use(settings: Settings, folder: Path) -> None:
    _tell(f"pages and HTTP API: {settings.base_url}/planner")
    _tell(f"devices connect to: {settings.device_broker.host}:{settings.device_broker.port} (MQTT 5 or 3.1.1)")
    ingest, work = settings.ingest_metrics_port, settings.work_metrics_port
    _tell(
        f"health and figures: /readyz and /metrics, there and on {settings.metrics_host}:{ingest} (ingest), :{work} (work)"
    )
    _tell(f"token of the API:   in {folder / 'secrets' / 'api-token'}")
    _tell("next, in a second terminal: ./callout configure FILE, ./callout enrol, ./callout login TENANT E-MAIL")
    if not settings.smtp_url:
        _tell("CALLOUT_SMTP_URL is not set: messages to owners stay in the outbox until it is")


@app.command(rich_help_panel="Processes")
def migrate() -> None:
    """Bring the database's schema to this version's; harmless when it is there already.

    Roles whose passwords are set (CALLOUT_DATABASE_INGEST_PASSWORD and so on) may then log in with them.
    """
    from gateway.storage.logins import allow_logins
    from gateway.storage.migrate import migrate as apply_migrations

    present = _settings()
    applied = apply_migrations(present.required("database_url"))
    typer.echo("\n".join(f"applied {name}" for name in applied) or "the schema is up to date")
    for role in allow_logins(present.required("database_url"), present.role_passwords):
        typer.echo(f"{role} may log in")
    storage.tell_plain_tables(present.required("database_url"))
    storage.tell_unserved(present.required("database_url"))


@app.command(rich_help_panel="Processes")
def ingest() -> None:
    """Receive what devices say: decode, store, detect, and acknowledge after the commit.

    Needs CALLOUT_DATABASE_URL and CALLOUT_BROKER_URL, or a running `callout up` to take them from.
    """
    from gateway.ingest.run import run

    run(_settings())


@app.command(rich_help_panel="Processes")
def work() -> None:
    """Do the jobs: diagnose, triage, hold parts and times, offer dates, send messages, watch the clocks.

    Needs CALLOUT_DATABASE_URL; messages leave by CALLOUT_SMTP_URL.
    """
    from gateway.work import run

    run(_settings())


@app.command(rich_help_panel="Processes")
def serve() -> None:
    """Serve the pages and the HTTP API on CALLOUT_HTTP_HOST and CALLOUT_HTTP_PORT."""
    from gateway.serve import run

    run(_settings())


@app.command(rich_help_panel="Processes")
def accounts() -> None:
    """Keep the password file of a broker of your own equal to the devices that are enrolled; `up` does it by itself.

    Needs CALLOUT_DATABASE_URL, CALLOUT_BROKER_ACCOUNTS_FILE, and CALLOUT_BROKER_URL or the services' passwords. The
    rules that bind each device to its own topics are written beside the file, with .acl at its end, and so are the
    broker's certificates where CALLOUT_CERTIFICATE_BROKER_URL is set, whose files are kept young here, too. The broker
    has to read all of them again when they change (mosquitto: at SIGHUP).
    """
    from gateway.admission.accounts import run

    run(_settings(), _tell)


@app.command(rich_help_panel="Set-up")
def configure(
    file: Annotated[Path, typer.Argument(help="TOML file: tenant, staff, service centres, parts, stock.")],
) -> None:
    """Create or update a tenant, its staff, service centres, bays, technicians, parts and stock from a file.

    An example is simulators/worlds/demo.toml.
    """
    from gateway.configure.tenant import apply
    from gateway.storage.connection import Role, connect

    try:
        tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{file} cannot be read: {error}. Correct it, or name another file."
        raise SettingsError(message) from error
    with connect(_settings().required("database_url"), Role.ADMIN) as connection:
        outside = apply(connection, file)
    typer.echo(f"applied {file}")
    if outside:
        named = ", ".join(f"C-{request_id:06d}" for request_id in outside)
        typer.echo(f"{len(outside)} promised dates are outside of the hours now, and a person has each: {named}")
    storage.tell_unserved(_settings().required("database_url"))


@app.command(rich_help_panel="Set-up")
def login(
    tenant: Annotated[str, typer.Argument(help="Name of the tenant, as in its configuration.")],
    email: Annotated[str, typer.Argument(help="E-mail of somebody of its staff.")],
) -> None:
    """Print a link to the planner's pages; it opens once, within 15 minutes."""
    from gateway.access import issue_planner_login
    from gateway.storage.connection import Role, connect

    settings = _settings()
    with connect(settings.required("database_url"), Role.SERVE) as connection:
        typer.echo(issue_planner_login(connection, settings, tenant=tenant, email=email))


@app.command(rich_help_panel="Set-up")
def settings() -> None:
    """List all settings: what each is for, and its present value (secrets are not shown)."""
    present = _settings()
    hidden = {"database_url", "broker_url", "source_url", "device_broker_url", "smtp_url"}
    hidden |= {name for name in Settings.model_fields if isinstance(getattr(present, name), SecretStr)}
    for name, setting in Settings.model_fields.items():
        value = getattr(present, name)
        shown = ("(set)" if _is_set(value) else "(empty)") if name in hidden else str(value)
        typer.echo(f"CALLOUT_{name.upper()} = {shown}\n    {setting.description}")


def _is_set(value: object) -> bool:
    return bool(str(value)) and value is not None


devices.add_to(app)
rejections.add_to(app)
receipts.add_to(app)
audit.add_to(app)
owners.add_to(app)
doctor.add_to(app)
storage.add_to(app)
troubles.add_to(app)
jobs.add_to(app)
account.add_to(app)
backup.add_to(app)
authority.add_to(app)
evaluate.add_to(app)
rehearsal.add_to(app)
train.add_to(app)
routes.add_to(app)


@app.command(rich_help_panel="The street", context_settings=_STREET)
def simulate(context: typer.Context) -> None:
    """Let a simulated fleet report to a running desk over MQTT; all words go to the fleet: `simulate --help`."""
    _become_street("fleet", context.args)


@app.command(rich_help_panel="The street", context_settings=_STREET)
def replay(context: typer.Context) -> None:
    """Publish recorded data as an enrolled device; all words go to the replay: `replay --help`."""
    _become_street("replay", context.args)


def _become_street(name: str, words: list[str]) -> None:
    present = _settings()
    api_url = [] if any(word.startswith("--api-url") for word in words) else ["--api-url", present.base_url]
    variables = {**os.environ, **as_environment(present), "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "simulators", name, *words, *api_url]
    os.execve(sys.executable, command, variables)  # noqa: S606  # a shell is what is not wanted


@app.command(rich_help_panel="Development")
def bench(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="One part: offers, promise, engine, receive, ingest, storage, recovery, memory or scale; again for more."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small runs, to see that all works: their values mean little.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Write the machine and its figures into this file, too.")] = None,
) -> None:
    """Measure this machine: one table of figures beside its own limits. Needs no running desk, and starts its own servers.

    All of it takes a quarter of an hour and more. Exits with 1 when a figure misses what is asked of it, or a part fails.
    """
    words = [word for name in only or () for word in ("--only", name)]
    words += (["--quick"] if quick else []) + (["--json", str(json.absolute())] if json else [])
    os.chdir(CHECKOUT)
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *words])  # noqa: S606  # a shell is what is not wanted


def _only_by_start_script(name: str) -> None:
    message = f"`{name}` is a command of the start script, which installs its tools: ./callout {name}"
    raise SettingsError(message)


@app.command(rich_help_panel="Development")
def test() -> None:
    """Run the tests (in the start script: `./callout test [words for pytest]`)."""
    _only_by_start_script("test")


@app.command(rich_help_panel="Development")
def check() -> None:
    """Check everything that CI checks: format, lint, types, floors and tests (in the start script)."""
    _only_by_start_script("check")
