"""Where settings come from beside the environment: a file in TOML, and a folder with one file a secret.

It knows names and places, not what a setting means. A name that nobody knows is an error with the nearest known one: a
setting that is misspelt and silently passed over would show itself in production only.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

from gateway.errors import SettingsError

ENVIRONMENT_PREFIX: Final = "CALLOUT_"
SETTINGS_FILE: Final = "settings_file"
SECRETS_DIR: Final = "secrets_dir"
# They say where to look, so they cannot stand in what is looked at.
PLACES: Final = (SETTINGS_FILE, SECRETS_DIR)

# Read by docker-compose, to make settings out of them; a file .env that is also sourced brings them here.
_OF_COMPOSE: Final = frozenset({"database_password", "public_host", "pages_subnet"})
# Read by the tests alone.
_OF_TESTS: Final = ("test_", "recordings", "meter_recordings")


def variable(name: str) -> str:
    """Return the environment variable of a setting.

    Examples
    --------
    >>> variable("http_port")
    'CALLOUT_HTTP_PORT'
    """
    return f"{ENVIRONMENT_PREFIX}{name.upper()}"


def unknown_variables(environment: Iterable[str], known: Collection[str]) -> list[str]:
    """Return a sentence for each variable that looks like a setting of ours and is none.

    Examples
    --------
    >>> unknown_variables([variable("http_prot"), variable("test_dsn"), "HOME"], ["http_port"])[0].partition("; ")[2]
    'did you mean CALLOUT_HTTP_PORT?'
    """
    names = {name: name.upper().removeprefix(ENVIRONMENT_PREFIX).lower() for name in sorted(environment)}
    ours = {name: word for name, word in names.items() if name.upper().startswith(ENVIRONMENT_PREFIX)}
    return [
        f"{name} in the environment is no setting{_nearest(word, known, variable)}"
        for name, word in ours.items()
        if word not in known and word not in _OF_COMPOSE and not word.startswith(_OF_TESTS)
    ]


def read_file(path: Path, known: Collection[str]) -> dict[str, object]:
    """Read a settings file: TOML, one line a setting, its name in small letters and without the prefix.

    Raises
    ------
    SettingsError
        The file cannot be read, is no TOML, or holds a key that is no setting; the message names file, line and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        message = f"the settings file {path} cannot be read: {why}. Correct it, or unset {variable(SETTINGS_FILE)}."
        raise SettingsError(message) from error
    allowed = [name for name in known if name not in PLACES]
    problems = [
        f"line {_line_of(key, text)}: {key!r} {_fault(key, allowed)}"
        for key in found
        if key not in allowed or isinstance(found[key], dict | list)
    ]
    if problems:
        message = f"the settings file {path} cannot be used: {'; '.join(problems)}. Correct it and start again."
        raise SettingsError(message)
    return found


def read_secrets(folder: Path, known: Collection[str]) -> dict[str, object]:
    """Read a folder of secrets as container engines mount it: each file ``callout_<name>`` holds one setting's value.

    Files of other names belong to others. A line end after the value is left out.

    Raises
    ------
    SettingsError
        The folder or a file of ours cannot be read, or a file is named like no setting.
    """
    allowed = [name for name in known if name not in PLACES]
    prefix = ENVIRONMENT_PREFIX.lower()
    try:
        files = {
            path.name.lower().removeprefix(prefix): path
            for path in sorted(folder.iterdir())
            if path.name.lower().startswith(prefix)
        }
        strange = [name for name in files if name not in allowed]
        if strange:
            told = "; ".join(
                f"{files[name]} is no setting{_nearest(name, allowed, prefix.__add__)}" for name in strange
            )
            message = f"secrets cannot be used: {told}. Rename the file and start again."
            raise SettingsError(message)
        return {name: path.read_text(encoding="utf-8").rstrip("\r\n") for name, path in files.items()}
    except (OSError, UnicodeDecodeError) as error:
        why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else "a file is no UTF-8 text"
        message = (
            f"the secrets in {folder} cannot be read ({why}). Make them readable for this process's account, "
            f"or unset {variable(SECRETS_DIR)}."
        )
        raise SettingsError(message) from error


def origin(name: str, environment: Collection[str], places: Mapping[str, Collection[str]]) -> str:
    """Say where a setting's value has come from: the first place that has it is the one that counts.

    Parameters
    ----------
    name
        The setting.
    environment
        Names of the variables, in capitals.
    places
        Names that were read, by the path of their place, in the order in which they count.

    Examples
    --------
    >>> origin("http_port", {"CALLOUT_HTTP_HOST"}, {"/etc/callout.toml": {"http_port"}})
    'http_port in /etc/callout.toml'
    """
    if variable(name) in environment:
        return variable(name)
    return next((f"{name} in {place}" for place, names in places.items() if name in names), variable(name))


def _fault(key: str, allowed: Collection[str]) -> str:
    if key in PLACES:
        return f"can only be set in the environment, as {variable(key)}"
    if key in allowed:
        return "is a table or a list; a setting is one value"
    return f"is no setting{_nearest(key, allowed, str)}"


def _nearest(word: str, known: Collection[str], shown: Callable[[str], str]) -> str:
    nearest = difflib.get_close_matches(word.lower(), sorted(known), n=1)
    return f"; did you mean {shown(nearest[0])}?" if nearest else "; `callout settings` lists them all"


def _line_of(key: str, text: str) -> int:
    """Return the number of the line that a key or table stands in; the first line for one that is written oddly."""
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if pattern.match(line)), 1)
