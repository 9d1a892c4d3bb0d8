"""``python -m simulators replay``."""

import re
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from simulators.enrolment import DeviceRequest, Enrolment, Identity, Owner, Place, read_identity, when_ready
from simulators.errors import SimulatorError
from simulators.keeping import write_private
from simulators.progress import ProgressLine
from simulators.replay.account import write_account
from simulators.replay.mapping import read_mapping
from simulators.replay.run import Replay, ReplayPlan, Tally
from simulators.replay.survey import Survey, survey
from simulators.stopping import Stopping

_LANGUAGES = ("en", "ko", "ja")


def replay(
    recording: Annotated[Path, typer.Argument(help="A CSV file, plain, gzipped, or alone in a zip.")],
    *,
    mapping: Annotated[
        Path | None, typer.Option(help="Which column is which signal [default: the shipped mapping that fits].")
    ] = None,
    speed: Annotated[str, typer.Option(help="Recorded seconds in one real second, or max.")] = "max",
    tenant: Annotated[str, typer.Option(help="Whose device.")] = "hanbit",
    device: Annotated[
        str, typer.Option(help="Its name [default: from the file's name, or the mapping's device column].")
    ] = "",
    owner_name: Annotated[str, typer.Option(help="Its owner.")] = "Owner of a recording",
    owner_email: Annotated[str, typer.Option(help="Where the owner's letters go.")] = "recorded@owners.example",
    owner_language: Annotated[str, typer.Option(help="en, ko or ja.")] = "en",
    time_zone: Annotated[str, typer.Option(help="Time zone of owner and device.")] = "Asia/Seoul",
    place: Annotated[str, typer.Option(help="Where the device is.")] = "Seongdong-gu, Seoul",
    latitude: Annotated[float, typer.Option(min=-90, max=90)] = 37.5634,
    longitude: Annotated[float, typer.Option(min=-180, max=180)] = 127.0369,
    warranty_until: Annotated[
        str, typer.Option(help="End of the warranty, such as 2028-01-01 [default: in a year].")
    ] = "",
    keep_times: Annotated[
        bool, typer.Option("--keep-times", help="Leave event times as recorded; else the last one becomes now.")
    ] = False,
    samples_per_message: Annotated[int, typer.Option(min=1, max=500, help="Samples in one message.")] = 20,
    window: Annotated[int, typer.Option(min=1, max=1000, help="Messages under way unacknowledged.")] = 50,
    account: Annotated[
        Path | None, typer.Option(help="File for the account of every row by device, JSON; see `callout account`.")
    ] = None,
    credentials: Annotated[
        Path | None, typer.Option(help="File with the answer of an enrolment; then none is asked for.")
    ] = None,
    api_url: Annotated[str, typer.Option(help="Where `serve` listens.")] = "http://127.0.0.1:8080",
    api_token: Annotated[
        str, typer.Option(envvar="CALLOUT_API_TOKEN", help="Token of the HTTP API.", show_envvar=True)
    ] = "",
    state_dir: Annotated[Path, typer.Option(help="Where credentials are kept, for their owner only.")] = Path(
        ".callout/replay"
    ),
) -> None:
    """Publish recorded data over MQTT, as enrolled devices and as a declared backfill.

    The recording is read twice, row by row: first to see what it holds, then to publish it. The command ends when the
    last message is acknowledged, and says what could not be read.
    """
    progress, stopping = ProgressLine(), Stopping().listen()
    plan = ReplayPlan(recording, _speed(speed), keep_times, samples_per_message, window)
    found = survey(recording, read_mapping(mapping) if mapping else None, progress)
    _say_what_was_found(found, progress)
    names = _device_names(recording, device, found)
    if credentials is not None:
        identities = {_only(found): _booted(credentials)}
    else:
        owner = Owner(name=owner_name, email=owner_email, language=_language(owner_language), timeZone=time_zone)
        where = Place(name=place, latitude=latitude, longitude=longitude, timeZone=time_zone)
        until = warranty_until or (date.today() + timedelta(days=365)).isoformat()  # noqa: DTZ011 (a day, not an instant)
        product = found.binding.mapping.product
        requests = {said: _request(tenant, product, name, owner, where, until) for said, name in names.items()}
        identities = _enrolled(Enrolment(api_url, api_token, state_dir), requests, progress)
    progress.say(f"as {', '.join(identity.credentials.username for identity in list(identities.values())[:5])}")
    tally = Replay(plan, found, identities, stopping, progress).run()
    if account is not None:
        write_account(account, tally.account, names)
    _sum_up(tally, stopping)


def _request(tenant: str, product: str, device: str, owner: Owner, place: Place, until: str) -> DeviceRequest:
    return DeviceRequest(
        tenant=tenant,
        product=product,
        serial=f"REC-{device}".upper(),
        device=device,
        model="Recorded device",
        firmware="recorded",
        owner=owner,
        place=place,
        warrantyUntil=until,
    )


def _enrolled(enrolment: Enrolment, requests: dict[str, DeviceRequest], progress: ProgressLine) -> dict[str, Identity]:
    try:
        total = len(requests)
        ready = when_ready(enrolment, list(requests.values()), lambda n: progress.show(f"enrolled {n} of {total}"))
        return dict(zip(requests, ready, strict=True))
    finally:
        enrolment.close()


def _booted(path: Path) -> Identity:
    """Take credentials from a file, and count there that the device has started once more."""
    identity = read_identity(path)
    identity = identity.model_copy(update={"boot": identity.boot + 1})
    write_private(path, identity.model_dump_json(indent=1).encode())
    return identity


def _device_names(recording: Path, device: str, found: Survey) -> dict[str, str]:
    """Name the devices, by what the device column says."""
    if found.binding.device_index is None:
        return {"": device or _slug(recording.name.partition(".")[0])}
    if device and len(found.devices) > 1:
        raise SimulatorError(f"--device {device} names one device, but the recording holds {len(found.devices)}")
    column = found.binding.mapping.device
    prefix = column.prefix if column else ""
    names = {said: device or _slug(prefix + said) for said in found.devices}
    if len(set(names.values())) < len(names):
        raise SimulatorError(
            f"Two devices of the recording would get the same name: {', '.join(sorted(found.devices))}"
        )
    return names


def _only(found: Survey) -> str:
    if len(found.devices) != 1:
        raise SimulatorError(f"--credentials are those of one device, but the recording holds {len(found.devices)}")
    return found.devices[0]


def _slug(text: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
    if not name:
        raise SimulatorError(f"No device can be named after {text!r}: give its name with --device")
    return name


def _speed(text: str) -> float:
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise SimulatorError(f"--speed {text} is none: give a number above 0, such as 60 for a minute a second, or max")
    return speed


def _language(text: str) -> Literal["en", "ko", "ja"]:
    if text not in _LANGUAGES:
        raise SimulatorError(f"--owner-language {text} is not spoken here: choose one of {', '.join(_LANGUAGES)}")
    return text


def _say_what_was_found(found: Survey, progress: ProgressLine) -> None:
    progress.say(
        f"{found.rows:,} rows from {found.first_at:%Y-%m-%d %H:%M:%S}Z to {found.last_at:%Y-%m-%d %H:%M:%S}Z, "
        f"read as: {found.binding.mapping.title or 'the given mapping'}"
    )
    for source in found.binding.sources:
        gone = [index for index in source.indexes if index in found.left_out]
        kept = [index for index in source.indexes if index not in found.left_out]
        if gone:
            header = found.binding.header
            first = f"; number 1 of {source.signal.name} is {header[kept[0]]}" if kept else ""
            names = ", ".join(header[index] for index in gone)
            progress.say(f"{len(gone)} columns never hold a value and are not sent: {names}{first}")


def _sum_up(tally: Tally, stopping: Stopping) -> None:
    for one in tally.first_unreadable:
        column = f", column {one.column}" if one.column else ""
        sys.stderr.write(f"line {one.line}{column}: {one.value!r} {one.reason}\n")
    if tally.unreadable > len(tally.first_unreadable):
        sys.stderr.write(f"... and {tally.unreadable - len(tally.first_unreadable):,} more\n")
    sys.stdout.write(
        f"published {tally.samples:,} of {tally.rows:,} rows in {tally.messages:,} messages in {tally.took_s:.1f} s "
        f"({tally.rows / max(tally.took_s, 1e-6):,.0f} rows/s); {tally.unreadable:,} values or rows were unreadable\n"
    )
    if tally.refused:
        raise SimulatorError(
            f"The broker refused {tally.refused:,} of {tally.messages:,} messages: "
            "the credentials are not for this device's topics"
        )
    if stopping.is_wanted:
        raise SimulatorError("stopped before the end; what was acknowledged is kept, the rest was not sent")
