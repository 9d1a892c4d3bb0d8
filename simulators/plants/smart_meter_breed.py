"""How smart meters stand on the street: in which homes, how often they report, what ails the demonstration's."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from simulators.breeds import Breed, Where
from simulators.enrolment import Place
from simulators.plants.meter_strain import MeterStrain
from simulators.plants.smart_meter import Site, SmartMeters

_NOMINAL_V = {"Asia/Seoul": 220.0, "Asia/Tokyo": 100.0}
_ELSEWHERE_V = 230.0

# A utility reads the meters of its own town, whatever language is spoken behind the doors.
_SEOUL = (
    Where("Mapo-gu, Seoul", 37.556, 126.909, "Asia/Seoul"),
    Where("Seongdong-gu, Seoul", 37.563, 127.037, "Asia/Seoul"),
    Where("Songpa-gu, Seoul", 37.505, 127.115, "Asia/Seoul"),
    Where("Gwanak-gu, Seoul", 37.478, 126.952, "Asia/Seoul"),
)


def _build(places: Sequence[Place], seed: int) -> SmartMeters:
    return SmartMeters(
        [
            Site(ZoneInfo(place.timeZone), place.latitude, _NOMINAL_V.get(place.timeZone, _ELSEWHERE_V))
            for place in places
        ],
        seed,
    )


# From the tropics to the polar circle, some on a network of heat.
_CLIMATES = (
    Site(ZoneInfo("Asia/Seoul"), 37.5, 220.0, has_heat=True),
    Site(ZoneInfo("Asia/Singapore"), 1.3),
    Site(ZoneInfo("Asia/Tokyo"), 35.7, 100.0),
    Site(ZoneInfo("Europe/Berlin"), 52.5),
    Site(ZoneInfo("Europe/Helsinki"), 66.0, has_heat=True),
    Site(ZoneInfo("Australia/Melbourne"), -37.8),
)


def _scatter(kinds: Sequence[str], seed: int, _step_s: float) -> SmartMeters:
    sites = [_CLIMATES[number % len(_CLIMATES)] for number in range(len(kinds))]
    # What is wrong with heat needs a house that is on the network.
    fit = [
        replace(site, has_heat=True) if kind.startswith("heat_") else site
        for site, kind in zip(sites, kinds, strict=True)
    ]
    return SmartMeters(fit, seed)


BREED = Breed(
    product="smart_meter",
    noun="meters",
    prefix="mtr",
    serial="HBM{:08d}",
    models=("Hanbit Grid 3", "Hanbit Grid 3G"),
    firmwares=("2.9.0", "2.10.3"),
    first_owner=16,
    homes={"ko": _SEOUL, "en": _SEOUL, "ja": _SEOUL},
    build=_build,
    no_strain=MeterStrain.none,
    scatter=_scatter,
    # The detectors learn what is usual with a meter from weeks of it.
    history=timedelta(days=30),
    cadence=timedelta(hours=1),
    live_cadence=timedelta(seconds=60),
    samples_per_message=24,
    live_samples_per_message=1,
    # A toilet that runs, and a register that somebody turned back.
    demo_faults=(
        "mtr-0002=water_leak@-4d:6",
        "mtr-0005=water_rollback@-12h:5000",
    ),
)
