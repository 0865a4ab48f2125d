import io
import json
import os
import pty
import signal
import subprocess
import sys
import tracemalloc
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from sayso import audio
from sayso.audio_stream import read_file, read_raw
from sayso.cli import main
from sayso.errors import AudioError, AudioOutOfBounds, AudioTooLong, EmptyAudio, NotAudio
from sayso.listener import Detection
from sayso.live import LiveLine, Programs, meter
from sure_words import RATE, sure_words

Array = NDArray[np.float32]
WORDS = ("left", "yes", "stop", "five", "happy", "cat")


def run(*arguments: object, **more: Any) -> Result:
    return CliRunner().invoke(main, ["listen", *map(str, arguments)], **more)


@pytest.fixture(scope="module")
def speech(speech_commands: Path) -> Array:
    return sure_words(speech_commands, WORDS)


@pytest.fixture(scope="module")
def recording(speech: Array, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("listen") / "words.wav"
    path.write_bytes(audio.encode_wav(speech, RATE))
    return path


def test_the_words_of_a_file_come_as_json_lines(recording: Path) -> None:
    result = run("--file", recording)
    assert result.exit_code == 0, result.output
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [set(one) for one in found] == [{"word", "confidence", "start_s", "end_s"}] * len(found)
    assert [one["word"] for one in found] == list(WORDS)
    for place, one in enumerate(found):
        assert 0.5 + 1.5 * place - 0.1 <= one["start_s"] < one["end_s"] <= 0.5 + 1.5 * place + 1.1
    assert run("--file", recording, "--json").stdout == result.stdout


def test_only_chosen_words_are_reported(recording: Path) -> None:
    def heard(*chosen: object) -> list[str]:
        return [json.loads(line)["word"] for line in run("--file", recording, *chosen).stdout.splitlines()]

    assert heard("--word", "stop") == ["stop"]
    assert heard("--word", "cat", "--word", "yes") == ["yes", "cat"]
    assert heard("--word", "stop", "--threshold", "1") == []
    result = run("--file", recording, "--word", "sideways")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "does not know sideways" in result.stderr


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_any_rate_and_number_of_channels(speech: Array, tmp_path: Path, rate: int) -> None:
    path = tmp_path / "words.flac"
    samples = audio.resample(speech, RATE, rate)
    soundfile.write(path, np.stack([samples, samples], axis=1), rate)
    words = [json.loads(line)["word"] for line in run("--file", path).stdout.splitlines()]
    assert len(set(words) & set(WORDS)) >= (len(WORDS) if rate > RATE else 3)


def test_raw_samples_on_stdin(recording: Path) -> None:
    pcm = recording.read_bytes()[44:]
    result = run("--file", "-", input=pcm)
    assert result.stdout == run("--file", recording).stdout
    assert run("--file", "-", "--rate", 100, input=pcm).exit_code == 2


def test_half_samples_are_kept_until_the_other_half_comes() -> None:
    values = np.arange(-500, 500, dtype="<i2")

    class Dribble(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(min(3, size or 3))

    chunks = list(read_raw(Dribble(values.tobytes() + b"\1"), RATE))
    assert np.array_equal(np.concatenate(chunks) * 32768, values)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "webm"])
def test_chunks_of_a_file_are_the_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"noise.{ending}"
    time = np.arange(round(2.9 * 44_100)) / 44_100
    samples = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    if ending == "webm":
        av = pytest.importorskip("av")
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libopus", rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
            frame.sample_rate = 48_000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    else:
        soundfile.write(path, samples, 44_100)
    chunks = list(read_file(path, RATE))
    assert len(chunks) > 2
    assert max(map(len, chunks)) <= 1.2 * RATE
    whole = audio.decode(path, RATE)
    joined = np.concatenate(chunks)
    assert len(joined) == len(whole)
    assert np.abs(joined - whole).max() < 1e-6


def test_a_long_file_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(60):
            file.write(np.zeros(60 * 8_000, np.int16))
    tracemalloc.start()
    try:
        assert sum(map(len, read_file(path, RATE))) == 3600 * RATE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, AudioError),
        (b"", EmptyAudio),
        (b"RIFF, but no more", NotAudio),
        (b"words, not sound " * 100, NotAudio),
        (audio.encode_wav(np.zeros(0), RATE), EmptyAudio),
        (audio.encode_wav(np.zeros(100), 100), AudioOutOfBounds),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: bytes | None, error: type[AudioError]) -> None:
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error):
        list(read_file(path, RATE))
    result = run("--file", path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()[-1]) > 20
    assert "Traceback" not in result.stderr


def test_what_is_no_file_and_what_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--file", tmp_path).exit_code == 2
    with pytest.raises(AudioError, match="cannot be read"):
        list(read_file("a\0b", RATE))
    monkeypatch.setattr("sayso.audio_stream.MAX_WHOLE_BYTES", 100)
    (tmp_path / "large.webm").write_bytes(b"\x1aE\xdf\xa3" * 100)
    with pytest.raises(AudioTooLong):
        list(read_file(tmp_path / "large.webm", RATE))


def test_no_descriptor_is_left_open(tmp_path: Path, recording: Path) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("counts descriptors in /proc")
    (tmp_path / "bad.wav").write_bytes(b"RIFF, but no more")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(NotAudio):
            list(read_file(tmp_path / "bad.wav", RATE))
        next(chunks := read_file(recording, RATE))
        chunks.close()  # type: ignore[attr-defined]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_program_runs_for_each_word(recording: Path, tmp_path: Path) -> None:
    program, log = tmp_path / "log words.py", tmp_path / "log"
    program.write_text(
        "import os, sys; print('hello')\n"
        "line = os.environ['SAYSO_WORD'] + ' ' + os.environ['SAYSO_CONFIDENCE'] + sys.argv[2]\n"
        "with open(sys.argv[1], 'a') as file:\n"
        "    file.write(line + '\\n')\n"
    )
    command = f"'{sys.executable}' '{program}' '{log}' '; $HOME'"
    done = subprocess.run(
        [sys.executable, "-m", "sayso", "listen", "--file", str(recording), "--exec", command],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]  # what the programs print is elsewhere
    assert done.stderr.count("hello") == len(found)
    wanted = [f"{one['word']} {one['confidence']:.4f}; $HOME" for one in found]
    assert sorted(log.read_text().splitlines()) == sorted(wanted)


@pytest.mark.parametrize("command", ["no-such-program-here", "'unclosed", ""])
def test_a_program_that_cannot_run_is_refused_at_once(recording: Path, command: str) -> None:
    result = run("--file", recording, "--exec", command)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_programs_that_hang_are_not_heaped_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sayso.live.MAX_RUNNING", 1)
    with Programs(f"'{sys.executable}' -c 'import time; time.sleep(0.5)'") as programs:
        programs.start(Detection("left", 0.9, 0, 1))
        programs.start(Detection("left", 0.9, 1, 2))
    assert "still running" in capsys.readouterr().err


def test_ctrl_c_ends_cleanly(recording: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "sayso", "listen", "--file", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(recording.read_bytes()[44:])
        process.stdin.flush()  # and stays open: the stream goes on
        assert json.loads(process.stdout.readline())["word"] == WORDS[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr.read() == b""


def test_a_terminal_shows_a_live_line(recording: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "sayso", "listen", "--file", str(recording)], stdout=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(ours)
        assert process.wait(10) == 0
    text = shown.decode()
    assert "█" in text
    assert "{" not in text
    assert " ".join(WORDS[-3:]) in text


def test_the_meter() -> None:
    assert meter(np.ones(100, np.float32)) == "█" * 20
    assert meter(np.full(100, 0.0316, np.float32)).count("█") == 10  # -30 dB of 60
    assert meter(np.zeros(100, np.float32)) == meter(np.zeros(0, np.float32)) == "░" * 20
    line = LiveLine(io.StringIO())
    chunk = np.ones(3, np.float32)
    assert next(line.watch([chunk])) is chunk


class FakeStream:
    """An input stream of sounddevice; Ctrl-C is pressed where its sound ends."""

    sound: Array = np.zeros(0, np.float32)
    closed = False

    def __init__(self, **chosen: Any) -> None:
        assert chosen == {"samplerate": 48_000, "device": None, "channels": 1, "dtype": "float32"}
        self.left = FakeStream.sound

    def __enter__(self) -> "FakeStream":
        return self

    def __exit__(self, *_: object) -> None:
        FakeStream.closed = True

    def read(self, frames: int) -> tuple[Array, bool]:
        if not len(self.left):
            raise KeyboardInterrupt
        taken, self.left = self.left[:frames, None], self.left[frames:]
        return taken, False


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    module = types.ModuleType("sounddevice")
    module.PortAudioError = type("PortAudioError", (Exception,), {})  # type: ignore[attr-defined]
    module.InputStream = FakeStream  # type: ignore[attr-defined]
    module.query_devices = lambda *_: {"default_samplerate": 48_000.0}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    yield module
    FakeStream.closed = False


def test_the_microphone(sounddevice: types.ModuleType, speech: Array) -> None:
    FakeStream.sound = audio.resample(speech, RATE, 48_000)
    result = run()
    assert result.exit_code == 0
    assert [json.loads(line)["word"] for line in result.stdout.splitlines()] == list(WORDS)
    assert FakeStream.closed


def test_no_microphone_is_one_sentence(sounddevice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise sounddevice.PortAudioError("Error querying device -1")

    monkeypatch.setattr(FakeStream, "read", fail)
    assert "still connected" in run().stderr
    monkeypatch.setattr(sounddevice, "query_devices", fail)
    result = run()
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No microphone can be opened" in result.stderr


def test_a_missing_package_or_library_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = run()
    assert result.exit_code == 2
    assert "pip install 'sayso[microphone]'" in result.stderr
    monkeypatch.delitem(sys.modules, "sounddevice")
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    assert "libportaudio2" in run().stderr
