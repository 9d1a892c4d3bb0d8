"""The calendar of a place in a tenant's file: whose public holidays a centre or a supplier keeps."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from gateway.storage.calendars import public_holidays


class CalendarIn(BaseModel):
    """ISO 3166-1 alpha 2, and its part (ISO 3166-2 without the country); with neither, no public holidays are known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2})?$")] = ""
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{0,8}$")] = ""

    @model_validator(mode="after")
    def _has_known_holidays(self) -> Self:
        if self.region and not self.country:
            raise ValueError(f"region {self.region!r} has no country: name the country too")
        public_holidays(self.country, self.region, 2026)
        return self
