"""Hands a broker what it may have of the certificate authority: trust, revocation list, its own certificate and key.

The authority's own key is not among them: a broker is the part that strangers talk to. The broker has to read the files
again when they change; how it is told is not known here.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.embedded.folder import write_privately
from gateway.embedded.keeper import Tell

# The key before its certificate: a broker looks at the certificate to see that there is something new.
HANDED_OVER: Final = ("ca.crt", "crl.pem", "broker.key", "broker.crt")
_LOOK_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """The way of the files from the authority's folder to the broker's."""

    authority: Path
    broker: Path
    tell: Tell

    def hand_over(self) -> bool:
        """Copy what has changed, and return whether anything had.

        Raises
        ------
        OSError
            A file cannot be read or written.
        """
        changed = [name for name in HANDED_OVER if not self._is_there(name)]
        for name in changed:
            write_privately(self.broker / name, (self.authority / name).read_text(encoding="ascii"))
        return bool(changed)

    def keep(self, stopping: threading.Event) -> None:
        """Hand over until it is told to stop; what cannot be copied is told once, and tried again."""
        told = ""
        while not stopping.is_set():
            try:
                if self.hand_over():
                    self.tell(f"the broker's certificates in {self.broker} are those of {self.authority}")
                told = ""
            except OSError as error:
                if str(error) != told:
                    told = str(error)
                    self.tell(f"the broker's certificates cannot be handed over ({told}); trying again")
            stopping.wait(_LOOK_AGAIN_SECONDS)

    def _is_there(self, name: str) -> bool:
        handed = self.broker / name
        return handed.exists() and handed.read_bytes() == (self.authority / name).read_bytes()
