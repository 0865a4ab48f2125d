"""The model in the browser: the scores of the Python one, without a network, or said to be missing."""

import base64
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Playwright, expect

import sayso
from sayso import audio
from web import scripts
from web.browsing import ALLOWED, FAKE_MICROPHONE, Watch, browsing, clips_of, read_word, sent_by
from web.fake_recognizer import wav
from web.serving import Server

CLIPS = 100
WANTED = (".onnx?digest=", ".wasm", "/listen", "/stop.flac", "/engine-worker.js")

# The addresses of all that is kept for when there is no network.
KEPT = """async () => {
  const caches = await Promise.all((await self.caches.keys()).map((name) => self.caches.open(name)));
  return (await Promise.all(caches.map((cache) => cache.keys()))).flat().map(({ url }) => url);
}"""

SCORE = """async ([model, encoded, count]) => {
  const script = new URL(document.querySelector("script[type=module]").src);
  const { loadModel } = await import(new URL("engine.js", script));
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const samples = Float32Array.from(new Int16Array(bytes.buffer), (sample) => sample / 32768);
  const loaded = await loadModel(model);
  const logits = [];
  for (let i = 0; i < count; i += 10) {
    const scores = await loaded.score(samples.subarray(16000 * i, 16000 * (i + 10)), 10);
    logits.push(...scores.logits);
  }
  return logits;
}"""


@pytest.fixture(autouse=True)
def _engine() -> None:
    scripts.engine()


def wait_for_engine(page: Page) -> None:
    page.wait_for_selector("[data-engine=ready]", timeout=60_000)


def test_browser_and_python_agree(
    playwright: Playwright, server: Server, recognizer: sayso.Recognizer, speech_commands: Path
) -> None:
    words = ("yes", "no", "left", "right", "stop")
    clips = [
        np.pad(clip, (0, 16_000 - len(clip)))
        for word in words
        for clip, _ in zip(
            (clip for clip in clips_of(word, speech_commands) if len(clip) <= 16_000),
            range(CLIPS // len(words)),
            strict=False,
        )
    ]
    windows = np.round(np.clip(np.stack(clips) * 32768, -32768, 32767)).astype("<i2")
    expected = recognizer.score(windows.astype(np.float32) / np.float32(32768))
    with browsing(playwright, server.address + "/listen") as page:
        model = page.get_attribute("#instrument", "data-model")
        encoded = base64.b64encode(windows.tobytes()).decode()
        logits = np.array(page.evaluate(SCORE, [model, encoded, len(clips)])).reshape(len(clips), -1)

    assert len(clips) == CLIPS
    assert np.abs(logits - expected).max() <= 1e-4


def test_without_a_network_the_page_opens_again_and_hears(playwright: Playwright, server: Server) -> None:
    watch = Watch()
    with browsing(
        playwright,
        server.address + "/listen",
        place="browser",
        watch=watch,
        service_workers="allow",
    ) as page:
        wait_for_engine(page)
        for _ in range(600):
            kept = page.evaluate(KEPT)
            if all(any(part in address for address in kept) for part in WANTED):
                break
            page.wait_for_timeout(100)
        page.context.set_offline(True)
        page.reload()
        wait_for_engine(page)
        page.click("[data-sample*=stop]")

        assert read_word(page) == "stop"
        assert watch.questions == 0


@pytest.mark.parametrize("quiet_s", [0, 1])
def test_one_word_is_heard_here_and_nothing_is_sent(
    playwright: Playwright, server: Server, recognizer: sayso.Recognizer, quiet_s: int
) -> None:
    watch = Watch()
    samples = audio.decode(scripts.STATIC / "samples" / "left.flac", 16_000)
    quiet = 1e-3 * np.random.default_rng(0).standard_normal(quiet_s * 16_000)
    sample = wav(np.concatenate([quiet, samples]))  # a longer one is scanned
    expected = recognizer.recognize(sample)
    with browsing(playwright, server.address + "/listen", place="browser", watch=watch) as page:
        page.set_input_files("#file", {"name": "left.wav", "mimeType": "", "buffer": sample})
        assert read_word(page) == expected.word
        share = f"{min(99, round(100 * expected.confidence))} %"
        expect(page.locator("#alternatives .share").first).to_have_text(share)
        expect(page.locator("#timing")).to_contain_text("network none · model ")
        assert sent_by(page) == []

    assert watch.questions == 0


def test_silence_and_what_cannot_be_read_have_their_sentences(playwright: Playwright, server: Server) -> None:
    with browsing(playwright, server.address + "/listen", place="browser") as page:
        page.set_input_files("#file", {"name": "x.wav", "mimeType": "", "buffer": wav(np.zeros(16_000))})
        page.wait_for_selector("#word[data-tone=problem]")
        expect(page.locator("#word")).to_contain_text("silent")
        page.set_input_files("#file", {"name": "x.wav", "mimeType": "", "buffer": b"no recording"})
        page.wait_for_selector("#word:has-text('cannot read that recording')")


def test_a_server_without_the_engine_says_so_and_hears(
    playwright: Playwright, server: Server, recognizer: sayso.Recognizer
) -> None:
    sample = scripts.STATIC / "samples" / "go.flac"
    with browsing(playwright, server.address) as page:
        page.route("**/ort/**", lambda route: route.fulfill(status=404))
        page.evaluate("localStorage.setItem('sayso.choices', '{\"place\": \"browser\"}')")
        page.goto(server.address + "/listen")
        page.wait_for_selector("#place-note:has-text('without the browser’s part')")
        expect(page.locator("input[value=server]")).to_be_checked()
        expect(page.locator("input[value=browser]")).to_be_disabled()
        page.set_input_files("#file", sample)
        assert read_word(page) == recognizer.recognize(sample).word
        assert len(sent_by(page)) == 1


def test_choices_are_kept_and_say_where_the_voice_goes(playwright: Playwright, server: Server) -> None:
    with browsing(playwright, server.address + "/listen", manner="handsfree", place="browser") as page:
        wait_for_engine(page)
        expect(page.locator("#place-note")).to_contain_text("Nothing you say leaves this browser")
        page.get_by_label("Sent to the server").check()
        expect(page.locator("#place-note")).to_contain_text("in the server’s memory")
        page.get_by_label("One word at a time").check()
        page.reload()
        expect(page.locator("input[value=server]")).to_be_checked()
        expect(page.locator("input[value=once]")).to_be_checked()


def test_the_microphone_is_the_chosen_one_and_unprocessed_unless_wanted(
    playwright: Playwright, server: Server
) -> None:
    keep = """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    window.asked = [];
    navigator.mediaDevices.getUserMedia = async (wanted) => (asked.push(wanted.audio), open(wanted));"""
    with browsing(
        playwright, server.address + "/listen", FAKE_MICROPHONE, ALLOWED, script=keep, manner="handsfree"
    ) as page:
        for _ in range(2):
            page.click("#talk")
            page.wait_for_selector("[data-state=listening]")
            page.click("#talk")
            page.wait_for_selector("[data-state=resting]")
            page.wait_for_selector("#device option:nth-child(2)", state="attached")
            page.get_by_label("Let the browser clean the sound").check()
            page.select_option("#device", index=1)
        asked = page.evaluate("asked")
        chosen = page.evaluate("device.value")

    assert asked[0] == {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": False}
    assert asked[1] == {
        "deviceId": chosen,
        "echoCancellation": True,
        "noiseSuppression": True,
        "autoGainControl": True,
    }
