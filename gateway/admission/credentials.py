"""What a device proves by who it is: a password or a certificate; given, taken away, and known to the broker."""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from devices.identity import Identity
from gateway.admission.broker_accounts import hash_password
from gateway.admission.certificates import CertificateError, Issued, Signer
from gateway.authority.request import KeyRequest
from gateway.storage import certificates
from gateway.storage.connection import Connection, tenant_transaction
from gateway.storage.findings import one

_LOOK_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Password:
    """A new password, which is stored nowhere; `credential_id` is of its hash."""

    text: str
    credential_id: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What a device is about to be given: a password, or a certificate for the key of its request, already checked."""

    identity: Identity
    certified: tuple[Signer, KeyRequest] | None

    @classmethod
    def prepare(cls, identity: Identity, certificate_request: str | None, signer: Signer | None) -> Self:
        """Check what is asked for, before anything is changed.

        Raises
        ------
        CertificateError
            The request cannot be signed.
        """
        if certificate_request is None:
            return cls(identity, None)
        if signer is None:
            raise CertificateError("a certificate is asked for, and nobody here signs: leave it out", is_invalid=True)
        return cls(identity, (signer, signer.check(certificate_request, identity)))

    def give(self, connection: Connection, device_id: int) -> Password | Issued:
        """Store what is given, within a transaction of the device's tenant."""
        if self.certified is not None:
            signer, request = self.certified
            return signer.issue(connection, device_id, self.identity, request, datetime.now(UTC))
        text = secrets.token_urlsafe(24)
        stored = connection.execute(
            "INSERT INTO device_credential (device_id, password_hash) VALUES (%s, %s) RETURNING credential_id",
            [device_id, hash_password(text)],
        )
        return Password(text, one(stored.fetchone()))


def take_away(connection: Connection, device_id: int, because: certificates.Because, now: datetime) -> None:
    """Take away whatever a device of the present tenant has been given."""
    connection.execute(
        "UPDATE device_credential SET revoked_at = %s WHERE device_id = %s AND revoked_at IS NULL", [now, device_id]
    )
    certificates.revoke(connection, device_id, because=because, now=now)


def wait_for_broker(connection: Connection, tenant_id: int, given: Password | Issued, wait_s: float) -> bool:
    """Wait until the keeper of the broker's accounts has taken a new one in, or some seconds have passed.

    A certificate needs no wait: the broker knows who has signed it.
    """
    if isinstance(given, Issued):
        return True
    until_s = time.monotonic() + wait_s
    while True:
        with tenant_transaction(connection, tenant_id):
            row = connection.execute(
                "SELECT in_broker_at IS NOT NULL FROM device_credential WHERE credential_id = %s", [given.credential_id]
            ).fetchone()
        if row == (True,) or time.monotonic() >= until_s:
            return row == (True,)
        time.sleep(_LOOK_EVERY_S)
