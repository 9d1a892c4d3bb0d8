"""The commands about single devices: enrol one, say where it lives now, give it new credentials, take them away."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from gateway.errors import SettingsError
from gateway.settings import Settings

_PANEL = "Set-up"
Tenant = Annotated[str, typer.Argument(help="Name of the tenant.")]
Device = Annotated[str, typer.Argument(help="Name of the device within its tenant.")]

Csr = Annotated[
    Path | None, typer.Option(help="File with a certificate request (PKCS #10, PEM); the device keeps its key.")
]


def enrol(
    tenant: Annotated[str, typer.Option(help="Tenant that the device belongs to.")],
    serial: Annotated[str, typer.Option(help="Serial number, once per tenant and product.")],
    owner_name: Annotated[str, typer.Option(help="Who owns it.")],
    owner_email: Annotated[str, typer.Option(help="Where the owner is asked for a date.")],
    product: Annotated[str, typer.Option(help="Product type, a folder below devices/products.")] = "electric_vehicle",
    device: Annotated[str | None, typer.Option(help="Name in topics [default: the serial].")] = None,
    model: Annotated[str, typer.Option(help="Model.")] = "",
    firmware: Annotated[str, typer.Option(help="Firmware.")] = "",
    language: Annotated[str, typer.Option(help="Language of the owner: en, ko or ja.")] = "en",
    time_zone: Annotated[str, typer.Option(help="Time zone of owner and device.")] = "UTC",
    place: Annotated[str, typer.Option(help="Where the device lives, in words.")] = "",
    latitude: Annotated[float | None, typer.Option(min=-90, max=90, help="Degrees north.")] = None,
    longitude: Annotated[float | None, typer.Option(min=-180, max=180, help="Degrees east.")] = None,
    warranty_until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day.")] = None,
    mandate: Annotated[
        str, typer.Option(help="What the owner signed that it may have done by itself: clauses, with commas between.")
    ] = "",
    csr: Csr = None,
) -> None:
    """Enrol a device and print its credentials, partition and topics as JSON; the password is shown this once.

    With --csr it gets a certificate for the key of its request instead of a password.

    The same as POST /api/v1/devices, without the HTTP.
    """
    from gateway.admission.enrolment import EnrolmentRequest
    from gateway.admission.enrolment import enrol as enrol_device
    from gateway.api.devices import signer_for, told
    from gateway.storage.connection import Role, connect

    wanted = {
        "tenant": tenant,
        "product": product,
        "serial": serial,
        "device": device,
        "model": model,
        "firmware": firmware,
        "owner": {"name": owner_name, "email": owner_email, "language": language, "timeZone": time_zone},
        "place": {"name": place, "latitude": latitude, "longitude": longitude, "timeZone": time_zone},
        "warrantyUntil": warranty_until.date() if warranty_until else None,
        "mandate": {"clauses": mandate.replace(" ", "").split(",")} if mandate else None,
        "certificateRequest": _read(csr),
    }
    try:
        request = EnrolmentRequest.model_validate(wanted)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()
        )
        message = f"the device cannot be enrolled: {problems}. Correct it and try again."
        raise SettingsError(message) from None
    settings = _settings()
    with connect(settings.required("database_url"), Role.SERVE) as connection:
        sign = signer_for(request.certificate_request, settings)
        enrolled = enrol_device(connection, request, signer=sign)
        typer.echo(json.dumps(told(enrolled, settings), indent=2, ensure_ascii=False))


def move(
    tenant: Tenant,
    device: Device,
    latitude: Annotated[float, typer.Option(min=-90, max=90, help="Degrees north.")],
    longitude: Annotated[float, typer.Option(min=-180, max=180, help="Degrees east.")],
    place: Annotated[str, typer.Option(help="Where that is, in words [default: as before].")] = "",
) -> None:
    """Say where a device lives now, so that a technician can be sent there; what is promised already stands."""
    from gateway.admission.enrolment import PlaceIn
    from gateway.admission.enrolment import move as move_device
    from gateway.storage.connection import Role, connect

    with connect(_settings().required("database_url"), Role.SERVE) as connection:
        move_device(connection, tenant, device, PlaceIn(name=place, latitude=latitude, longitude=longitude))
    typer.echo(f"{device} of {tenant} lives at {latitude}, {longitude} now")


def reissue(tenant: Tenant, device: Device, csr: Csr = None) -> None:
    """Give a device a new password and print it, this once; what it had stops working at once.

    With --csr it gets a certificate for the key of its request instead.
    """
    from gateway.admission.enrolment import reissue as reissue_credentials
    from gateway.api.devices import signer_for, told
    from gateway.storage.connection import Role, connect

    settings = _settings()
    with connect(settings.required("database_url"), Role.SERVE) as connection:
        request = _read(csr)
        sign = signer_for(request, settings)
        enrolled = reissue_credentials(connection, tenant, device, certificate_request=request, signer=sign)
        typer.echo(json.dumps(told(enrolled, settings), indent=2, ensure_ascii=False))


def revoke(tenant: Tenant, device: Device) -> None:
    """Take a device's credentials away: it is cut off at once. Its data stays; reissue lets it in again."""
    from gateway.admission.enrolment import revoke as revoke_credentials
    from gateway.storage.connection import Role, connect

    with connect(_settings().required("database_url"), Role.SERVE) as connection:
        revoke_credentials(connection, tenant, device)
    typer.echo(f"{device} of {tenant} can connect no longer")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (enrol, move, reissue, revoke):
        app.command(rich_help_panel=_PANEL)(command)


def _read(csr: Path | None) -> str | None:
    try:
        return None if csr is None else csr.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SettingsError(f"{csr} cannot be read: {error.strerror}. Name the file of the request.") from error


def _settings() -> Settings:
    from gateway.embedded.neighbour import fill_in
    from gateway.settings import load_settings

    return fill_in(load_settings())
