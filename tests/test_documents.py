"""The documents say what is there, all of it, and nothing that is not: what is missing in them fails here."""

import os
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer
from fastapi.routing import APIRoute
from pydantic import SecretStr

from dashboards.app import create
from devices.products import product_types
from gateway.cli.app import app as command_line
from gateway.settings import CHECKOUT, ENVIRONMENT_PREFIX, Settings
from simulators.fleet.command import fleet
from simulators.replay.command import replay

FLOORS = ("dashboards", "devices", "diagnostics", "gateway", "simulators", "workflows")
TOP = (
    "README.md", "ARCHITECTURE.md", "FOR_DEVICE_MAKERS.md", "ADD_A_PRODUCT.md", "GLOSSARY.md", "DECISIONS.md", "CHANGELOG.md",
)  # fmt: skip
LEFT_BEHIND = {".git", ".venv", ".callout", ".hypothesis", ".pytest_cache", ".ruff_cache", ".import_linter_cache", "__pycache__", "node_modules"}  # fmt: skip
STEPS = ("receive", "decode", "derive", "detect", "diagnose", "triage", "offer", "confirm")
VOCABULARY = {
    "Device", "ProductType", "Signal", "Reading", "Rejection", "Feature", "Monitor", "Symptom", "FaultCode", "Fault",
    "Severity", "Diagnosis", "Hypothesis", "Remedy", "Mandate", "ServiceRequest", "Case", "Incident", "Part", "StockLevel",
    "Reservation", "ServiceCentre", "Technician", "Bay", "TimeSlot", "Offer", "Appointment", "Finding", "Proof", "Promise",
    "Notice", "Owner", "Planner",
}  # fmt: skip


@cache
def files() -> tuple[Path, ...]:
    """Everything that belongs to the project, in order."""
    found: list[Path] = []
    for folder, subfolders, names in os.walk(CHECKOUT):
        subfolders[:] = sorted(set(subfolders) - LEFT_BEHIND)
        found += [Path(folder, name) for name in sorted(set(names) - LEFT_BEHIND)]
    return tuple(found)


@cache
def read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def top(name: str) -> str:
    return read(CHECKOUT / name)


def documents() -> list[Path]:
    return [path for path in files() if path.suffix == ".md"]


def sources() -> Iterator[Path]:
    return (path for path in files() if path.suffix == ".py" and path.relative_to(CHECKOUT).parts[0] in FLOORS)


def migrations() -> list[Path]:
    return sorted(Path(str(resources.files("gateway.storage.migrations"))).glob("*.sql"))


def code_words(text: str) -> set[str]:
    """Whatever stands between backticks in running text."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))


def shown(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


# ------------------------------------------------------------------ the glossary


def glossary_rows() -> dict[str, list[str]]:
    """Terms of the glossary with the other cells of their rows."""
    rows = [line[1:-1].split("|") for line in top("GLOSSARY.md").splitlines() if line.startswith("| ")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows if row[0].strip() != "term"}


@cache
def classes() -> frozenset[str]:
    return frozenset(name for path in sources() for name in re.findall(r"^class (\w+)", read(path), re.MULTILINE))


@cache
def tables() -> frozenset[str]:
    found: set[str] = set()
    for path in migrations():
        found |= set(re.findall(r"^CREATE (?:TABLE|VIEW) (\w+)", read(path), re.MULTILINE))
        for old, new in re.findall(r"^ALTER TABLE (\w+) RENAME TO (\w+)", read(path), re.MULTILINE):
            found = found - {old} | {new}
    return frozenset(found)


def test_the_glossary_has_every_word_of_the_vocabulary() -> None:
    assert VOCABULARY - set(glossary_rows()) == set()


def test_every_term_of_the_glossary_is_carried_by_a_class_or_table_that_exists() -> None:
    for term, (*_, carried_by) in glossary_rows().items():
        names = re.findall(r"`(\w+)`", carried_by)
        if len(glossary_rows()[term]) == 3 and carried_by != "the library":
            assert names, f"{term} is carried by nothing: {carried_by!r}"
            missing = [name for name in names if name not in (classes() if name[0].isupper() else tables())]
            assert not missing, f"{term}: {missing} is neither a class nor a table"


def test_words_kept_for_later_are_not_carried_yet() -> None:
    later = {term for term, cells in glossary_rows().items() if len(cells) == 1}
    assert later
    there = {term for term in later if term in classes() or term.lower() in tables()}
    assert not there, f"{there} exist now: move them to their part of the glossary"


def test_every_table_of_the_desk_is_in_the_glossary() -> None:
    named = set(re.findall(r"`(\w+)`", top("GLOSSARY.md") + top("ARCHITECTURE.md")))
    assert [name for name in sorted(tables() - named) if not is_of_a_product(name)] == []


# ------------------------------------------------------------------ what there is, is named


def test_every_product_has_a_readme_and_the_top_readme_links_to_it() -> None:
    for name in product_types():
        assert f"](devices/products/{name}/README.md)" in top("README.md"), name


def is_of_a_product(name: str) -> bool:
    """Whether a table or a migration follows from a product's folder alone, as `callout draft-migration` names them."""
    products = "|".join(product_types())
    return bool(re.fullmatch(rf"({products})_(reading|hour)(_seen)?|[0-9]{{4}}_({products})(_signals)?", name))


def test_every_migration_is_named_in_the_architecture() -> None:
    for path in migrations():
        assert is_of_a_product(path.stem) or f"[{path.stem}](" in top("ARCHITECTURE.md"), path.name


def commands() -> dict[str, set[str]]:
    """Commands with their options; those that hand their words on, with those of whom they hand them to."""
    made = typer.main.get_command(command_line)
    found = {name: options(command) for name, command in getattr(made, "commands").items()}  # noqa: B009
    for name, street in (("simulate", fleet), ("replay", replay)):
        alone = typer.Typer(add_completion=False)
        alone.command()(street)
        found[name] |= options(typer.main.get_command(alone))
    return found


def options(command: object) -> set[str]:
    parameters: Iterable[object] = getattr(command, "params")  # noqa: B009
    return {option for parameter in parameters for option in getattr(parameter, "opts")} | {"--help"}  # noqa: B009


def called() -> Iterator[tuple[str, str]]:
    """Every call of the start script in a document: its path, and the words after `callout`."""
    for path in documents():
        text = read(path).replace("\\\n", " ")
        blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
        for words in re.findall(r"\./callout ([^\n#]+)", blocks):
            yield shown(path), words
        for words in re.findall(r"`(?:\./)?callout ([^`\n]+)`", text):
            yield shown(path), words


def test_every_command_is_in_the_readme() -> None:
    named = {words.split()[0] for path, words in called() if path == "README.md"}
    assert set(commands()) - named == set()


def test_every_call_in_a_document_is_of_a_command_with_options_that_exist() -> None:
    known = commands()
    calls = list(called())
    assert len(calls) > 15
    for path, words in calls:
        name, *rest = shlex.split(words)
        assert name in known or name == "X", f"{path}: there is no `callout {name}`"
        unknown = [word for word in rest if word.startswith("--") and word not in known[name]]
        assert not unknown, f"{path}: `callout {name}` has no {unknown}"


def test_files_that_the_readme_s_commands_name_exist() -> None:
    for path, words in called():
        for word in shlex.split(words):
            if word.partition("/")[0] in FLOORS:
                assert (CHECKOUT / word).exists(), f"{path}: {word}"


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(CALLOUT_\w+)` \| (.*?) \|", top("README.md"), re.MULTILINE))
    wanted = {f"{ENVIRONMENT_PREFIX}{name.upper()}": field for name, field in Settings.model_fields.items()}
    assert set(rows) == set(wanted)
    for name, field in wanted.items():
        if isinstance(field.default, str | int) and field.default and name != "CALLOUT_DATA_DIR":
            assert f"`{field.default}`" in rows[name], f"{name}: {rows[name]} is not the default {field.default}"


def test_every_setting_that_is_named_anywhere_exists() -> None:
    known = {f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in Settings.model_fields}
    # Variables that docker-compose reads itself, to make settings out of them.
    known |= {"CALLOUT_DATABASE_PASSWORD", "CALLOUT_PUBLIC_HOST", "CALLOUT_PAGES_SUBNET"}
    for path in [*documents(), CHECKOUT / "docker-compose.yml", *sources()]:
        named = set(re.findall(r"\bCALLOUT_[A-Z][A-Z_]*[A-Z]\b", read(path)))
        assert named <= known, f"{shown(path)}: {named - known}"


def routes(of: object) -> Iterator[APIRoute]:
    """Every route of an application, those of its routers among them."""
    for route in getattr(of, "routes", ()):
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from routes(getattr(route, "original_router", None))


def test_every_http_route_is_in_the_readme() -> None:
    application = create(Settings(secret=SecretStr("x" * 40), database_url="postgresql://nobody@localhost/none"))
    found = {(method, route.path) for route in routes(application) for method in route.methods or ()}
    assert len(found) > 15
    text = top("README.md").replace("`.../", "`POST /planner/requests/{request_id}/")
    named = set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`\s]*)`", text))
    assert sorted(found - named) == []
    assert sorted(named - found) == [("GET", "/openapi.json")]


def test_every_step_of_the_journey_is_told_in_its_order() -> None:
    assert " → ".join(STEPS) in top("ARCHITECTURE.md")
    for step in STEPS:
        assert re.search(rf"^\| {step} \|", top("ARCHITECTURE.md"), re.MULTILINE), step
        assert step in top("README.md"), step
    journey = read(CHECKOUT / "gateway" / "journey.py")
    told = [re.search(rf"\b{step}\b", journey) for step in STEPS]
    places = [found.start() for found in told if found]
    assert len(places) == len(STEPS)
    assert places == sorted(places), "gateway/journey.py names the steps in another order"


def test_every_package_has_a_place_on_the_map() -> None:
    linked = re.findall(r"\]\(([^)#]+)", top("ARCHITECTURE.md"))
    for package in sorted({path.parent for path in sources() if path.name == "__init__.py"}):
        place = shown(package)
        assert any(link == place or link.startswith(f"{place}/") for link in linked), f"{place} is not on the map"


def test_every_constraint_that_the_architecture_promises_is_in_the_schema() -> None:
    section = top("ARCHITECTURE.md").split("## What can never happen")[1].split("\n## ")[0]
    schema = "\n".join(read(path) for path in migrations())
    names = {word for word in code_words(section) if re.fullmatch(r"[a-z]+(_[a-z]+){2,}", word)}
    assert len(names) > 10
    assert {name for name in names if not re.search(rf"\b{name}\b", schema)} == set()


def test_every_exclusion_and_unique_index_is_promised_in_the_architecture() -> None:
    schema = "\n".join(read(path) for path in migrations())
    named = code_words(top("ARCHITECTURE.md"))
    one_only = re.findall(r"CREATE UNIQUE INDEX (one_\w+)", schema) + re.findall(r"CONSTRAINT (\w+)\s+EXCLUDE", schema)
    assert one_only
    # What concerns one table alone may stay in the schema; what a person would be hurt by is told.
    assert [name for name in one_only if name not in named and name != "one_open_case_per_request_and_queue"] == []


def test_every_dependency_has_its_reason_among_the_decisions() -> None:
    wanted: list[str] = tomllib.loads(top("pyproject.toml"))["project"]["dependencies"]
    for requirement in wanted:
        found = re.match(r"[\w.-]+", requirement)
        assert found is not None
        assert f"`{found[0]}`" in top("DECISIONS.md"), f"{found[0]}: DECISIONS.md does not say why"


def test_every_decision_has_a_date() -> None:
    entries = re.findall(r"^\*\*(.*?)\*\*", top("DECISIONS.md"), re.MULTILINE)
    assert len(entries) > 25
    assert [entry for entry in entries if not re.match(r"20\d\d-\d\d-\d\d \S", entry)] == []


def test_the_changelog_has_the_version_of_the_project() -> None:
    version: str = tomllib.loads(top("pyproject.toml"))["project"]["version"]
    assert f"## [{version}]" in top("CHANGELOG.md")


# ------------------------------------------------------------------ what is named, is there


@pytest.mark.parametrize("path", [pytest.param(path, id=shown(path)) for path in documents()])
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", read(path), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    for link in links:
        if urlsplit(link).scheme:
            assert link.startswith("https://"), link
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        assert target.exists(), link
        assert target.is_relative_to(CHECKOUT), link
        assert not anchor or anchor in headings(target), link


def headings(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)", read(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_documents_at_the_top_are_those_that_a_reader_expects() -> None:
    assert {path.name for path in documents() if path.parent == CHECKOUT} == set(TOP)
    assert {name for name in TOP if f"]({name})" not in top("README.md")} == {"README.md"}


# ------------------------------------------------------------------ the project speaks of itself alone


def private_hosts() -> set[str]:
    """Hosts of package registries that this machine alone is told of."""
    given = [
        value for name, value in os.environ.items() if re.search(r"(INDEX_URL|REGISTRY|FIND_LINKS)$", name.upper())
    ]
    hosts = {urlsplit(word).hostname or "" for value in given for word in value.split()}
    return {host for host in hosts if "." in host} - {"pypi.org", "registry.npmjs.org"}


MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:home/\w|Users/\w|root/\w|work/\w|opt/(?!homebrew)\w|mnt/\w)")


def test_no_file_holds_a_path_of_somebody_s_machine_or_a_private_registry() -> None:
    hosts = private_hosts()
    for path in files():
        text = read(path)
        found = MACHINE_PATH.search(text)
        assert found is None, f"{shown(path)}: {text[found.start() : found.start() + 60]!r}"
        assert not [host for host in hosts if host in text], f"{shown(path)} names a private registry"
        if len(CHECKOUT.parts) > 2:
            assert str(CHECKOUT) not in text, f"{shown(path)} names this checkout"


def test_lock_files_name_packages_and_hashes_and_no_place_to_get_them_from() -> None:
    locks = [path for path in files() if path.suffix == ".lock"]
    assert len(locks) >= 2
    for path in locks:
        assert "://" not in read(path), shown(path)
        assert "--index-url" not in read(path), shown(path)
        assert not re.search(r"^[\w.-]+(\[\w+\])?==[^\\\n]*$", read(path), re.MULTILINE), f"{shown(path)}: without hash"
