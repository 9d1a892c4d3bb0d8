"""The hours that are due to be rolled up: some with each sweep, in rounds through all devices.

However many devices there are, and however fast their readings come, a sweep has dates to free and letters to send
besides: it makes so many hours and no more, and the next one goes on there. Within a round an hour is made once.
"""

from dataclasses import dataclass, field
from typing import Final

from devices.product import ProductType
from gateway.storage.connection import Connection
from gateway.storage.hours import DeviceHour, roll_up

# Half a second on a busy machine; with a sweep every two or three a million devices have had their turn within half an hour.
_MOST: Final = 2_000


@dataclass(slots=True)
class Hourly:
    """How far one work process has come with each product; the database knows what is due."""

    _after: dict[str, DeviceHour] = field(default_factory=dict[str, DeviceHour])

    def go_on(self, connection: Connection, product: ProductType, most: int = _MOST) -> int:
        """Make the next hours of a product anew, piece by piece; return how many.

        Parameters
        ----------
        connection : Connection
            In the role of work, in autocommit mode, by one process at a time.
        product : ProductType
            Whose devices.
        most : int
            After so many hours at the latest the next piece waits for the next call.
        """
        count = 0
        while count < most:
            with connection.transaction():
                hours = roll_up(connection, product, self._after.get(product.name))
            if not hours:
                self._after.pop(product.name, None)
                break
            self._after[product.name] = hours[-1]
            count += len(hours)
        return count
