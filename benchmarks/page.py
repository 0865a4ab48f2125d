"""What the Listen page costs a browser, and how soon it can hear: `python benchmarks/page.py`, page.json.

A real Chromium without a window, whose microphone plays the page's own samples, six seconds apart: in a quiet
room, where most windows are too quiet to be asked about, and in noise, where all are asked about. Its
processor time is that of all its processes, the fake microphone and drawing included. It is ready when the
first window could be recognised, counted from opening the page with its files in the browser's cache. Both
mean something only on a machine that does nothing else: `idle_share_of_machine` says whether it did.
"""

import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from playwright.sync_api import BrowserContext, Playwright, sync_playwright
from serving import idle_share
from under_load import cpu_s, serving

from sayso import audio
from sayso.web.static_files import FOLDER

VISITS = 8
SECONDS = 30.0
RATE = 48_000
READY_MS = """new MutationObserver(() => {
  if (document.querySelector("#instrument[data-engine=ready]")) window.readyMs ??= performance.now();
}).observe(document, { subtree: true, childList: true, attributes: true });"""
HANDS_FREE = """localStorage.setItem("sayso.choices", '{"manner": "handsfree", "place": "browser"}');"""


ROOMS = {"a quiet room": 0.0003, "noise": 0.02}  # root mean square of its noise


def recording(path: Path, noise: float) -> Path:
    """A minute of words."""
    sound = noise * np.random.default_rng(0).standard_normal(60 * RATE).astype(np.float32)
    samples = sorted((FOLDER / "samples").glob("*.flac"))
    for index, start in enumerate(range(RATE, len(sound) - 3 * RATE, 6 * RATE)):
        word = audio.decode(samples[index % len(samples)], RATE)
        sound[start : start + len(word)] += word
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return path


def processes() -> list[int]:
    """All processes of the browser."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue  # it has ended
    found = [os.getpid()]
    for process in found:  # which grows meanwhile
        found += [child for child, parent in parents.items() if parent == process]
    return [each for each in found if "chrom" in Path(f"/proc/{each}/comm").read_text()]


def open_browser(playwright: Playwright, folder: str, microphone: Path) -> BrowserContext:
    return playwright.chromium.launch_persistent_context(
        folder,
        executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}",
        ],
    )


def ready_ms(browser: BrowserContext, address: str) -> list[float]:
    """From opening the page to hearing, at each visit; at the first ones the cache is cold."""
    found = []
    for _ in range(VISITS + 2):
        page = browser.new_page()
        page.add_init_script(READY_MS)
        page.goto(address)
        page.wait_for_selector("[data-engine=ready]", timeout=60_000)
        found.append(float(page.evaluate("readyMs")))
        page.close()
    return found[2:]


def listening_share(browser: BrowserContext, address: str) -> tuple[float, int]:
    """The share of one core that listening takes, and how many words are in the page's history."""
    page = browser.new_page()
    page.add_init_script(HANDS_FREE)
    page.goto(address)
    page.wait_for_selector("[data-engine=ready]", timeout=60_000)
    page.click("#talk")
    page.wait_for_selector("[data-state=listening]")
    page.wait_for_timeout(4_000)
    chromium = processes()
    before, began = cpu_s(chromium), time.monotonic()
    page.wait_for_timeout(1000 * SECONDS)
    share = (cpu_s(chromium) - before) / (time.monotonic() - began)
    heard = page.locator("#heard li").count()
    page.close()
    return share, heard


def main() -> None:
    idle = idle_share()
    listening = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving() as (_, port),
        sync_playwright() as playwright,
    ):
        address = f"http://127.0.0.1:{port}/listen"
        for room, noise in ROOMS.items():
            browser = open_browser(playwright, folder, recording(Path(folder) / "microphone.wav", noise))
            visits = ready_ms(browser, address)
            share, heard = listening_share(browser, address)
            known = sum(each["words_heard"] for each in listening.values())  # the history is kept
            listening[room] = {"share_of_a_core": round(share, 3), "words_heard": heard - known}
            browser.close()
    report = {
        "idle_share_of_machine": idle,
        "ready_ms": {
            "median": round(statistics.median(visits)),
            "best": round(min(visits)),
            "worst": round(max(visits)),
        },
        "listening": listening,
    }
    text = json.dumps(report, indent=1)
    print(text)
    Path(__file__).with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()
