"""Numbers of rows in addresses and forms: from one up to what their column holds; what is beyond is nobody's."""

from typing import Annotated, Final

from fastapi import Path

LARGEST_INT: Final = 2**31 - 1
LARGEST_BIGINT: Final = 2**63 - 1
Number = Annotated[int, Path(ge=1, le=LARGEST_BIGINT)]
