"""How far diagnoses of the product type `smart_meter` are to be believed.

Made by ``python -m tests.devices.products.reliability smart_meter``, from simulated devices alone.
"""

from typing import Final

from devices.reliability import Bin, Reliability, repeated

RELIABILITY: Final = Reliability(
    version="simulated-20261123",
    made_of="718 first diagnoses of simulated devices, 12 of each kind and strength",
    temperature=1.0,
    coverage=0.9,
    scores=repeated(
        (
            (0.00075, 8),
            (0.0009, 11),
            (0.00513, 21),
            (0.00553, 5),
            (0.0071, 5),
            (0.00928, 12),
            (0.02038, 12),
            (0.02098, 4),
            (0.02236, 9),
            (0.02725, 4),
            (0.02986, 11),
            (0.04307, 2),
            (0.04669, 7),
            (0.05073, 10),
            (0.05458, 8),
            (0.06342, 18),
            (0.07096, 15),
            (0.0804, 15),
            (0.09768, 2),
            (0.13874, 3),
            (0.15029, 24),
            (0.18829, 3),
            (0.20793, 3),
            (0.35746, 21),
            (0.42131, 6),
        )
    ),
    held_out=0.9582,
    table=(
        Bin(25, 0.617, 1.0),
        Bin(5, 0.7921, 1.0),
        Bin(31, 0.8488, 1.0),
        Bin(78, 0.9381, 1.0),
        Bin(100, 0.9888, 1.0),
    ),
)
