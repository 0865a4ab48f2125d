"""What no container runs here is at least held to what is tried, and to the settings that exist."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from sayso.web import Settings

ROOT = Path(__file__).parent.parent
DOCKERFILE, TRIED = ROOT / "Dockerfile", ROOT / "deploy" / "try.sh"
COMPOSE, UNIT = ROOT / "deploy" / "compose.yaml", ROOT / "deploy" / "sayso.service"


def joined(file: Path) -> str:
    return file.read_text(encoding="utf-8").replace("\\\n", " ")


def test_the_container_is_made_as_what_is_tried() -> None:
    def install(text: str) -> list[str]:
        found = re.search(r"pip install (.*)", text)
        assert found
        return [word for word in found[1].split() if word != "--quiet"]

    made, tried = joined(DOCKERFILE), joined(TRIED)
    assert install(made) == install(tried)
    assert "--constraint constraints.txt" in joined(ROOT / "Makefile")
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"'\.\[([a-z,]+)\]'", made)[0].split(",")
    assert set(extras) <= set(known["optional-dependencies"])
    copied = re.findall(r"^COPY (?!--from|package)(.+) \S+$", made, re.MULTILINE)
    assert " ".join(copied).split() == re.findall(r"cp -R (.+) \"\$place/source\"", tried)[0].split()


@pytest.mark.parametrize("file", [DOCKERFILE, COMPOSE, UNIT], ids=lambda file: file.name)
def test_the_settings_that_are_named_can_be_used(file: Path) -> None:
    found = dict(re.findall(r"\b(SAYSO_[A-Z_]+)(?:=|: )(\S+)", file.read_text(encoding="utf-8")))

    assert found
    settings = Settings.read(environment=found)
    for name in found:
        assert hasattr(settings, name.removeprefix("SAYSO_").lower())


def test_the_server_is_started_and_not_by_root() -> None:
    made, unit = joined(DOCKERFILE), UNIT.read_text(encoding="utf-8")

    assert re.search(r"^USER (?!root)", made, re.MULTILINE)
    assert 'CMD ["sayso", "serve"]' in made
    assert "bin/sayso serve" in unit
    assert "DynamicUser=yes" in unit


def test_prometheus_and_the_health_check_ask_where_the_server_listens() -> None:
    made = joined(DOCKERFILE)
    port = re.findall(r"SAYSO_PORT=(\d+)", made)[0]

    assert f"127.0.0.1:{port}/healthz" in made
    assert f"EXPOSE {port}" in made
    assert f":{port}" in COMPOSE.read_text(encoding="utf-8")
    assert f"sayso:{port}" in (ROOT / "deploy" / "prometheus.yaml").read_text(encoding="utf-8")


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/sayso/bin/sayso", "/bin/true"))

    ended = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, timeout=60)

    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")
