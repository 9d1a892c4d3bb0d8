"""A device's first day: it is enrolled over HTTP, and remembers what it was given.

What is remembered lies in one file per device, readable by its owner only: name, password, topics, the way to the
broker, and how often it has started (its boot number).
"""

import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import httpx2
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulators.certificate import Certificate, make_request, utc_now
from simulators.errors import SimulatorError
from simulators.keeping import write_private

_log = logging.getLogger(__name__)

_WAIT_FOR_DOOR_S = 60.0
_PROBLEM_LENGTH = 300
_ENROLLED_AT_ONCE = 4


class Owner(BaseModel):
    """Whose device it is, as the HTTP API wants it."""

    name: str
    email: str
    language: Literal["en", "ko", "ja"] = "en"
    timeZone: str = "UTC"  # noqa: N815 (the API's own name)


class Place(BaseModel):
    """Where the device is, as the HTTP API wants it."""

    name: str
    latitude: float
    longitude: float
    timeZone: str = "UTC"  # noqa: N815 (the API's own name)


class Mandate(BaseModel):
    """What the owner signed that his device may have done by itself, as the HTTP API wants it."""

    clauses: list[str] = ["report", "remote_reset", "reserve_part", "offer_dates"]


class DeviceRequest(BaseModel):
    """The body of ``POST /api/v1/devices``."""

    tenant: str
    product: str
    serial: str
    device: str
    model: str
    firmware: str
    owner: Owner
    place: Place
    warrantyUntil: str  # noqa: N815 (the API's own name)
    mandate: Mandate = Mandate()


class Login(BaseModel):
    """User name at the broker, with a password, or a certificate with its end and whom it makes trust; `key` is ours."""

    username: str
    password: str = Field("", repr=False)
    certificate: str = ""
    trusted: str = ""
    endsAt: datetime | None = None  # noqa: N815 (the API's own name)
    key: str = Field("", repr=False)

    @property
    def shown(self) -> Certificate | None:
        """The certificate to show; None for a password."""
        if not self.certificate or self.endsAt is None:
            return None
        return Certificate(self.certificate, self.trusted, self.endsAt, self.key)


class Broker(BaseModel):
    """Where the broker listens."""

    host: str
    port: int
    tls: bool = False


class Topics(BaseModel):
    """The topics that a device writes to, and the one where it is asked, as it was told at its enrolment."""

    telemetry: str
    event: str
    state: str
    command: str = ""
    answer: str = ""

    @model_validator(mode="after")
    def _name_all(self) -> "Topics":
        # What was kept before devices were asked anything names fewer topics; all of them have one root.
        root = self.telemetry.rpartition("/")[0]
        self.command = self.command or f"{root}/command"
        self.answer = self.answer or f"{root}/answer"
        return self


class Identity(BaseModel):
    """What a device was given at its enrolment, and its boot number."""

    model_config = ConfigDict(extra="ignore")

    tenant: str
    device: str
    partition: int
    credentials: Login
    topics: Topics
    broker: Broker
    boot: int = 0


class Enrolment:
    """Enrols devices and remembers them.

    Parameters
    ----------
    api_url
        For example ``http://127.0.0.1:8080``.
    api_token
        The bearer token of the API.
    folder
        Where identities are kept; it is made with access for its owner only.
    with_certificates
        Whether devices are enrolled with a certificate request of their own instead of being given a password.

    Raises
    ------
    SimulatorError
        When the address is none.
    """

    def __init__(self, api_url: str, api_token: str, folder: Path, *, with_certificates: bool = False) -> None:
        if not api_url.startswith(("http://", "https://")):
            raise SimulatorError(f"--api-url {api_url!r} is no address: write for example http://127.0.0.1:8080")
        self._url = api_url.rstrip("/") + "/api/v1/devices"
        self._token = api_token.strip()
        self._client = httpx2.Client(timeout=15.0, trust_env=False)
        self._folder = folder
        self._with_certificates = with_certificates

    def close(self) -> None:
        """Let go of the connection to the API."""
        self._client.close()

    def known(self, tenant: str, device: str) -> Identity | None:
        """Remember a device, or None when it was never enrolled from here.

        Raises
        ------
        SimulatorError
            When what was kept cannot be read.
        """
        path = self._path(tenant, device)
        return read_identity(path) if path.exists() else None

    def enrol(self, request: DeviceRequest) -> Identity:
        """Enrol a device; one that exists already gets new credentials instead.

        Raises
        ------
        SimulatorError
            When the API cannot be reached for a minute, or refuses.
        """
        key, csr = make_request(request.device) if self._with_certificates else ("", None)
        asked: dict[str, object] | None = None if csr is None else {"certificateRequest": csr}
        response = self._post(self._url, {**request.model_dump(), **(asked or {})})
        if response.status_code == HTTPStatus.CONFLICT:
            response = self._post(f"{self._url}/{request.tenant}/{request.device}/credentials", asked)
        if not response.is_success:
            raise SimulatorError(_refusal(request, response))
        try:
            given = Identity.model_validate_json(response.content)
        except ValidationError as error:
            raise SimulatorError(
                f"The answer to the enrolment of {request.device} is not what was agreed: {error}"
            ) from error
        earlier = self.known(request.tenant, request.device)
        credentials = given.credentials.model_copy(update={"key": key})
        boot = earlier.boot if earlier else 0
        identity = given.model_copy(update={"boot": boot, "credentials": credentials})
        self._keep(identity)
        return identity

    def renew(self, identity: Identity, now: datetime) -> Identity:
        """Renew a device's certificate when that is due, as the device itself does it: without the API's token.

        What the desk does not grant is asked for again later; a certificate that has ended leads to a new enrolment.
        """
        shown = identity.credentials.shown
        if shown is None or not shown.is_due(now) or now >= shown.ends_at:
            return identity
        key, csr = make_request(identity.device)
        body = {"certificate": shown.certificate, "certificateRequest": csr, "signature": shown.sign(csr)}
        try:
            response = self._client.post(f"{self._url}/{identity.tenant}/{identity.device}/certificate", json=body)
        except httpx2.HTTPError as error:
            _log.warning("%s could not renew its certificate: %s", identity.device, error)
            return identity
        if not response.is_success:
            _log.warning("%s: the certificate was not renewed: %s", identity.device, response.text[:_PROBLEM_LENGTH])
            return identity
        given = Login.model_validate_json(response.content)
        renewed = identity.model_copy(update={"credentials": given.model_copy(update={"key": key})})
        self._keep(renewed)
        return renewed

    def start(self, request: DeviceRequest) -> Identity:
        """Switch a device on: enrol it if it is new, count its boot, and keep that."""
        identity = self.known(request.tenant, request.device)
        if identity is None or (identity.credentials.shown is not None) is not self._with_certificates:
            identity = self.enrol(request)
        return self.booted(self.renew(identity, utc_now()))

    def booted(self, identity: Identity) -> Identity:
        """Count one more start of a device and keep that."""
        started = identity.model_copy(update={"boot": identity.boot + 1})
        self._keep(started)
        return started

    def _path(self, tenant: str, device: str) -> Path:
        return self._folder / tenant / f"{device}.json"

    def _keep(self, identity: Identity) -> None:
        path = self._path(identity.tenant, identity.device)
        write_private(path, identity.model_dump_json(indent=1).encode())

    def _post(self, url: str, body: dict[str, object] | None) -> httpx2.Response:
        """Post, and wait for a door that is still being opened: the fleet may be started together with the desk."""
        if not self._token or not self._token.isascii():
            raise SimulatorError(
                "There is no API token to enrol with: give the desk's with --api-token or CALLOUT_API_TOKEN "
                "(the embedded desk keeps its own in its data folder)"
            )
        headers = {"Authorization": f"Bearer {self._token}"}
        deadline = time.monotonic() + _WAIT_FOR_DOOR_S
        while True:
            try:
                response = self._client.post(url, json=body, headers=headers)
            except (httpx2.NetworkError, httpx2.TimeoutException, httpx2.RemoteProtocolError) as error:
                if time.monotonic() > deadline:
                    raise SimulatorError(
                        f"No answer at {url} for {_WAIT_FOR_DOOR_S:.0f} s ({error}). "
                        "Is `serve` running there? Another address is given with --api-url."
                    ) from error
            else:
                if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                    return response
            time.sleep(0.5)


def read_identity(path: Path) -> Identity:
    """Read an identity from a file: what the API answered, or what was kept of it.

    Raises
    ------
    SimulatorError
        When there is no such file, or it does not hold an identity.
    """
    try:
        return Identity.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SimulatorError(f"Cannot read the credentials in {path}: {error.strerror}") from error
    except ValidationError as error:
        raise SimulatorError(
            f"{path} does not hold a device's credentials ({error.error_count()} fields are missing or wrong: "
            f"{error.errors()[0]['loc']}). It must be the answer of the enrolment; delete it to enrol anew."
        ) from error


def when_ready(enrolment: Enrolment, requests: list[DeviceRequest], report: Callable[[int], None]) -> list[Identity]:
    """Switch on many devices, a few at a time.

    Parameters
    ----------
    enrolment
        The door and the memory.
    requests
        The devices in order.
    report
        Called with the number of devices that are ready.

    Raises
    ------
    SimulatorError
        When one of them cannot be enrolled; those before it are kept.
    """
    identities: list[Identity] = []
    # The door waits with each answer until the broker knows the account: a few at a time share that wait.
    with ThreadPoolExecutor(_ENROLLED_AT_ONCE) as pool:
        for identity in pool.map(enrolment.start, requests):
            identities.append(identity)
            report(len(identities))
    return identities


def _refusal(request: DeviceRequest, response: httpx2.Response) -> str:
    try:
        problem = json.loads(response.content)
        text = str(problem.get("detail") or problem.get("title") or problem)
    except (ValueError, AttributeError):
        text = response.text
    hint = " Is the token right? It is given with --api-token." if response.status_code in (401, 403) else ""
    return (
        f"The enrolment of {request.tenant}/{request.device} was refused with status {response.status_code}: "
        f"{text[:_PROBLEM_LENGTH]}.{hint}"
    )
