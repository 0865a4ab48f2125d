"""What stands around the word on the page: its history, its levels, the element for other pages, the game."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, Playwright, expect

from sayso.training import dataset
from web import scripts
from web.browsing import FAKE_MICROPHONE, Watch, browsing, clips_of, microphone_playing, read_word
from web.serving import Server
from web.test_scripts import node

SAMPLES = scripts.STATIC / "samples"
PAGES = ("/", "/listen", "/play", "/docs", "/nowhere")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anyone_out(playwright: Playwright, server: Server, scheme: str) -> None:
    axe = (scripts.package("axe-core") / "axe.min.js").read_text(encoding="utf-8")
    with browsing(
        playwright, server.address + "/listen", color_scheme=scheme, reduced_motion="reduce"
    ) as page:
        page.set_input_files("#file", SAMPLES / "left.flac")
        read_word(page)
        page.wait_for_selector("#heard li")
        faults = faults_of(page, axe)
        for path in PAGES:
            page.goto(server.address + path)
            faults += faults_of(page, axe)

    assert faults == []


def faults_of(page: Page, axe: str) -> list[str]:
    """What axe holds for serious or critical."""
    page.evaluate(axe)
    found = page.evaluate("axe.run().then(({ violations }) => violations)")
    return [
        f"{page.url}: {fault['id']}: {fault['nodes'][0]['html']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


def test_what_was_heard_is_kept_put_right_and_saved_as_a_folder(
    playwright: Playwright, server: Server, tmp_path: Path
) -> None:
    with browsing(playwright, server.address + "/listen", accept_downloads=True) as page:
        for number, word in enumerate(("left", "stop", "go"), start=1):
            page.set_input_files("#file", SAMPLES / f"{word}.flac")
            page.wait_for_selector(f"#heard li:nth-child({number})")
        expect(page.locator("#heard .name")).to_have_text(["go", "stop", "left"])
        page.get_by_label("Heard as stop. Wrong? It was").select_option("up")
        page.get_by_label("Heard as go. Wrong? It was").select_option("none of these")
        page.wait_for_selector("#heard li:nth-child(1)[data-kept] + li[data-kept]")
        page.reload()
        page.wait_for_selector("#heard li")
        expect(page.locator("#heard .name s")).to_have_text(["go", "stop"])
        expect(page.locator("#heard select option:checked")).to_have_text(["none of these", "up", "wrong?"])
        with page.expect_download() as one:
            page.get_by_label("Download left").click()
        with page.expect_download() as all_of_them:
            page.get_by_role("button", name="Save all").click()
        page.get_by_label("Replay left").click()
        page.get_by_role("button", name="Forget all").click()
        expect(page.locator("#heard-empty")).to_be_visible()
        one.value.save_as(tmp_path / "left.wav")
        all_of_them.value.save_as(tmp_path / "words.zip")

    assert soundfile.info(tmp_path / "left.wav").duration == 1
    with zipfile.ZipFile(tmp_path / "words.zip") as archive:
        archive.extractall(tmp_path / "words")
    clips = sorted(str(path.relative_to(tmp_path / "words")) for path in (tmp_path / "words").rglob("*.wav"))
    assert [re.sub("[0-9a-f]{8}", "me", clip) for clip in clips] == [
        "_unknown_/me_nohash_0.wav",
        "left/me_nohash_0.wav",
        "up/me_nohash_0.wav",
    ]
    assert len({dataset.speaker_of(Path(clip).stem) for clip in clips}) == 1
    recorded, _ = soundfile.read(tmp_path / "words" / clips[1])
    played, _ = soundfile.read(SAMPLES / "left.flac")
    assert np.corrcoef(recorded, played)[0, 1] > 0.99


def test_a_heard_word_lights_up_among_those_it_knows(playwright: Playwright, server: Server) -> None:
    with browsing(playwright, server.address + "/listen") as page:
        page.set_input_files("#file", SAMPLES / "down.flac")
        page.wait_for_selector("#vocabulary li[data-lit]:text-is('down')")


def test_too_quiet_and_too_loud_are_told_apart(tmp_path: Path) -> None:
    result = node(
        """const { Loudness } = await load("loudness.js");
        const verdicts = (amplitude) => {
          const loudness = new Loudness();
          const block = new Float32Array(1600).map((_, i) => amplitude * Math.sin(i / 4));
          return Array.from({ length: 60 }, () => loudness.judge(block, 16000)).at(-1);
        };
        result = [0.001, 0.1, 1.0].map(verdicts);""",
        folder=tmp_path,
    )

    assert result == ["quiet", "right", "loud"]


def test_any_page_can_have_voice_commands(
    playwright: Playwright, server: Server, speech_commands: Path, tmp_path: Path
) -> None:
    scripts.engine()
    clips = [next(clip for clip in clips_of(word, speech_commands)) for word in ("left", "yes", "stop")]
    sound = np.concatenate([np.concatenate([clip, np.zeros(12_000, np.float32)]) for clip in clips])
    document = """<!doctype html><title>x</title><script type="module" src="/speech-command.js"></script>
        <speech-command words="left, stop"></speech-command>"""
    watch = Watch()
    with browsing(playwright, server.address, *microphone_playing(sound, tmp_path), watch=watch) as page:
        page.route(
            "**/other", lambda route: route.fulfill(body=document, content_type="text/html; charset=utf-8")
        )
        page.goto(server.address + "/other")
        page.evaluate(
            """window.heard = [];
            addEventListener("command", ({ detail }) => heard.push(detail));"""
        )
        page.click("speech-command")
        page.wait_for_selector("speech-command[listening]", timeout=60_000)
        page.wait_for_function("heard.length >= 2", timeout=30_000)
        page.click("speech-command")
        page.wait_for_selector("speech-command:not([listening])")
        heard = page.evaluate("heard")

    assert [command["word"] for command in heard] == ["left", "stop"]
    assert all(0.5 < command["confidence"] <= 1 for command in heard)
    assert heard[0]["start_s"] < heard[0]["end_s"] < heard[1]["start_s"]
    assert watch.questions == 0


def test_the_element_says_what_it_lacks(playwright: Playwright, server: Server) -> None:
    scripts.engine()
    with browsing(playwright, server.address + "/play", FAKE_MICROPHONE) as page:
        page.evaluate("ears.setAttribute('words', 'left sideways')")
        page.click("speech-command")
        page.wait_for_selector("speech-command:has-text('does not know sideways')", timeout=60_000)


def test_the_game_follows_words_and_keys(playwright: Playwright, server: Server) -> None:
    with browsing(playwright, server.address + "/play") as page:
        page.evaluate(
            """ears.dispatchEvent(new CustomEvent("command", { detail: { word: "go", confidence: 0.9 } }))"""
        )
        expect(page.locator("#word")).to_have_text("go")
        expect(page.locator("#board")).to_have_attribute("data-phase", "running")
        page.keyboard.press("ArrowUp")
        expect(page.locator("#word")).to_have_text("up")
        page.get_by_role("button", name="stop", exact=True).click()
        expect(page.locator("#board")).to_have_attribute("data-phase", "paused")
        expect(page.locator("#state")).to_contain_text("go on")


def test_the_rules_of_the_game(tmp_path: Path) -> None:
    result = node(
        """const { Snake } = await load("snake.js");
        const snake = new Snake(7, 5, () => 0);
        const steps = (word, count) => {
          snake.command(word);
          for (let i = 0; i < count; i += 1) snake.step();
          return { phase: snake.phase, head: { ...snake.body[0] }, length: snake.body.length };
        };
        result = { stopped: steps("stop", 1), around: steps("go", 4) };
        snake.food = { x: 0, y: 1 };
        result.fed = steps("up", 1);
        result.turned = steps("down", 1);
        snake.body = [[2, 2], [2, 3], [3, 3], [3, 2], [4, 2]].map(([x, y]) => ({ x, y }));
        result.bitten = steps("right", 1);
        result.deaf = steps("left", 1);
        result.again = steps("go", 1);""",
        folder=tmp_path,
    )

    assert result == {
        "stopped": {"phase": "ready", "head": {"x": 3, "y": 2}, "length": 3},
        "around": {"phase": "running", "head": {"x": 0, "y": 2}, "length": 3},  # in on the other side
        "fed": {"phase": "running", "head": {"x": 0, "y": 1}, "length": 4},
        "turned": {"phase": "running", "head": {"x": 5, "y": 3}, "length": 4},  # the tail leads now
        "bitten": {"phase": "over", "head": {"x": 2, "y": 2}, "length": 4},
        "deaf": {"phase": "over", "head": {"x": 2, "y": 2}, "length": 4},
        "again": {"phase": "running", "head": {"x": 4, "y": 2}, "length": 3},
    }
