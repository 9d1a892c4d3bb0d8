"""Arrays as parameters: the text of a whole array at once, which costs a tenth of a call for each element."""

from collections.abc import Sequence

import numpy as np

from devices.readings import IntArray


def int_array(numbers: IntArray | Sequence[int | None]) -> str:
    """Return whole numbers as the text of a PostgreSQL array, to be cast to int[] or bigint[]; None stands for NULL.

    >>> int_array([1, None, -3])
    '{1,NULL,-3}'
    """
    listed: list[int | None] = numbers.tolist() if isinstance(numbers, np.ndarray) else list(numbers)
    return "{" + str(listed)[1:-1].replace(" ", "").replace("None", "NULL") + "}"
