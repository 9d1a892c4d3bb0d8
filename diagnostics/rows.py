"""Device rows: which row of the state arrays belongs to which device."""

import numpy as np

from devices.readings import IntArray


class DeviceRows:
    """A growing table of device ids; a device keeps the row it was first given."""

    def __init__(self) -> None:
        self._row: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._row)

    def __contains__(self, device_id: int) -> bool:
        return device_id in self._row

    def of(self, device_ids: IntArray) -> IntArray:
        """Return the row of each device [n], giving new rows to new devices.

        >>> DeviceRows().of(np.array([70, 12, 70])).tolist()
        [0, 1, 0]
        """
        row = self._row
        return np.array([row.setdefault(device_id, len(row)) for device_id in device_ids.tolist()], dtype=np.int64)
