"""Hands-free, end to end: a minute of real words in noise into real Chromiums, the words on the page."""

import contextlib
import io
import re
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from playwright.sync_api import Page, Playwright, expect

import sayso
from sayso import audio
from sayso.evaluation.stream_recordings import StreamRecording, build_recording
from sure_words import unsure_words
from web import scripts
from web.browsing import Watch, browsing, clips_of, microphone_playing
from web.serving import Server

WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
SECONDS = 60
SAID = 20
TAKES = 2  # on a busy machine, the browser's pretended microphone stutters

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def minute(speech_commands: Path, recognizer: sayso.Recognizer) -> StreamRecording:
    """Two clips of each word, which the model hears right when alone, over real background noise."""
    clips = []
    for word in WORDS:
        heard = (
            clip
            for clip in clips_of(word, speech_commands)
            if len(clip) == 16_000
            and (answer := recognizer.recognize((clip, 16_000))).word == word
            and answer.confidence > 0.9
        )
        clips += [(word, next(heard)), (word, next(heard))]
    noises = sorted((speech_commands / "_background_noise_").glob("*.*"))
    background = [
        audio.decode(path, 16_000, max_seconds=600) for path in noises if path.suffix in (".wav", ".ogg")
    ]
    background = background or [np.random.default_rng(0).standard_normal(160_000).astype(np.float32)]
    return build_recording(
        clips,
        background,
        sample_rate=16_000,
        seconds=SECONDS,
        words_per_minute=SAID,
        snr_db=15,
        seed=1,
    )


def heard_on(page: Page) -> list[str]:
    """The words in the page's history, oldest first."""
    return page.locator("#heard .name").all_inner_texts()[::-1]


def in_order(found: list[str], said: list[str]) -> tuple[int, int]:
    """How many of the words said were found, in order, and how many found were not said."""
    hits = sum(block.size for block in SequenceMatcher(None, said, found, False).get_matching_blocks())
    return hits, len(found) - hits


def test_a_minute_of_words_is_heard_in_both_places(
    playwright: Playwright, server: Server, minute: StreamRecording, tmp_path: Path
) -> None:
    scripts.engine()
    said = [spoken.word for spoken in minute.spoken]
    flags = microphone_playing(minute.samples, tmp_path)
    scores = {"browser": (0, SAID), "server": (0, SAID)}
    for _ in range(TAKES):
        found, watches = listened(playwright, server, flags)
        for place, words in found.items():
            scores[place] = max(scores[place], in_order(words, said))
        assert (watches["browser"].questions, watches["browser"].sockets) == (0, 0)
        assert watches["server"].sockets == 1
        if all(hits >= 18 and wrong <= 1 for hits, wrong in scores.values()):
            break

    for place, (hits, wrong) in scores.items():
        assert hits >= 18, (place, hits, wrong)
        assert wrong <= 1, (place, hits, wrong)


def listened(
    playwright: Playwright, server: Server, flags: tuple[str, ...]
) -> tuple[dict[str, list[str]], dict[str, Watch]]:
    """What was heard in either place, in a minute for both; the browser has no network meanwhile."""
    watches = {"browser": Watch(), "server": Watch()}
    with contextlib.ExitStack() as stack:
        pages = {
            place: stack.enter_context(
                browsing(
                    playwright,
                    server.address + "/listen",
                    *flags,
                    manner="handsfree",
                    place=place,
                    watch=watch,
                )
            )
            for place, watch in watches.items()
        }
        pages["browser"].wait_for_selector("[data-engine=ready]", timeout=60_000)
        pages["browser"].context.set_offline(True)
        for page in pages.values():
            page.click("#talk")
        for page in pages.values():
            page.wait_for_selector("[data-state=listening]")
        pages["server"].wait_for_timeout(1000 * (SECONDS + 3))
        for page in pages.values():
            page.click("#talk")
            page.wait_for_selector("[data-state=resting]", timeout=60_000)
        return {place: heard_on(page) for place, page in pages.items()}, watches


@pytest.mark.parametrize("place", ["browser", "server"])
def test_speech_without_a_word_is_not_sure_and_no_word(
    playwright: Playwright, server: Server, speech_commands: Path, tmp_path: Path, place: str
) -> None:
    if place == "browser":
        scripts.engine()
    flags = microphone_playing(unsure_words(speech_commands, 1), tmp_path)
    with browsing(playwright, server.address + "/listen", *flags, manner="handsfree", place=place) as page:
        if place == "browser":
            page.wait_for_selector("[data-engine=ready]", timeout=60_000)
        page.click("#talk")
        expect(page.locator("#word")).to_have_text("not sure")
        expect(page.locator("#word")).to_have_attribute("data-tone", "quiet")
        expect(page.locator("#sureness")).to_contain_text("perhaps “")
        expect(page.locator("#instrument")).to_have_attribute("data-state", "listening")
        expect(page.locator("#heard li")).to_have_count(0)


@pytest.mark.parametrize("place", ["browser", "server"])
def test_a_long_recording_shows_every_word_with_its_time(
    playwright: Playwright,
    server: Server,
    recognizer: sayso.Recognizer,
    minute: StreamRecording,
    place: str,
) -> None:
    if place == "browser":
        scripts.engine()
    beginning = minute.samples[: round(16_000 * (minute.spoken[2].end_s + 0.7))]
    file = io.BytesIO()
    soundfile.write(file, beginning, 16_000, format="WAV", subtype="PCM_16")
    found = list(sayso.listen(recognizer, [beginning]))
    with browsing(playwright, server.address + "/listen", place=place) as page:
        page.set_input_files("#file", {"name": "three.wav", "mimeType": "", "buffer": file.getvalue()})
        page.wait_for_selector("#sureness:not(:empty)", timeout=60_000)
        expect(page.locator("#transcript-title")).to_contain_text("three.wav: 3 words in 0:")
        rows = page.locator("#transcript-words button").all_inner_texts()
        expect(page.locator("#word")).to_have_text(found[-1].word)
        page.click("#transcript-words button")  # it can be heard again

    assert [detection.word for detection in found] == [spoken.word for spoken in minute.spoken[:3]]
    for row, detection in zip(rows, found, strict=True):
        time = re.fullmatch(rf"(\d+):(\d\d\.\d)\s*{detection.word}", row)
        assert time, (row, detection)
        assert 60 * int(time[1]) + float(time[2]) == pytest.approx(detection.start_s, abs=0.15)
