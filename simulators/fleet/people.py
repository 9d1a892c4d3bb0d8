"""Who owns the simulated devices, and where they are. All of them are invented."""

import numpy as np

from simulators.breeds import Breed, Language
from simulators.enrolment import DeviceRequest, Owner, Place

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
    ("Oh Ji-won", "jiwon.oh", "ko"),
    ("Shin Eun-ji", "eunji.shin", "ko"),
    ("Emily Brown", "emily.brown", "en"),
    ("Hwang Jun-seo", "junseo.hwang", "ko"),
    ("Ito Sakura", "sakura.ito", "ja"),
    ("Song Ye-rin", "yerin.song", "ko"),
    ("Bae Tae-min", "taemin.bae", "ko"),
    ("Marta Novak", "marta.novak", "en"),
)


def roster(breed: Breed, count: int, tenant: str, seed: int) -> list[DeviceRequest]:
    """Write the enrolments of many devices of a breed.

    Parameters
    ----------
    breed
        What they are.
    count
        How many; they are called ev-0001 or mtr-0001 and so on.
    tenant
        Whose desk they report to.
    seed
        Decides models, firmware and exact places.

    Examples
    --------
    >>> from simulators.breeds import breed_of
    >>> [request.device for request in roster(breed_of("smart_meter"), 2, "hanbit", 7)]
    ['mtr-0001', 'mtr-0002']
    """
    return [
        _enrolment(breed, number, name, tenant, np.random.default_rng([seed, 2, number]))
        for number, name in enumerate(breed.names(count), start=1)
    ]


def _enrolment(breed: Breed, number: int, device: str, tenant: str, rng: np.random.Generator) -> DeviceRequest:
    round_, turn = divmod(breed.first_owner + number - 1, len(_OWNERS))
    name, address, language = _OWNERS[turn]
    homes = breed.homes[language]
    home = homes[(turn // 2 + round_) % len(homes)]
    suffix = f"{round_ + 1}" if round_ else ""
    return DeviceRequest(
        tenant=tenant,
        product=breed.product,
        serial=breed.serial.format(number),
        device=device,
        model=str(rng.choice(breed.models)),
        firmware=str(rng.choice(breed.firmwares)),
        owner=Owner(name=name, email=f"{address}{suffix}@owners.example", language=language, timeZone=home.zone),
        place=Place(
            name=home.name,
            latitude=round(home.latitude + float(rng.normal(0, 0.01)), 5),
            longitude=round(home.longitude + float(rng.normal(0, 0.01)), 5),
            timeZone=home.zone,
        ),
        warrantyUntil="2029-06-30",
    )
