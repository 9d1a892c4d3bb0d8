"""Keeps the revocation list equal to what was taken back in the database, and the broker's own certificate young.

The list is signed anew when something was taken back, and once a day: a broker whose list has ended lets nobody in. A
device whose certificate was taken back, or has ended, is put out three times: at once, soon, and when every handshake
must have ended that was under way under the old list.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from gateway.admission.certificates import utc_now
from gateway.authority.folder import Authority, prepare
from gateway.authority.issuer import Revoked
from gateway.embedded.put_out import put_out
from gateway.settings import Settings
from gateway.storage import certificates
from gateway.storage.connection import Connection

# At once; when a broker that looks at its files by itself has read the list; and when no handshake is under way any more
# that began under the old list: mosquitto drops who has not said CONNECT after one and a half keep-alives of 60 s.
PUT_OUT_AFTER: Final = (timedelta(), timedelta(seconds=10), timedelta(seconds=120))
_PUT_OUT_AT_ONCE: Final = 500

Publish = Callable[[Mapping[str, str]], bool]
PutOut = Callable[[Iterable[str]], None]


def _already_there(_files: Mapping[str, str]) -> bool:
    """Do nothing: a broker that is not ours reads the authority's folder itself."""
    return False


@dataclass(slots=True)
class CertificateSync:
    """What `AccountSync` does for devices with certificates.

    Parameters
    ----------
    folder
        The authority's.
    put_out
        Drops the connections of these user names.
    publish
        Hands the files over to the broker and makes it read them; tells whether anything has changed.
    clock
        The present instant.
    """

    folder: Path
    put_out: PutOut
    publish: Publish = _already_there
    clock: Callable[[], datetime] = utc_now
    _listed: frozenset[str] | None = field(default=None, init=False)

    def look(self, connection: Connection) -> None:
        """Bring the broker up to date.

        Raises
        ------
        CalloutError
            The authority's folder or the broker cannot be used; all of it is done at the next look.
        """
        now = self.clock()
        authority = prepare(self.folder, (), now)
        self._list(connection, authority, now)
        self.publish(authority.files())
        if ended := certificates.to_put_out(connection, now, PUT_OUT_AFTER, _PUT_OUT_AT_ONCE):
            self.put_out(sorted(set(ended.values())))
            certificates.note_put_out(connection, list(ended))

    def _list(self, connection: Connection, authority: Authority, now: datetime) -> None:
        rows = certificates.revoked(connection, now)
        wanted = frozenset(row.serial for row in rows)
        if self._listed is None:
            self._listed = frozenset(f"{each.serial:x}" for some in authority.listed().values() for each in some)
        if wanted == self._listed:
            return
        by_issuer: dict[bytes, list[Revoked]] = {}
        for row in rows:
            by_issuer.setdefault(row.authority_fingerprint, []).append(Revoked(int(row.serial, 16), row.revoked_at))
        authority.write_list(by_issuer, now)
        self._listed = wanted


def outside_certificates(settings: Settings) -> CertificateSync | None:
    """Return what keeps the authority's folder for a broker that is not ours; None where it takes no certificates."""
    if not settings.certificate_broker_url:
        return None
    return CertificateSync(settings.authority_folder, partial(put_out, settings.broker))
