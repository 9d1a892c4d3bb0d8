"""The account of a replay: for each device what became of every row on this side of the broker.

It knows what was sent and what could not be read. What the desk stored is told by the desk: ``callout account``.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from simulators.keeping import write_private

ACCOUNT_SCHEMA = "callout.account/1"


@dataclass(slots=True)
class DeviceAccount:
    """What became of the rows of one device.

    Attributes
    ----------
    name
        What the device column says.
    rows
        Rows of the file.
    sent
        Rows that became a sample of a message.
    messages, acknowledged, refused
        Messages; those that the broker has, and those that it did not take.
    not_sent
        Rows that did not become a sample, by the reason.
    bad_values
        Values that could not be read and were left out of their sample, by column.
    same_time
        Rows with the very time of the row before.
    """

    name: str
    rows: int = 0
    sent: int = 0
    messages: int = 0
    acknowledged: int = 0
    refused: int = 0
    not_sent: Counter[str] = field(default_factory=Counter[str])
    bad_values: Counter[str] = field(default_factory=Counter[str])
    same_time: int = 0


class Account:
    """Counts, row by row."""

    def __init__(self) -> None:
        self.devices: dict[str, DeviceAccount] = {}
        self._last_at: dict[str, datetime] = {}

    def of(self, said: str) -> DeviceAccount:
        """Return the account of a device, by what the device column says; empty for rows that name none."""
        return self.devices.setdefault(said, DeviceAccount(said))

    def row(self, said: str) -> None:
        """Count a row."""
        self.of(said).rows += 1

    def sent(self, said: str, at: datetime) -> None:
        """Count a row that became a sample."""
        one = self.of(said)
        one.sent += 1
        one.same_time += self._last_at.get(said) == at
        self._last_at[said] = at


def write_account(path: Path, account: Account, names: dict[str, str]) -> None:
    """Write the account as JSON, readable by its owner only.

    Parameters
    ----------
    path
        The file; what was in it is replaced.
    account
        What was counted.
    names
        Names of the devices at the desk, by what the device column says.

    Raises
    ------
    SimulatorError
        When it cannot be written.
    """
    devices = {names.get(said, ""): one for said, one in account.devices.items()}
    content = msgspec.json.encode({"schema": ACCOUNT_SCHEMA, "devices": devices})
    write_private(path, msgspec.json.format(content, indent=1))
