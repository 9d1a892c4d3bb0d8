"""Device rows: which row of the state arrays belongs to which device."""

from typing import Final

import numpy as np

from devices.readings import IntArray

_NONE: Final = -1
# Device ids count from one, so a table by id is small; ids beyond it, of which there are few or none, cost a copy of it.
_ROOM: Final = 1024


class DeviceRows:
    """A growing table of device ids; a device keeps the row it was first given."""

    def __init__(self) -> None:
        self._row = np.full(_ROOM, _NONE, np.int32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def row_bytes(self) -> int:
        """Bytes of a device in the table."""
        return self._row.itemsize

    def __contains__(self, device_id: int) -> bool:
        return device_id < len(self._row) and bool(self._row[device_id] != _NONE)

    def of(self, device_ids: IntArray) -> IntArray:
        """Return the row of each device [n], giving new rows to new devices.

        >>> DeviceRows().of(np.array([70, 12, 70])).tolist()
        [0, 1, 0]
        """
        if not len(device_ids):
            return np.zeros(0, np.int64)
        among = stretch(device_ids)
        beyond = among.stop if isinstance(among, slice) else int(device_ids.max()) + 1
        if beyond > len(self._row):
            room = max(beyond, 2 * len(self._row))
            self._row = np.concatenate([self._row, np.full(room - len(self._row), _NONE, np.int32)])
        rows = self._row[among]
        if rows.min() == _NONE:
            fresh, first = np.unique(device_ids[rows == _NONE], return_index=True)
            fresh = fresh[np.argsort(first)]
            self._row[fresh] = np.arange(self._count, self._count + len(fresh))
            self._count += len(fresh)
            rows = self._row[device_ids]
        return rows.astype(np.int64)

    def find(self, device_ids: IntArray) -> IntArray:
        """Return the row of each device [n], -1 for those that have none.

        >>> rows = DeviceRows()
        >>> rows.of(np.array([70])).tolist(), rows.find(np.array([70, 71, 1_000_000])).tolist()
        ([0], [0, -1, -1])
        """
        known = device_ids < len(self._row)
        if known.all():
            return self._row[stretch(device_ids)].astype(np.int64)
        return np.where(known, self._row[np.where(known, device_ids, 0)], _NONE).astype(np.int64)


def stretch(slots: IntArray) -> IntArray | slice:
    """Return rows that follow each other as a slice, which is looked up without copying; others as they are.

    >>> stretch(np.array([3, 4, 5])), stretch(np.array([3, 5]))
    (slice(3, 6, None), array([3, 5]))
    """
    if len(slots) and slots[-1] - slots[0] == len(slots) - 1 and (slots[1:] > slots[:-1]).all():
        return slice(int(slots[0]), int(slots[-1]) + 1)
    return slots
