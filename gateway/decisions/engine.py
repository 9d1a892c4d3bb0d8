"""The engine: which program decides, by its version and by a hash over the code that detects, diagnoses and decides."""

import hashlib
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from importlib.resources.abc import Traversable
from typing import Final

import numpy as np

from gateway.settings import CHECKOUT

# What a decision passes through; products are in their tables, which a receipt names apart, and in their functions.
_PACKAGES: Final = ("devices", "diagnostics", "workflows")


@cache
def software() -> dict[str, str]:
    """Return what a receipt says of the program: its version, the hash of its engine, and numpy's version."""
    engine = hashlib.sha256()
    for package in _PACKAGES:
        for name, content in _sources(resources.files(package), package):
            engine.update(f"{name}\0{len(content)}\0".encode())
            engine.update(content)
    return {"version": _version(), "engine_sha256": engine.hexdigest(), "numpy": np.__version__}


def _version() -> str:
    try:
        return version("callout")
    except PackageNotFoundError:
        # A checkout that is started by its script is not installed; the file that says it lies there.
        project = CHECKOUT / "pyproject.toml"
        return str(tomllib.loads(project.read_text("utf-8"))["project"]["version"]) if project.exists() else "unknown"


def _sources(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        name = f"{path}/{entry.name}"
        if entry.is_dir():
            yield from _sources(entry, name)
        elif name.endswith(".py"):
            yield name, entry.read_bytes()
