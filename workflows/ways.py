"""Ways between places: how long a technician is under way, for one pair of places or for whole columns of them.

No road map is needed: a way is the great-circle distance, made longer and driven slowly, so that a plan errs on the late
side. Such ways keep the triangle inequality. One way and a column of ways come from the same arithmetic, so that a plan
that was found among thousands is still right when it is looked at alone.
"""

from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workflows.dates import Place

Minutes = NDArray[np.int64]
Degrees = NDArray[np.float64]

# Assumptions about ways: streets are longer than the great circle, towns are slow, and a door has to be found.
DETOUR: Final = 1.4
SPEED_KMH: Final = 30.0
ACCESS: Final = timedelta(minutes=10)
# Nobody is sent farther from his base than this.
REACH: Final = timedelta(hours=2)
_EARTH_RADIUS_KM: Final = 6371.0
_MINUTES_PER_KM: Final = 60 / SPEED_KMH * DETOUR
# A millionth of a minute is no reason to count a whole one more.
_DECIMALS: Final = 6


def ways_min(latitude: Degrees, longitude: Degrees, other_latitude: Degrees, other_longitude: Degrees) -> Minutes:
    """Return how long the ways are between the places of two columns, finding the door included.

    Parameters
    ----------
    latitude, longitude : array of float, shape (n,)
        In degrees; not a number where there is no place.
    other_latitude, other_longitude : array of float, shape (n,) or (1,)
        The other ends; one for all where it is one.

    Returns
    -------
    array of int, shape (n,)
        Whole minutes; 0 where there is no place at one of the ends.
    """
    phi, other_phi = np.radians(latitude), np.radians(other_latitude)
    lat_half, lon_half = (phi - other_phi) / 2, np.radians(longitude - other_longitude) / 2
    half = np.sin(lat_half) ** 2 + np.cos(phi) * np.cos(other_phi) * np.sin(lon_half) ** 2
    way_km = 2 * _EARTH_RADIUS_KM * np.arcsin(np.sqrt(half))
    driven = np.ceil(np.round(way_km * _MINUTES_PER_KM, _DECIMALS)) + ACCESS.total_seconds() / 60
    return np.nan_to_num(driven).astype(np.int64)


def way_between(here: Place, there: Place) -> timedelta:
    """Return how long a technician is on the way from one place to another in whole minutes, finding the door included.

    >>> way_between(Place(37.544, 127.056), Place(37.556, 126.909)) == timedelta(minutes=47)
    True
    """
    ends = (here.latitude, here.longitude, there.latitude, there.longitude)
    return timedelta(minutes=int(ways_min(*(np.array([degrees]) for degrees in ends))[0]))
