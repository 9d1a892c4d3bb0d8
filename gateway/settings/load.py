"""Settings are read once, from the environment and the places that it names, and handed on to child processes."""

import os
from pathlib import Path

from pydantic import SecretStr, ValidationError

from gateway.errors import SettingsError
from gateway.settings.model import Settings
from gateway.settings.sources import (
    ENVIRONMENT_PREFIX,
    SECRETS_DIR,
    SETTINGS_FILE,
    origin,
    read_file,
    read_secrets,
    unknown_variables,
    variable,
)


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that make a child process read just these settings."""
    variables: dict[str, str] = {}
    for name in Settings.model_fields:
        value: object = getattr(settings, name)
        shown = value.get_secret_value() if isinstance(value, SecretStr) else value
        # An empty variable would be read as a path, not as an unset one.
        if shown is not None:
            variables[f"{ENVIRONMENT_PREFIX}{name.upper()}"] = str(shown)
    return variables


def load_settings() -> Settings:
    """Read the settings from the environment, and from the places that it names.

    Raises
    ------
    SettingsError
        A value cannot be used, or a name is no setting; the message names each one, where it stands, and what was
        expected.
    """
    known = Settings.model_fields
    present = {name.upper() for name in os.environ}
    problems = unknown_variables(os.environ, known)
    named = {name: _place(name) for name in (SECRETS_DIR, SETTINGS_FILE)}
    readers = {SECRETS_DIR: read_secrets, SETTINGS_FILE: read_file}
    places = {str(path): readers[name](path, known) for name, path in named.items() if path is not None}
    given = {name: value for place in reversed(places.values()) for name, value in place.items()}
    try:
        settings = Settings(**{name: value for name, value in given.items() if variable(name) not in present})  # pyright: ignore[reportArgumentType]  # the model checks them
    except ValidationError as error:
        problems += [
            f"{origin(str(problem['loc'][0]), present, places)}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        settings = None
    if problems or settings is None:
        message = f"settings cannot be used: {'; '.join(problems)}. Correct or unset them and start again."
        raise SettingsError(message)
    return settings.model_copy(update={"data_dir": settings.data_dir.expanduser().absolute(), **named})


def _place(name: str) -> Path | None:
    """Return the absolute path in a variable; None for one that is empty or not there."""
    place = os.environ.get(variable(name), "")
    return Path(place).expanduser().absolute() if place else None
