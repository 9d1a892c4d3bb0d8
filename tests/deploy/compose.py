"""docker-compose.yml and Dockerfile as values, without an engine: interpolated as the specification says."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.settings import CHECKOUT

FILE = CHECKOUT / "docker-compose.yml"
OURS = ("migrate", "authority", "accounts", "ingest", "work", "serve", "enrol")
SECRETS = {
    "CALLOUT_DATABASE_PASSWORD": "d" * 40,
    "CALLOUT_DATABASE_INGEST_PASSWORD": "e" * 40,
    "CALLOUT_DATABASE_WORK_PASSWORD": "f" * 40,
    "CALLOUT_DATABASE_SERVE_PASSWORD": "g" * 40,
    "CALLOUT_INGEST_PASSWORD": "i" * 40,
    "CALLOUT_DESK_PASSWORD": "k" * 40,
    "CALLOUT_SECRET": "s" * 64,
    "CALLOUT_API_TOKEN": "t" * 40,
}
DOT_ENV = {"CALLOUT_PUBLIC_HOST": "localhost", **SECRETS}

_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:?[-?])([^}]*))?\})")


class UnsetError(Exception):
    """A variable without which the file is refused is not set."""


def interpolated(text: str, environment: Mapping[str, str]) -> str:
    """Put variables in: ``${X}``, ``${X:-default}``, ``${X:?why it is needed}``, and ``$$`` for a dollar."""

    def value(found: re.Match[str]) -> str:
        dollar, name, operator, word = found.groups()
        if dollar:
            return "$"
        given = environment.get(name, "")
        if given or operator is None:
            return given
        if operator == ":?":
            raise UnsetError(f"{name}: {word}")
        assert operator == ":-", found[0]
        return word

    return _VARIABLE.sub(value, text)


def load(environment: Mapping[str, str] = DOT_ENV) -> dict[str, Any]:
    """The compose file, its variables put into its scalars."""

    def walk(node: Any) -> Any:
        match node:
            case dict():
                return {key: walk(value) for key, value in node.items()}
            case list():
                return [walk(value) for value in node]
            case str():
                return interpolated(node, environment)
            case _:
                return node

    return walk(yaml.safe_load(FILE.read_text("utf-8")))


def in_order(services: Mapping[str, Any]) -> list[str]:
    """Services after those that they depend on."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for other in services[name].get("depends_on", {}):
                visit(other)
            order.append(name)

    for name in services:
        visit(name)
    return order


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their words, continued lines joined, comments left out."""
    lines = [
        line for line in (CHECKOUT / "Dockerfile").read_text("utf-8").splitlines() if not line.lstrip().startswith("#")
    ]
    text = "\n".join(lines).replace("\\\n", " ")
    parts = [line.partition(" ") for line in text.splitlines() if line.strip()]
    return [(keyword, words.strip()) for keyword, _, words in parts]


def image_environment() -> dict[str, str]:
    """Settings that the image brings along."""
    words = [word for keyword, rest in instructions() if keyword == "ENV" for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in words if word.startswith("CALLOUT_"))


def image_health_check() -> list[str]:
    """The command by which the image tells its health."""
    [check] = [rest for keyword, rest in instructions() if keyword == "HEALTHCHECK"]
    return json.loads(check.partition("CMD ")[2])


def deploy(name: str) -> Path:
    """A file of the folder `deploy`."""
    return CHECKOUT / "deploy" / name
