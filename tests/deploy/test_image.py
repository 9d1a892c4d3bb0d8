"""The Dockerfile, without an engine: what it says is read, and what it copies and installs is done in a folder."""

import fnmatch
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings import CHECKOUT, ENVIRONMENT_PREFIX, Settings
from tests.deploy.compose import image_environment, image_health_check, instructions, load

# Whatever lies about on a developer's machine.
LITTER = (
    ".env",
    ".git/config",
    ".venv/bin/python",
    ".callout/secrets/signing",
    "tests/conftest.py",
    "deploy/Caddyfile",
)


def of(keyword: str) -> list[str]:
    return [words for each, words in instructions() if each == keyword]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage."""
    found: list[list[tuple[str, str]]] = []
    for keyword, words in instructions():
        if keyword == "FROM":
            found.append([])
        if found:
            found[-1].append((keyword, words))
    return found


def context(folder: Path) -> Iterator[Path]:
    """What .dockerignore leaves of the checkout, by the rule that the last pattern that fits decides."""
    patterns = [
        line
        for line in (CHECKOUT / ".dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or ".git" in path.parts:
            continue
        name = path.relative_to(folder).as_posix()
        ways = [name, *(parent.as_posix() for parent in Path(name).parents)]
        is_out = False
        for pattern in patterns:
            wanted = pattern.removeprefix("!").removeprefix("**/")
            fits = fnmatch.fnmatch(Path(name).name, wanted) or any(fnmatch.fnmatch(way, wanted) for way in ways)
            inside = pattern.startswith("**/") and wanted in Path(name).parts
            if fits or inside:
                is_out = not pattern.startswith("!")
        if not is_out:
            yield path.relative_to(folder)


def test_its_base_is_pinned_and_the_same_in_both_stages() -> None:
    [default] = [words for words in of("ARG") if words.startswith("PYTHON=")]
    assert re.fullmatch(r"PYTHON=3\.1[123]-slim-\w+", default)
    assert [words.split()[0] for words in of("FROM")] == ["python:${PYTHON}"] * 2


def test_it_runs_as_nobody_in_particular_and_ends_by_sigterm() -> None:
    last = stages()[-1]
    [user] = [words for keyword, words in last if keyword == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    after_user = [keyword for keyword, _ in last[last.index(("USER", user)) :]]
    assert not {"RUN", "COPY"} & set(after_user)
    assert of("ENTRYPOINT") == ['["callout"]']
    assert of("STOPSIGNAL") == ["SIGTERM"]


def test_the_broker_reads_what_is_written_by_the_same_number(services_user: str) -> None:
    assert [words for keyword, words in stages()[-1] if keyword == "USER"] == [services_user]


@pytest.fixture
def services_user() -> str:
    return load()["services"]["broker"]["user"]


def test_nothing_is_fetched_but_wheels_checked_by_their_hash() -> None:
    assert of("ADD") == []
    runs = " ".join(of("RUN"))
    assert not re.search(r"\b(curl|wget|git|apt-get|apk)\b", runs)
    assert "--require-hashes --only-binary=:all:" in runs
    assert not any(keyword == "RUN" and "pip" in words for keyword, words in stages()[-1])


def test_no_secret_is_built_in_and_every_setting_in_it_exists() -> None:
    names = {f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert set(image_environment()) <= names
    assert not [name for name in image_environment() if re.search("SECRET|TOKEN|PASSWORD|URL", name)]


def test_it_has_the_version_and_the_licence_of_the_project() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"VERSION={project['version']}" in of("ARG")
    assert f'org.opencontainers.image.licenses="{project["license"]}"' in " ".join(of("LABEL"))
    assert load()["services"]["serve"]["image"] == f"callout:{project['version']}"


def test_its_health_check_asks_whether_the_process_is_ready() -> None:
    assert "/readyz" in image_health_check()[-1]


def test_the_engine_is_sent_what_the_image_is_made_of_and_nothing_else(tmp_path: Path) -> None:
    for name in (
        *LITTER,
        "gateway/cli/app.py",
        "gateway/__pycache__/cli.pyc",
        "requirements.lock",
        "requirements-extras.lock",
        "requirements-dev.lock",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {path.as_posix() for path in context(tmp_path)} == {
        "gateway/cli/app.py",
        "requirements.lock",
        "requirements-extras.lock",
    }


def left_out() -> list[str]:
    """Modules of the packages that are taken out of the image again."""
    [packages] = re.findall(r"pip uninstall --yes ([\w -]+)", " ".join(of("RUN")))
    return [{"scikit-learn": "sklearn"}.get(name, name.replace("-", "_")) for name in packages.split()]


def test_what_is_copied_is_enough_to_run_every_command_of_a_container(tmp_path: Path) -> None:
    sent = set(context(CHECKOUT))
    for words in of("COPY"):
        if words.startswith("--from"):
            continue
        *sources, target = shlex.split(words)
        for source in sources:
            chosen = [path for path in sent if path.is_relative_to(source)]
            assert chosen, f"{source} is not sent to the engine"
            for path in chosen:
                place = tmp_path / target / (path.relative_to(source) if path != Path(source) else path.name)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CHECKOUT / path, place)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(tmp_path),
        "PYTHONSAFEPATH": "1",
    }
    for command in ("ingest", "work", "serve", "accounts", "migrate"):
        outcome = subprocess.run(
            [sys.executable, "-m", "gateway", command, "--help"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert outcome.returncode == 0, outcome.stderr
    modules = "gateway.ingest.run, gateway.work, gateway.serve, gateway.admission.accounts, dashboards.app, gateway.notices.run"
    absent = "; ".join(f"sys.modules[{name!r}] = None" for name in left_out())
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys; {absent}; import {modules}"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert loaded.returncode == 0, loaded.stderr


def test_the_extras_are_in_it_in_the_very_versions_that_were_tested() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = (CHECKOUT / "requirements-extras.lock").read_text("utf-8")
    tested = (CHECKOUT / "requirements-dev.lock").read_text("utf-8")
    pinned = [line.partition("==")[0] for line in extras.splitlines() if "==" in line]
    wanted = {re.split("[=><]", each)[0] for needs in project["optional-dependencies"].values() for each in needs}
    assert wanted <= set(pinned)
    assert [line for line in extras.splitlines() if line[0] != "#" and line.removesuffix(" \\") not in tested] == []
    assert "--requirement requirements-extras.lock" in " ".join(of("RUN"))
    # What they name and the image does not have is not loaded by what runs there.
    modules = "gateway.routing.child, gateway.ingest.kafka_sessions, vrplib"
    code = f"import sys; sys.modules['matplotlib'] = None; import {modules}"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr


def test_the_command_that_it_makes_hands_on_words_and_signals(tmp_path: Path) -> None:
    [line] = [words for words in of("RUN") if "printf" in words]
    [script] = re.findall(r"printf '([^']+)' > /venv/bin/callout", line)
    command = tmp_path / "callout"
    command.write_text(
        script.replace("\\n", "\n").replace(
            "/venv/bin/python -m gateway", f"{sys.executable} -c 'import sys; print(sys.argv[1:])'"
        )
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    assert subprocess.run([command, "a b", "c"], capture_output=True, text=True, check=True).stdout == "['a b', 'c']\n"
    assert "exec " in script


@pytest.mark.slow
@pytest.mark.skipif(
    "CALLOUT_TEST_IMAGE" not in os.environ, reason="installs 450 MB: set CALLOUT_TEST_IMAGE=1 to have it tried"
)
def test_its_installation_works_in_a_folder(tmp_path: Path) -> None:
    """The first stage's own commands, with another folder for /venv."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=300)
    [install] = [words for words in of("RUN") if "--require-hashes" in words]
    commands = install.replace("/venv/", f"{tmp_path}/venv/")
    for lock in ("requirements.lock", "requirements-extras.lock"):
        shutil.copy(CHECKOUT / lock, tmp_path)
    outcome = subprocess.run(
        ["sh", "-euc", commands], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=1200
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    helped = subprocess.run(
        [tmp_path / "venv/bin/python", "-m", "gateway", "--help"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert helped.returncode == 0, helped.stderr
    assert not (tmp_path / "venv/bin/pip").exists()
