"""The house rules that a reader should be able to rely on."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
ROOMS = sorted(SOURCE.rglob("*.py"))

# Who may import what, besides the standard library and NumPy. A room not named imports none of these.
GUESTS = {
    "torch": ("sayso/training/",),
    "onnx": ("sayso/training/",),
    "flask": ("sayso/web/",),
    "onnxruntime": ("sayso/recognizer.py",),
    "click": ("sayso/cli/",),
    "soundfile": ("sayso/audio.py", "sayso/audio_stream.py", "sayso/evaluation/codecs.py"),
    "sounddevice": ("sayso/microphone.py",),
    "av": ("sayso/audio_ffmpeg.py", "sayso/evaluation/codecs.py"),
    "matplotlib": (
        "sayso/evaluation/report_plots.py",
        "sayso/evaluation/listening_plot.py",
        "sayso/training/compare.py",
    ),
}

# Floors of the house: a room imports only from floors below its own, or from its own wing.
FLOORS = [
    {"sayso.errors"},
    {"sayso.audio_ffmpeg"},
    {"sayso.audio", "sayso.card"},
    {"sayso.audio_stream", "sayso.decision", "sayso.microphone"},
    {"sayso.listener", "sayso.recognizer"},
    {"sayso.listening"},
    {"sayso.live"},
    {"sayso.evaluation"},
    {"sayso.teaching"},
    {"sayso.training", "sayso.web"},
    {"sayso.cli"},
]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import cannot be read as a floor plan"
            assert node.module is not None
            yield from (f"{node.module}.{name.name}" for name in node.names)


def floor(module: str) -> tuple[int, str]:
    for level, rooms in enumerate(FLOORS):
        for room in rooms:
            if module == room or module.startswith(room + "."):
                return level, room
    return -1, module  # the package itself


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


@pytest.mark.parametrize("path", ROOMS, ids=module_of)
def test_guests_enter_only_their_own_rooms(path: Path) -> None:
    place = str(path.relative_to(SOURCE))
    for name in imports(path):
        allowed = GUESTS.get(name.split(".")[0])
        assert allowed is None or place.startswith(allowed), f"{place} imports {name}"


@pytest.mark.parametrize(
    "path", [room for room in ROOMS if room.parent.name != "sayso" or room.stem[0] != "_"]
)
def test_imports_point_down(path: Path) -> None:
    own_level, own_room = floor(module_of(path))
    for name in imports(path):
        if name.startswith("sayso."):
            level, room = floor(name)
            assert level < own_level or room == own_room, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", ROOMS, ids=module_of)
def test_no_file_is_two_rooms(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_listening_loads_no_torch() -> None:
    code = "import sayso, sayso.web, sayso.cli, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
