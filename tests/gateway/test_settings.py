"""Settings come from the environment, a folder of secrets and a file, in this order; a name nobody knows is told."""

from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings import Settings, as_environment, load_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file that the environment names."""
    path = tmp_path / "callout.toml"
    path.write_text('# ours\nhttp_port = 8099\nlog_level = "DEBUG"\n\nsmtp_url = "smtp://mail.example"\n')
    monkeypatch.setenv("CALLOUT_SETTINGS_FILE", str(path))
    return path


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of secrets as an engine mounts it, with somebody else's in it."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "callout_api_token").write_text("a-token-of-the-folder\n")
    (folder / "grafana_password").write_text("not ours")
    monkeypatch.setenv("CALLOUT_SECRETS_DIR", str(folder))
    return folder


def told() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_a_settings_file_sets_what_the_environment_does_not(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLOUT_LOG_LEVEL", "ERROR")
    settings = load_settings()
    assert (settings.http_port, settings.log_level, settings.smtp_url) == (8099, "ERROR", "smtp://mail.example")
    assert settings.settings_file == file


def test_a_secret_of_the_folder_counts_before_the_file_and_after_the_environment(
    file: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('api_token = "of-the-file"\nsecret = "a-key-of-the-file-with-thirty-two-signs"\n')
    settings = load_settings()
    assert settings.api_token.get_secret_value() == "a-token-of-the-folder"
    assert settings.secret.get_secret_value() == "a-key-of-the-file-with-thirty-two-signs"
    monkeypatch.setenv("CALLOUT_API_TOKEN", "of-the-environment")
    assert load_settings().api_token.get_secret_value() == "of-the-environment"


def test_what_a_child_process_is_handed_on_makes_the_same_settings(
    file: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_an_empty_place_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLOUT_SETTINGS_FILE", "")
    monkeypatch.setenv("CALLOUT_SECRETS_DIR", "")
    settings = load_settings()
    assert (settings.settings_file, settings.secrets_dir) == (None, None)


def test_a_misspelt_variable_is_told_with_the_nearest_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLOUT_HTTP_PROT", "8080")
    monkeypatch.setenv("CALLOUT_XYLOPHONE", "1")
    message = told()
    assert "CALLOUT_HTTP_PROT in the environment is no setting; did you mean CALLOUT_HTTP_PORT?" in message
    assert "CALLOUT_XYLOPHONE in the environment is no setting; `callout settings` lists them all" in message


def test_variables_of_the_tests_and_of_the_compose_file_are_known_not_to_be_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("CALLOUT_TEST_DSN", "CALLOUT_RECORDINGS", "CALLOUT_DATABASE_PASSWORD", "CALLOUT_PUBLIC_HOST"):
        monkeypatch.setenv(name, "here")
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# a comment\nhttp_prot = 1\n", "line 2: 'http_prot' is no setting; did you mean http_port?"),
        ('\n[broker]\nurl = "mqtt://b"\n', "line 2: 'broker' is no setting"),
        ('settings_file = "other.toml"\n', "line 1: 'settings_file' can only be set in the environment"),
        ("http_port = \n", "(at line 1, column 13)"),
        ("http_port = [1]\n", "line 1: 'http_port' is a table or a list"),
        ("http_port = 0\n", "http_port in "),
        ('broker_url = "http://u:geheim@b"\n', "broker_url in "),
    ],
)
def test_a_settings_file_that_cannot_be_used_is_told_by_file_line_and_key(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    message = told()
    assert said in message
    assert str(file) in message
    assert "geheim" not in message


def test_a_settings_file_that_is_not_there_is_told(file: Path) -> None:
    file.unlink()
    assert f"the settings file {file} cannot be read: No such file" in told()


def test_a_secret_named_like_no_setting_is_told_without_its_value(secrets: Path) -> None:
    (secrets / "callout_api_tocken").write_text("geheim")
    message = told()
    assert "callout_api_tocken is no setting; did you mean callout_api_token?" in message
    assert "geheim" not in message


def test_a_folder_of_secrets_that_is_not_there_is_told(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLOUT_SECRETS_DIR", str(secrets / "absent"))
    assert "absent: No such file" in told()


@pytest.mark.parametrize("address", ["proxy", "10.0.0.1/8", "", "*"])
def test_a_trusted_proxy_is_an_address_or_a_network(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLOUT_TRUSTED_PROXIES", f"127.0.0.1,{address}")
    assert "CALLOUT_TRUSTED_PROXIES: Value error" in told()
