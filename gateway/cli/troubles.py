"""The command about troubles of the door: what is wrong with how devices of a tenant report, and the next move."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.errors import SettingsError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.storage.connection import Connection
    from gateway.storage.troubles import TroubleRow

_ROWS: Final = 50


def troubles(
    tenant: Annotated[str, typer.Argument(help="Name of the tenant.")],
    *,
    device: Annotated[str, typer.Option(help="Those of one device, open and closed, with its newest gaps.")] = "",
) -> None:
    """List what is wrong with how devices report: identities, numbers, clocks, messages that are lost.

    Without options the open ones of the tenant, seen last first.
    """
    from gateway.storage.connection import Role, connect, tenant_transaction

    with connect(_settings().required("database_url"), Role.WORK) as connection:
        row = connection.execute("SELECT tenant_id FROM tenant WHERE name = %s", [tenant]).fetchone()
        if row is None:
            message = f"there is no tenant {tenant!r}: see the name in the file that 'callout configure' was given."
            raise SettingsError(message)
        with tenant_transaction(connection, row[0]):
            if device:
                _show_device(connection, tenant, device)
            else:
                _list(connection, tenant)


def _list(connection: "Connection", tenant: str) -> None:
    from gateway.storage.troubles import open_troubles

    rows = open_troubles(connection, limit=_ROWS)
    if not rows:
        typer.echo(f"no device of {tenant} has a trouble at the door")
    for row in rows:
        _tell(row)
    if len(rows) == _ROWS:
        typer.echo(f"the {_ROWS} seen last; --device NAME shows those of one device")


def _show_device(connection: "Connection", tenant: str, name: str) -> None:
    from gateway.storage.gaps import gaps_of_device
    from gateway.storage.troubles import troubles_of_device

    row = connection.execute("SELECT device_id FROM device WHERE name = %s", [name]).fetchone()
    if row is None:
        message = f"{tenant} has no device {name!r}: names are those of the enrolment."
        raise SettingsError(message)
    rows = troubles_of_device(connection, row[0], _ROWS)
    gaps = gaps_of_device(connection, row[0], limit=_ROWS)
    if not rows and not gaps:
        typer.echo(f"{name} has never had a trouble at the door")
    for each in rows:
        _tell(each)
    if gaps:
        typer.echo(f"{'boot':>6} {'missing':>21}  {'noticed':<20} {'asked':>6}  became")
    for gap in gaps:
        seqs = str(gap.first_seq) if gap.first_seq == gap.last_seq else f"{gap.first_seq} to {gap.last_seq}"
        typer.echo(f"{gap.boot:>6} {seqs:>21}  {_at(gap.noticed_at):<20} {gap.attempts:>6}  {gap.state}")


def _tell(row: "TroubleRow") -> None:
    from gateway.notices.desk_words import TROUBLE_MOVES, TROUBLES

    closed = f", over since {_at(row.closed_at)}" if row.closed_at else ""
    typer.echo(f"{row.device}: {TROUBLES[row.kind]} ({row.kind}{closed})")
    typer.echo(f"    since {_at(row.since_at)}, last {_at(row.last_at)} UTC, {_seen(row)}")
    if not row.closed_at:
        typer.echo(f"    next: {TROUBLE_MOVES[row.kind]}")


def _seen(row: "TroubleRow") -> str:
    """Return what was seen, in words with its numbers."""
    detail = row.detail
    match row.kind:
        case "two_devices":
            other = f"boot {detail['other_boot']} seq {detail['other_seq']}"
            return f"seen {row.count} times: boot {detail['boot']} seq {detail['seq']} takes turns with {other}"
        case "seq_restarted":
            return (
                f"{row.count} times: in boot {detail['boot']} from seq {detail['from_seq']} back to {detail['to_seq']}"
            )
        case "clock_off":
            skew_s = float(detail["skew_s"])
            return f"{abs(skew_s):.0f} s {'ahead' if skew_s > 0 else 'behind'}"
        case "gap_lost":
            return f"{row.count} messages, the last of boot {detail['boot']}"


def _at(at: datetime) -> str:
    return f"{at:%F %T}"


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(rich_help_panel="Set-up")(troubles)


def _settings() -> Settings:
    from gateway.embedded.neighbour import fill_in
    from gateway.settings import load_settings

    return fill_in(load_settings())
