"""What the page sends is what the microphone heard."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray
from playwright.sync_api import Playwright

from web.browsing import ALLOWED, FAKE_MICROPHONE, browsing, let_play, microphone_playing, read_word, sent_by
from web.serving import Server

# Older Firefoxes take a microphone at its own rate only.
NATIVE_RATE_ONLY = """window.AudioContext = class extends AudioContext {
  createMediaStreamSource(stream) {
    if (this.sampleRate === 16000) throw new DOMException("other rate", "NotSupportedError");
    return super.createMediaStreamSource(stream);
  }
}"""

Samples = NDArray[np.float32]


@pytest.fixture
def chirp() -> Samples:
    """A sound that fits itself at one place only, `(T,)` at 16 kHz."""
    time = np.arange(16_000) / 16_000
    return (0.5 * np.sin(2 * np.pi * (200 + 1500 * time) * time)).astype(np.float32)


TAKES = 3  # at most: on a busy machine, the browser's pretended microphone stutters


@pytest.mark.parametrize(("script", "is_native"), [("", False), (NATIVE_RATE_ONLY, True)])
def test_the_recording_is_what_was_played(
    playwright: Playwright, server: Server, chirp: Samples, tmp_path: Path, script: str, is_native: bool
) -> None:
    flags = microphone_playing(chirp, tmp_path)
    fidelities = []
    for _ in range(TAKES):
        with browsing(playwright, server.address + "/listen", *flags, script=script) as page:
            page.click("#talk")
            let_play(page, 0.9)  # the press comes before the end: the tail must hold it
            page.click("#talk")
            read_word(page)
            (sent,) = sent_by(page)
        sound, rate = soundfile.read(io.BytesIO(sent), dtype="float32")
        assert sound.ndim == 1
        assert (rate > 16_000) if is_native else (rate == 16_000)
        assert header_of(sent) == (1, 1, rate, 2 * rate, 2, 16)
        fidelities.append(signal_to_noise_db(soxr.resample(sound, rate, 16_000), chirp))
        if fidelities[-1] > 20:
            break
    assert max(fidelities) > 20


def header_of(content: bytes) -> tuple[Any, ...]:
    """Format, channels, rate, bytes per second, bytes per frame and bits of a WAV file."""
    assert content[:4] + content[8:16] == b"RIFFWAVEfmt "
    assert struct.unpack_from("<I", content, 4) == (len(content) - 8,)
    assert struct.unpack_from("<4sI", content, 36) == (b"data", len(content) - 44)
    return struct.unpack_from("<HHIIHH", content, 20)


def signal_to_noise_db(recorded: Samples, played: Samples) -> float:
    """How well a recording holds what was played, at the delay (in part of a sample) where it fits best."""
    fine = 8
    recorded, played = (soxr.resample(each, 16_000, fine * 16_000) for each in (recorded, played))
    spectrum = np.fft.rfft(recorded) * np.conj(np.fft.rfft(played, len(recorded)))
    start = int(np.argmax(np.fft.irfft(spectrum)[: len(recorded) - len(played)]))
    heard = recorded[start : start + len(played)]
    return float(10 * np.log10(np.sum(played**2) / np.sum((heard - played) ** 2)))


def test_a_second_take_starts_at_once_and_holds_the_moment_before(
    playwright: Playwright, server: Server
) -> None:
    with browsing(playwright, server.address + "/listen", FAKE_MICROPHONE, ALLOWED) as page:
        for take in (1, 2):
            page.click("#talk")
            page.wait_for_selector("[data-state=listening]", timeout=15_000 if take == 1 else 1_000)
            page.wait_for_timeout(300)
            page.click("#talk")
            page.wait_for_selector("[data-state=resting]")
            page.wait_for_timeout(500)
        seconds = [soundfile.info(io.BytesIO(sent)).duration for sent in sent_by(page)]

    assert seconds[1] > 0.25 + 0.3 + 0.15


def test_samples_become_a_correct_file(playwright: Playwright, server: Server) -> None:
    with browsing(playwright, server.address + "/listen") as page:
        script = page.get_attribute("script", "src")
        content = page.evaluate(
            """async ([script, samples, rate]) => {
                const { encodeWav } = await import(new URL("wav.js", new URL(script, location)));
                return [...new Uint8Array(encodeWav(Float32Array.from(samples), rate))];
            }""",
            [script, [0, 0.5, -0.5, 1, -1, 7, -7], 44_100],
        )

    samples, rate = soundfile.read(io.BytesIO(bytes(content)), dtype="int16")
    assert rate == 44_100
    assert samples.tolist() == [0, 16384, -16384, 32767, -32768, 32767, -32768]
    assert header_of(bytes(content)) == (1, 1, 44_100, 88_200, 2, 16)


def test_the_microphone_is_closed_when_the_page_is_left_alone(playwright: Playwright, server: Server) -> None:
    keep = """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await open(wanted));"""
    with browsing(
        playwright,
        server.address + "/listen",
        FAKE_MICROPHONE,
        ALLOWED,
        script=keep,
    ) as page:
        page.click("#talk")
        page.wait_for_selector("[data-state=listening]")
        page.wait_for_timeout(300)
        page.click("#talk")
        page.wait_for_selector("[data-state=resting]")
        assert page.evaluate("stream.getTracks()[0].readyState") == "live"
        page.evaluate(
            """() => {
                Object.defineProperty(document, "hidden", { value: true });
                document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
        assert page.evaluate("stream.getTracks()[0].readyState") == "ended"
