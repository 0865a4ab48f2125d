"""The lines of `docs/service.md` work, and it tells of every setting."""

import os
import re
import shutil
import subprocess
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
