"""The lines of `docs/service.md` work, and deployments start what the Makefile installs."""

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sayso.web.settings import Settings
from web.fake_recognizer import tone
from web.serving import Server, serving

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("--workers", "1", environment={"SAYSO_MODEL": "m5"}) as server:
        yield server


@pytest.mark.parametrize("line", LINES)
def test_the_line_works(line: str, server: Server, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        if os.environ.get("CI"):
            pytest.fail("the documents' lines need curl")
        pytest.skip("needs curl")
    for name in ("clip.wav", "other.wav"):
        (tmp_path / name).write_bytes(tone("up"))

    command = line.replace("http://127.0.0.1:4999", server.address).replace("curl", "curl -sS --fail", 1)
    ended = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert '"error"' not in ended.stdout
    assert ended.stdout or (tmp_path / "m5.onnx").stat().st_size > 100_000


def test_every_setting_is_told_of() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE)) | {
        name.lower() for name in re.findall(r"SAYSO_([A-Z_]+)", PAGE)
    }
    told |= set(re.findall(r"--([a-z]+)", PAGE))
    assert set(Settings.__dataclass_fields__) <= told


def test_containers_and_units_start_what_the_makefile_installs() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    unit = (ROOT / "deploy" / "sayso.service").read_text(encoding="utf-8")
    compose = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    trial = (ROOT / "deploy" / "try.sh").read_text(encoding="utf-8")

    assert "--constraint constraints.txt" in dockerfile
    assert "--constraint constraints.txt" in makefile
    extras = re.search(r"'\.\[([a-z,]+)\]'", dockerfile)
    assert extras is not None
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras[1].split(",")) <= set(known)
    assert extras[0] in trial  # which installs as the Dockerfile does
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)
    assert "sayso serve" in unit
    assert 'CMD ["sayso", "serve"]' in dockerfile
    for variable in re.findall(r"SAYSO_([A-Z_]+)", dockerfile + unit + compose):
        assert variable.lower() in Settings.__dataclass_fields__, variable
