"""The command about jobs that fail: which they are, what each is about, tried at once or taken out."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.errors import SettingsError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.storage.connection import Connection
    from gateway.storage.failing import Failing

_ROWS: Final = 50
# What is not done when a job is dropped, by its name.
_LOST: Final = {
    "diagnose": "a diagnosis; the component is diagnosed again when its symptoms change",
    "offer": "the next step towards dates; its request becomes a person's case",
    "remedy": "a look at a remedy from afar; its request becomes a person's case",
    "warn": "the warning of a device that it must not be used; its request becomes a person's case",
    "send_notices": "nothing: letters are looked for every half minute anyway",
    "replan": "a day's routes planned anew; the promised windows stand as they are",
    "order_parts": "nothing: orders are looked for every half minute anyway",
}


def jobs(
    *,
    retry: Annotated[int, typer.Option(help="Try this one at once.")] = 0,
    drop: Annotated[int, typer.Option(help="Take this one out; what it was about becomes a person's case.")] = 0,
    by: Annotated[str, typer.Option(help="With --drop: e-mail of the member of staff who answers for it.")] = "",
    because: Annotated[str, typer.Option(help="With --drop: why, for whoever gets the case.")] = "",
) -> None:
    """List the jobs that fail and are tried again, what each is about, and what would be lost with it.

    A job is never given up by itself, and holds back the later ones of its device or request. Why it fails stands in the
    log of work: mend that first. What cannot be mended is dropped, by name.
    """
    from gateway.storage.connection import Role, connect

    if drop and not (by and because):
        raise SettingsError("whoever drops a job answers for it: add --by E-MAIL and --because REASON.")
    with connect(_settings().required("database_url"), Role.WORK) as connection:
        if retry:
            _retry(connection, retry)
        elif drop:
            _drop(connection, drop, by, because)
        else:
            _list(connection)


def _list(connection: "Connection") -> None:
    from gateway.storage.failing import failing_jobs

    rows = failing_jobs(connection, _ROWS)
    if not rows:
        typer.echo("no job fails")
    for row in rows:
        _tell(connection, row)
    if len(rows) == _ROWS:
        typer.echo(f"the {_ROWS} oldest")


def _tell(connection: "Connection", row: "Failing") -> None:
    asked = "" if row.asked_at is None else f" since {_at(row.asked_at)} UTC"
    again = "being tried now" if row.again_at is None else f"again at {_at(row.again_at)} UTC"
    typer.echo(f"{row.job_id}: {row.task} {_about(connection, row)}")
    typer.echo(f"    failed {row.attempts} times{asked}, {again}")
    typer.echo(f"    dropped, this is lost: {_LOST.get(row.task, 'what it does')}")


def _about(connection: "Connection", row: "Failing") -> str:
    from gateway.storage.connection import tenant_transaction

    with tenant_transaction(connection, row.arguments["tenant_id"]):
        found = connection.execute(
            """SELECT t.name || coalesce(' ' || d.name, '') || coalesce(' ' || coalesce(r.component, %(component)s), '')
                || coalesce(', request C-' || lpad(r.request_id::text, 6, '0'), '')
            FROM tenant t LEFT JOIN service_request r ON r.request_id = %(request)s
            LEFT JOIN device d ON d.device_id = coalesce(r.device_id, %(device)s)
            WHERE t.tenant_id = current_tenant()""",
            {
                "component": row.arguments.get("component"),
                "request": row.arguments.get("request_id"),
                "device": row.arguments.get("device_id"),
            },
        ).fetchone()
    return "" if found is None else f"of {found[0]}"


def _retry(connection: "Connection", job_id: int) -> None:
    from gateway.storage.failing import try_now

    if not try_now(connection, job_id):
        raise _not_waiting(job_id)
    typer.echo(f"job {job_id} is tried now: see the log of work, and 'callout jobs' in a minute")


def _drop(connection: "Connection", job_id: int, by: str, because: str) -> None:
    from gateway.dropping import Dropped, drop
    from gateway.storage.connection import tenant_transaction
    from gateway.storage.failing import find_job

    row = find_job(connection, job_id)
    if row is None:
        raise _not_waiting(job_id)
    with tenant_transaction(connection, row.arguments["tenant_id"]):
        done = drop(connection, job_id=job_id, staff_id=_staff(connection, by), reason=because, now=datetime.now(UTC))
    match done:
        case Dropped(request_id=None):
            typer.echo(f"job {job_id} is dropped; lost is {_LOST.get(row.task, 'what it does')}")
        case Dropped(request_id=request_id):
            typer.echo(f"job {job_id} is dropped; request C-{request_id:06d} is a person's case now")
        case _:
            raise _not_waiting(job_id)


def _not_waiting(job_id: int) -> SettingsError:
    return SettingsError(
        f"job {job_id} does not wait to be tried: it has ended, or is being tried just now; see 'callout jobs', and try again."
    )


def _staff(connection: "Connection", email: str) -> int:
    row = connection.execute("SELECT staff_id FROM staff WHERE lower(email) = lower(%s)", [email]).fetchone()
    if row is None:
        raise SettingsError(f"nobody of this tenant's staff has the e-mail {email!r}: see its configuration file.")
    return row[0]


def _at(at: datetime) -> str:
    return f"{at.astimezone(UTC):%F %T}"


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(rich_help_panel="Set-up")(jobs)


def _settings() -> Settings:
    from gateway.embedded.neighbour import fill_in
    from gateway.settings import load_settings

    return fill_in(load_settings())
