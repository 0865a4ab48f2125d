"""The main job, end to end: real speech into a real browser, the word on the page."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from playwright.sync_api import Playwright, expect

import sayso
from web.browsing import (
    FAKE_MICROPHONE,
    LEAD_IN_S,
    browsing,
    clips_of,
    let_play,
    microphone_playing,
    read_word,
    sent_by,
)
from web.fake_recognizer import wav
from web.serving import Server

WORDS = ("yes", "left", "stop", "three", "happy")
ENOUGH_WORDS = 4
CLIPS_TRIED = 40

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def spoken(speech_commands: Path, recognizer: sayso.Recognizer) -> dict[str, Samples]:
    """For each word a recording that the model itself hears right, alone and after the lead-in."""

    def is_heard(samples: Samples, word: str) -> bool:
        with_lead_in = np.concatenate([np.zeros(round(16_000 * LEAD_IN_S), np.float32), samples])
        answers = [recognizer.recognize((heard, 16_000)) for heard in (samples, with_lead_in)]
        return all(answer.word == word and answer.confidence > 0.8 for answer in answers)

    found = {}
    for word in WORDS:
        for samples, _ in zip(clips_of(word, speech_commands), range(CLIPS_TRIED), strict=False):
            if is_heard(samples, word):
                found[word] = samples
                break
    assert len(found) >= ENOUGH_WORDS
    return found


def test_a_word_spoken_into_the_page_is_read_on_the_page(
    playwright: Playwright, server: Server, spoken: dict[str, Samples], tmp_path: Path
) -> None:
    read = {}
    for word, samples in spoken.items():
        with browsing(playwright, server.address + "/listen", *microphone_playing(samples, tmp_path)) as page:
            page.click("#talk")
            let_play(page, len(samples) / 16_000)
            page.click("#talk")
            read[word] = read_word(page)
            expect(page.locator("#sureness")).to_contain_text(" % sure")
            expect(page.locator("#spoken")).to_contain_text(f"{read[word]}, ")
            expect(page.locator("#alternatives li")).to_have_count(3)

    right = [word for word in read if read[word] == word]
    assert len(right) >= ENOUGH_WORDS, read


@pytest.mark.parametrize("gesture", ["hold", "space", "hold space", "enter"])
def test_every_gesture_records(
    playwright: Playwright, server: Server, spoken: dict[str, Samples], tmp_path: Path, gesture: str
) -> None:
    word, samples = next(iter(spoken.items()))
    seconds = len(samples) / 16_000
    with browsing(playwright, server.address + "/listen", *microphone_playing(samples, tmp_path)) as page:
        match gesture:
            case "hold":
                page.hover("#talk")
                page.mouse.down()
                let_play(page, seconds)
                page.mouse.up()
            case "space":
                page.keyboard.press("Space")
                let_play(page, seconds)
                page.keyboard.press("Space")
            case "hold space":
                page.keyboard.down("Space")
                let_play(page, seconds)
                page.keyboard.down("Space")  # the keyboard repeats
                page.keyboard.up("Space")
            case "enter":
                for _ in range(9):  # past the links to other pages
                    page.keyboard.press("Tab")
                    if page.evaluate("document.activeElement.id") == "talk":
                        break
                page.keyboard.press("Enter")
                let_play(page, seconds)
                page.keyboard.press("Enter")
        assert read_word(page) == word


def test_a_take_ends_by_itself(
    playwright: Playwright, server: Server, spoken: dict[str, Samples], tmp_path: Path
) -> None:
    word, samples = next(iter(spoken.items()))
    with browsing(playwright, server.address + "/listen", *microphone_playing(samples, tmp_path)) as page:
        page.click("#talk")

        assert read_word(page) == word
        sound, rate = soundfile.read(io.BytesIO(sent_by(page)[0]))
        assert 4 <= len(sound) / rate <= 5


@pytest.mark.parametrize("kind", ["m4a", "ogg"])
@pytest.mark.parametrize("way", ["dropped", "chosen"])
def test_a_file_is_heard(
    playwright: Playwright, server: Server, spoken: dict[str, Samples], kind: str, way: str
) -> None:
    word, samples = next(iter(spoken.items()))
    content = m4a(samples) if kind == "m4a" else ogg(samples)
    with browsing(playwright, server.address + "/listen", FAKE_MICROPHONE) as page:
        if way == "chosen":
            page.set_input_files("#file", {"name": f"clip.{kind}", "mimeType": "", "buffer": content})
        else:
            data = page.evaluate_handle(
                """([bytes, name]) => {
                    const transfer = new DataTransfer();
                    transfer.items.add(new File([new Uint8Array(bytes)], name));
                    return transfer;
                }""",
                [list(content), f"clip.{kind}"],
            )
            for event in ("dragover", "drop"):
                page.dispatch_event("body", event, {"dataTransfer": data})
        assert read_word(page) == word


def m4a(samples: Samples) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


def ogg(samples: Samples) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="OGG", subtype="VORBIS")
    return file.getvalue()


KEEP_SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => {
  for (const { sources } of list.getEntries()) shifts.push(...sources.map(({ node }) => String(node?.id)));
}).observe({ type: "layout-shift", buffered: true });"""


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_jumps_and_nothing_overflows(playwright: Playwright, server: Server, width: int) -> None:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 16_000)
    with browsing(playwright, server.address + "/listen", FAKE_MICROPHONE, width=width, height=740) as page:

        def places() -> list[object]:
            fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert fits
            return [page.locator(part).bounding_box() for part in ("#talk", ".file", ".vocabulary")]

        top_of_sureness = "document.getElementById('sureness').getBoundingClientRect().top"
        resting, sureness = places(), page.evaluate(top_of_sureness)
        page.set_input_files("#file", {"name": "noise.wav", "mimeType": "", "buffer": wav(noise)})
        read_word(page)
        assert places() == resting
        assert page.evaluate(top_of_sureness) == sureness
        page.set_input_files("#file", {"name": "x.wav", "mimeType": "", "buffer": b"no recording"})
        page.wait_for_selector("#word[data-tone=problem]")
        assert places() == resting


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_jumps_while_a_page_opens(playwright: Playwright, server: Server, width: int) -> None:
    for path, ready in (("/listen", "#hint"), ("/teach", "#place-note"), ("/play", "#score")):
        with browsing(playwright, server.address + path, width=width, height=740, script=KEEP_SHIFTS) as page:
            page.wait_for_selector(f"{ready}:not(:empty)")
            page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200)))")
            assert page.evaluate("shifts") == [], path


def test_everything_to_press_is_large_enough(playwright: Playwright, server: Server) -> None:
    for path in ("/", "/listen"):
        with browsing(playwright, server.address + path, width=360, height=740) as page:
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            for target in page.locator(":is(a, button, label, select):visible").all():
                box = target.bounding_box()
                assert box is not None
                assert min(box["width"], box["height"]) >= 44, target.inner_html()
