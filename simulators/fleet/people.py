"""Who owns the simulated vehicles, and where they live. All of them are invented."""

from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from simulators.enrolment import DeviceRequest, Owner, Place
from simulators.plants.electric_vehicle import Site

Language = Literal["en", "ko", "ja"]

# name, the same for a mail address, language
_OWNERS: tuple[tuple[str, str, Language], ...] = (
    ("Lee Seo-yeon", "seoyeon.lee", "ko"),
    ("Sato Haruka", "haruka.sato", "ja"),
    ("Kim Min-jun", "minjun.kim", "ko"),
    ("Anna Becker", "anna.becker", "en"),
    ("Park Ji-ho", "jiho.park", "ko"),
    ("Tanaka Ren", "ren.tanaka", "ja"),
    ("Choi Yu-na", "yuna.choi", "ko"),
    ("James Carter", "james.carter", "en"),
    ("Jung Do-yun", "doyun.jung", "ko"),
    ("Suzuki Aoi", "aoi.suzuki", "ja"),
    ("Kang Ha-eun", "haeun.kang", "ko"),
    ("Lukas Weber", "lukas.weber", "en"),
    ("Yoon Si-woo", "siwoo.yoon", "ko"),
    ("Watanabe Yui", "yui.watanabe", "ja"),
    ("Han So-min", "somin.han", "ko"),
    ("Grace Okafor", "grace.okafor", "en"),
)

# place, latitude, longitude, time zone; the first four are in and around Seoul
_PLACES: dict[Language, tuple[tuple[str, float, float, str], ...]] = {
    "ko": (
        ("Seongdong-gu, Seoul", 37.563, 127.037, "Asia/Seoul"),
        ("Gangnam-gu, Seoul", 37.517, 127.047, "Asia/Seoul"),
        ("Bundang-gu, Seongnam", 37.383, 127.122, "Asia/Seoul"),
        ("Deokyang-gu, Goyang", 37.637, 126.832, "Asia/Seoul"),
    ),
    "ja": (
        ("Setagaya, Tokyo", 35.646, 139.653, "Asia/Tokyo"),
        ("Kohoku, Yokohama", 35.519, 139.633, "Asia/Tokyo"),
    ),
    "en": (
        ("Pankow, Berlin", 52.569, 13.402, "Europe/Berlin"),
        ("Mapo-gu, Seoul", 37.556, 126.909, "Asia/Seoul"),
    ),
}
_MODELS = ("Hanbit Ion 5", "Hanbit Ion 7", "Hanbit Breeze")
_PRODUCT = "electric_vehicle"


def roster(count: int, tenant: str, seed: int) -> list[DeviceRequest]:
    """Write the enrolments of a fleet.

    Parameters
    ----------
    count
        How many vehicles; they are called ev-0001 and so on.
    tenant
        Whose vehicles.
    seed
        Decides models, firmware and exact places.

    Examples
    --------
    >>> [request.device for request in roster(2, "hanbit", 7)]
    ['ev-0001', 'ev-0002']
    """
    return [_enrolment(number, tenant, np.random.default_rng([seed, 2, number])) for number in range(1, count + 1)]


def site(request: DeviceRequest) -> Site:
    """Say where a vehicle stands in the simulated world."""
    return Site(ZoneInfo(request.place.timeZone), request.place.latitude)


def _enrolment(number: int, tenant: str, rng: np.random.Generator) -> DeviceRequest:
    round_, turn = divmod(number - 1, len(_OWNERS))
    name, address, language = _OWNERS[turn]
    places = _PLACES[language]
    place, latitude, longitude, zone = places[(turn // 2 + round_) % len(places)]
    suffix = f"{round_ + 1}" if round_ else ""
    return DeviceRequest(
        tenant=tenant,
        product=_PRODUCT,
        serial=f"KMHSM81A{number:09d}",
        device=f"ev-{number:04d}",
        model=str(rng.choice(_MODELS)),
        firmware=str(rng.choice(["4.2.1", "4.3.0"])),
        owner=Owner(name=name, email=f"{address}{suffix}@owners.example", language=language, timeZone=zone),
        place=Place(
            name=place,
            latitude=round(latitude + float(rng.normal(0, 0.01)), 5),
            longitude=round(longitude + float(rng.normal(0, 0.01)), 5),
            timeZone=zone,
        ),
        warrantyUntil="2029-06-30",
    )
