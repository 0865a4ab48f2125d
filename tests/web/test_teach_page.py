"""The Teach page in a real Chromium: two unknown words are said, learnt, heard again, and taken elsewhere."""

import collections
import contextlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, Playwright, expect

from sayso import audio
from web import scripts
from web.browsing import FLAGS, browsing, chromium, microphone_playing
from web.serving import Server, serving
from web.test_page_parts import faults_of

WORDS = {"yppah": "happy", "pots": "stop"}  # played backwards, they are words that no model was trained on
TAKES = 5
PAUSE = np.zeros(16_000, np.float32)
LEARNT_MS = 90_000

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def said(speech_commands: Path) -> dict[str, list[Samples]]:
    """Six recordings of each word, as far as possible of one speaker."""
    found = {}
    for word, source in WORDS.items():
        paths = sorted((speech_commands / source).glob("*_nohash_*"))
        takes = collections.Counter(path.name.split("_")[0] for path in paths)
        paths.sort(key=lambda path: -takes[path.name.split("_")[0]])
        clips = (audio.decode(path, 16_000)[::-1] for path in paths)
        loud = (clip * (0.5 / np.abs(clip).max()) for clip in clips if np.abs(clip).max() > 0.05)
        found[word] = [next(loud) for _ in range(TAKES + 1)]
    return found


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes lessons."""
    folder = tmp_path_factory.mktemp("models")
    with serving(
        environment={"SAYSO_TEACHING": "on", "SAYSO_MODELS_FOLDER": str(folder), "SAYSO_WORKERS": "1"}
    ) as server:
        yield server


@contextlib.contextmanager
def visiting(
    playwright: Playwright, address: str, profile: Path, heard: list[Samples], folder: Path
) -> Iterator[Page]:
    """A browser that remembers, whose microphone plays recordings with pauses between them."""
    played = np.concatenate([part for clip in heard for part in (clip, PAUSE)])
    flags = [*FLAGS, *microphone_playing(played, folder)]
    complaints: list[str] = []
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=chromium(), headless=True, args=flags, accept_downloads=True
    )
    try:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_default_timeout(30_000)
        page.goto(address + "/teach")
        page.wait_for_selector("#teach[data-state=resting]")
        yield page
    finally:
        context.close()
    assert complaints == []


def record(page: Page, word: str) -> None:
    """Add a word, and let the microphone say it."""
    page.fill("#name", word)
    page.press("#name", "Enter")
    page.keyboard.press("Enter")  # the focus is on its button
    page.wait_for_selector(f"#words > li:last-child ol > li:nth-child({TAKES})")
    page.wait_for_selector("#teach[data-state=resting]")


@pytest.mark.parametrize("place", ["browser", "server"])
def test_two_words_are_taught_and_heard_again(
    playwright: Playwright, school: Server, said: dict[str, list[Samples]], place: str, tmp_path: Path
) -> None:
    scripts.engine()
    profile, address = tmp_path / "profile", school.address
    for word, clips in said.items():
        with visiting(playwright, address, profile, clips[:TAKES], tmp_path) as page:
            record(page, word)
    further = [clips[TAKES] for clips in said.values()]
    with visiting(playwright, address, profile, further, tmp_path) as page:  # all was kept
        expect(page.locator("#words h3")).to_have_text(list(WORDS))
        page.check(f"#place [value={place}]")
        page.fill("#model", f"taught-{place}")
        page.click("#learn")
        page.wait_for_selector("#trial:not([hidden])", timeout=LEARNT_MS)
        page.reload()
        page.wait_for_selector("#trial:not([hidden])")
        expect(page.locator("#model-name")).to_contain_text(f"taught-{place}")
        page.click("#try")
        for word in WORDS:
            page.wait_for_selector(f"#word:text-is('{word}')", timeout=20_000)
        page.click("#try")
        with page.expect_download() as model:
            page.click("#save-model")
        model.value.save_as(tmp_path / "mine.onnx")
        with page.expect_download() as recordings:
            page.click("#export")
        recordings.value.save_as(tmp_path / "mine.zip")

    for word, clip in zip(WORDS, further, strict=True):
        (tmp_path / f"{word}.wav").write_bytes(audio.encode_wav(clip, 16_000))
        done = subprocess.run(
            [
                *(sys.executable, "-m", "sayso", "recognize", "--json"),
                *("--model", tmp_path / "mine.onnx", tmp_path / f"{word}.wav"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout)["word"] == word
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        assert archive.testzip() is None
        words = collections.Counter(name.split("/")[0] for name in archive.namelist())
    assert words == dict.fromkeys(WORDS, TAKES)


def test_lessons_come_from_a_zip_and_mistakes_are_told(
    playwright: Playwright, server: Server, said: dict[str, list[Samples]], tmp_path: Path
) -> None:
    file = tmp_path / "lessons.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for word, clips in said.items():
            for take, clip in enumerate(clips[:2]):
                archive.writestr(f"words/{word}/a_nohash_{take}.wav", audio.encode_wav(clip, 16_000))
        archive.writestr("words/../../hostile/a_nohash_0.wav", b"no sound")
        archive.writestr("words/_hidden_/a_nohash_0.wav", b"no sound")
    with browsing(playwright, server.address + "/teach") as page:
        page.wait_for_selector("#teach[data-state=resting]")
        page.click("#learn")
        expect(page.locator("#problem")).to_contain_text("Add a word and record it first.")
        page.set_input_files("#import", file)
        page.wait_for_selector("#status:has-text('4 recordings added; 1 could not be used')")
        page.click("#learn")
        expect(page.locator("#problem")).to_contain_text("“yppah” has 2 recordings: a word needs at least 3")
        page.fill("#name", "pots")
        page.click("#adding button")
        expect(page.locator("#problem")).to_contain_text("That word is there already")
        page.get_by_label("Delete recording 2 of pots").click()
        expect(page.locator("#words ol > li")).to_have_count(3)
        page.get_by_label("Remove yppah and its recordings").click()
        for content in (b"PK no zip", file.read_bytes()[:-40]):
            page.set_input_files("#import", {"name": "a.zip", "mimeType": "", "buffer": content})
            page.wait_for_selector("#problem:has-text('not a zip of recordings that can be read')")
        page.set_input_files("#import", {"name": "a.onnx", "mimeType": "", "buffer": b"no model"})
        page.wait_for_selector("#problem:has-text('no sayso model')")
        expect(page.locator("#place-note")).to_contain_text(
            "takes no lessons, so everything stays in this browser"
        )
        page.reload()
        page.wait_for_selector("#words ol > li")
        expect(page.locator("#words h3")).to_have_text(["pots"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anyone_out(
    playwright: Playwright,
    server: Server,
    said: dict[str, list[Samples]],
    scheme: str,
    tmp_path: Path,
) -> None:
    scripts.engine()
    axe = (scripts.package("axe-core") / "axe.min.js").read_text(encoding="utf-8")
    file = tmp_path / "lessons.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for word, clips in said.items():
            for take, clip in enumerate(clips[:3]):
                archive.writestr(f"{word}/a_nohash_{take}.wav", audio.encode_wav(clip, 16_000))
    with browsing(
        playwright, server.address + "/teach", color_scheme=scheme, reduced_motion="reduce", width=390
    ) as page:
        page.set_input_files("#import", file)
        page.wait_for_selector("#status:has-text('6 recordings added')")
        page.click("#learn")
        page.wait_for_selector("#trial:not([hidden])", timeout=LEARNT_MS)
        expect(page.locator("#report")).to_contain_text("yppah: ")
        assert faults_of(page, axe) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        small = page.evaluate(
            """[...document.querySelectorAll("main button, main input[type=text], .second")]
            .filter((part) => part.checkVisibility() && part.getBoundingClientRect().height < 44).length"""
        )
        assert small == 0
