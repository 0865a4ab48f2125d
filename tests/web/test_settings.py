from pathlib import Path

import pytest

from sayso.errors import SettingsError
from sayso.web import Settings


def test_defaults_stay_on_this_machine() -> None:
    settings = Settings.read(environment={})

    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 4999)


def test_environment_wins_over_file_and_argument_over_both(tmp_path: Path) -> None:
    file = tmp_path / "sayso.toml"
    file.write_text('host = "0.0.0.0"\nport = 1\nworkers = 2\nmax_seconds = 5', encoding="utf-8")

    settings = Settings.read(file, environment={"SAYSO_PORT": "3", "SAYSO_WORKERS": "4"}, port=5, host=None)

    assert settings == Settings(host="0.0.0.0", port=5, workers=4, max_seconds=5)


def test_environment_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "sayso.toml"
    file.write_text("max_bytes = 1000", encoding="utf-8")

    assert Settings.read(environment={"SAYSO_SETTINGS": str(file)}).max_bytes == 1000


def test_other_variables_are_left_alone() -> None:
    assert Settings.read(environment={"SAYSO_DATA": "somewhere", "HOST": "elsewhere"}) == Settings()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("port", "65536"),
        ("port", "-1"),
        ("port", "http"),
        ("host", " "),
        ("model", ""),
        ("max_bytes", "0"),
        ("max_bytes", "1e6"),
        ("max_seconds", "0"),
        ("max_seconds", "nan"),
        ("max_seconds", "long"),
        ("workers", "0"),
    ],
)
def test_a_wrong_variable_is_named(key: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"`{key}` must be "):
        Settings.read(environment={f"SAYSO_{key.upper()}": text})


@pytest.mark.parametrize(
    "line", ['port = "4999"', "port = true", "workers = 1.5", "host = 127", "max_seconds = []"]
)
def test_a_wrong_kind_in_the_file_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "sayso.toml"
    file.write_text(line, encoding="utf-8")

    with pytest.raises(SettingsError, match=f"`{line.split()[0]}` must be "):
        Settings.read(file, environment={})


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"prot = 1", "no setting 'prot'.*port"), (b"port 1", "not valid TOML"), (b"\xff", "not valid TOML")],
)
def test_a_wrong_file_is_explained(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "sayso.toml"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=message):
        Settings.read(file, environment={})


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml cannot be read: No such file"):
        Settings.read(tmp_path / "absent.toml", environment={})
