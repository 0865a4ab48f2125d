"""JavaScript outside a browser: what npm brings, or the reason why a test is skipped."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src" / "sayso" / "web" / "static"


def missing(what: str) -> None:
    """End the test: skipped for a stranger, failed in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"the tests of the page's scripts need {what}: `make test` fetches it with npm")
    pytest.skip(f"needs {what}: `make test` fetches it with npm")


def node() -> str:
    """Path of node."""
    path = shutil.which("node")
    if path is None:
        missing("node")
    assert path is not None
    return path


def package(name: str) -> Path:
    """A file or folder that `npm ci` puts into node_modules."""
    path = ROOT / "node_modules" / name
    if not path.exists():
        missing(name)
    return path


def engine() -> None:
    """Hold that the pages' own engine was fetched."""
    if not (STATIC / "ort" / "ort-wasm-simd-threaded.wasm").exists():
        missing("onnxruntime-web")


def run(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Run node; give what it printed, and fail with that where it fails."""
    done = subprocess.run(
        [node(), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
