"""How far diagnoses of the product type `electric_vehicle` are to be believed.

Made by ``python -m tests.devices.products.reliability electric_vehicle``, from simulated devices alone.
"""

from typing import Final

from devices.reliability import Bin, Reliability, repeated

RELIABILITY: Final = Reliability(
    version="simulated-20261123",
    made_of="420 first diagnoses of simulated devices, 12 of each kind and strength",
    temperature=1.0,
    coverage=0.9,
    scores=repeated(
        (
            (0.00248, 2),
            (0.00513, 27),
            (0.00622, 10),
            (0.00991, 5),
            (0.01582, 8),
            (0.01868, 34),
            (0.03149, 4),
            (0.07371, 10),
            (0.08522, 1),
            (0.09602, 4),
            (0.13859, 8),
            (0.17354, 12),
            (0.24506, 3),
            (0.36891, 1),
            (0.45252, 2),
            (0.87249, 7),
            (0.91031, 2),
        )
    ),
    held_out=0.9214,
    table=(
        Bin(6, 0.5519, 0.3333),
        Bin(6, 0.7575, 0.1667),
        Bin(12, 0.8503, 1.0),
        Bin(12, 0.9303, 1.0),
        Bin(104, 0.9887, 1.0),
    ),
)
