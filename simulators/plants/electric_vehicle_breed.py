"""How electric vehicles stand on the street: whose they are, how often they report, what ails the demonstration's."""

from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from simulators.breeds import Breed, Where
from simulators.enrolment import Place
from simulators.plants.electric_vehicle import LONGEST_STEP_S, ElectricVehicles, Site
from simulators.plants.strain import Strain


def _build(places: Sequence[Place], seed: int) -> ElectricVehicles:
    return ElectricVehicles([Site(ZoneInfo(place.timeZone), place.latitude) for place in places], seed)


# From the tropics to the polar circle.
_CLIMATES = (
    Site(ZoneInfo("Asia/Seoul"), 37.5),
    Site(ZoneInfo("Asia/Singapore"), 1.3),
    Site(ZoneInfo("Asia/Tokyo"), 35.7),
    Site(ZoneInfo("Europe/Berlin"), 52.5),
    Site(ZoneInfo("Europe/Helsinki"), 66.0),
    Site(ZoneInfo("Australia/Melbourne"), -37.8),
)
# Who looks every few minutes sees the cells' voltages change too little for finer physics.
_COARSE_FROM_S, _COARSE_S = 600.0, 300.0


def _scatter(kinds: Sequence[str], seed: int, step_s: float) -> ElectricVehicles:
    sites = [_CLIMATES[number % len(_CLIMATES)] for number in range(len(kinds))]
    return ElectricVehicles(sites, seed, _COARSE_S if step_s >= _COARSE_FROM_S else LONGEST_STEP_S)


BREED = Breed(
    product="electric_vehicle",
    noun="vehicles",
    prefix="ev",
    serial="KMHSM81A{:09d}",
    models=("Hanbit Ion 5", "Hanbit Ion 7", "Hanbit Breeze"),
    firmwares=("4.2.1", "4.3.0"),
    first_owner=0,
    homes={
        "ko": (
            Where("Seongdong-gu, Seoul", 37.563, 127.037, "Asia/Seoul"),
            Where("Gangnam-gu, Seoul", 37.517, 127.047, "Asia/Seoul"),
            Where("Bundang-gu, Seongnam", 37.383, 127.122, "Asia/Seoul"),
            Where("Deokyang-gu, Goyang", 37.637, 126.832, "Asia/Seoul"),
        ),
        "ja": (
            Where("Setagaya, Tokyo", 35.646, 139.653, "Asia/Tokyo"),
            Where("Kohoku, Yokohama", 35.519, 139.633, "Asia/Tokyo"),
        ),
        "en": (
            Where("Pankow, Berlin", 52.569, 13.402, "Europe/Berlin"),
            Where("Mapo-gu, Seoul", 37.556, 126.909, "Asia/Seoul"),
        ),
    },
    build=_build,
    no_strain=Strain.none,
    scatter=_scatter,
    history=timedelta(hours=24),
    cadence=timedelta(seconds=60),
    live_cadence=timedelta(seconds=10),
    samples_per_message=6,
    live_samples_per_message=6,
    # A cell that drifts, a leak to the body that a trouble code reports, a slow puncture.
    demo_faults=(
        "ev-0003=internal_short@-14h:4.5:48",
        "ev-0007=insulation_breakdown@-3h",
        "ev-0010=tyre_leak@-20h:80:2",
    ),
)
