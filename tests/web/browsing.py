"""Real Chromium, whose microphone plays a file."""

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, WebSocket

from sayso import audio

LEAD_IN_S = 0.6  # the first moments may be lost while the browser opens the device
PLAYED_RATE = 48_000  # hertz, of the file the microphone plays

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Playwright cannot see a Blob that is sent.
KEEP_WHAT_IS_SENT = """window.sent = [];
const fetchUnseen = window.fetch;
window.fetch = async (address, options) => {
  if (options?.body) window.sent.push([...new Uint8Array(await options.body.arrayBuffer())]);
  return fetchUnseen(address, options);
};"""

CHOOSE = """if (location.protocol.startsWith("http")) {
  localStorage.setItem("sayso.choices", localStorage.getItem("sayso.choices") ?? '%s');
}"""

FAKE_MICROPHONE = "--use-fake-device-for-media-stream"
ALLOWED = "--use-fake-ui-for-media-stream"  # the question for permission is answered with yes


def chromium() -> str:
    """Path of the browser; without one the test is skipped, but not in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail("the browser tests need Chromium: install it from the system's packages")
    pytest.skip("needs Chromium: install it from the system's packages")


@dataclasses.dataclass
class Watch:
    """What a page did besides what it shows."""

    complaints: list[str] = dataclasses.field(default_factory=list)
    hosts: set[str] = dataclasses.field(default_factory=set)
    questions: int = 0
    sockets: int = 0

    def on_console(self, message: ConsoleMessage) -> None:
        # That the server refused a recording is logged by the browser itself, the other by Playwright.
        usual = ("the server responded with a status of 4", "Service Worker registration blocked")
        if message.type in ("error", "warning") and not any(words in message.text for words in usual):
            self.complaints.append(message.text)

    def on_request(self, request: Request) -> None:
        if not request.url.startswith("blob:"):  # the page's own memory
            self.hosts.add(urlsplit(request.url).netloc)
        if request.method == "POST":
            self.questions += 1

    def on_socket(self, socket: WebSocket) -> None:
        self.hosts.add(urlsplit(socket.url).netloc)
        self.sockets += 1


# Those that stay open for the next test, by their flags: a browser takes longer to start than a page.
_browsers: dict[tuple[str, ...], Browser] = {}


def _browser(playwright: Playwright, flags: tuple[str, ...]) -> Browser:
    """A browser with these flags: an open one, except where its microphone plays a file from the start."""
    known = _browsers.get(flags)
    if known is not None and known.is_connected():
        return known
    browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=[*FLAGS, *flags])
    if not any(flag.startswith("--use-file") for flag in flags):
        _browsers[flags] = browser
    return browser


@contextlib.contextmanager
def browsing(
    playwright: Playwright,
    address: str,
    *flags: str,
    width: int = 1280,
    height: int = 800,
    script: str = "",
    watch: Watch | None = None,
    manner: str = "once",
    place: str = "server",
    **context: Any,
) -> Iterator[Page]:
    """Open a page; when done, hold that it complained of nothing and asked no other host.

    Args:
        playwright: what drives the browser.
        address: the page's URL.
        *flags: further command-line flags.
        width: of the window, in CSS pixels.
        height: of the window, in CSS pixels.
        script: run before the page's own.
        watch: filled with what the page did.
        manner: how it listens, `once` or `handsfree`, unless the page is told otherwise.
        place: who hears, `server` or `browser`, unless the page is told otherwise.
        **context: what else Playwright may be told of a new page.
    """
    browser = _browser(playwright, flags)
    watch = watch or Watch()
    try:
        # A service worker's requests are not seen here.
        options = {"service_workers": "block", **context}
        page = browser.new_context(viewport={"width": width, "height": height}, **options).new_page()
        page.set_default_timeout(30_000)
        page.on("console", watch.on_console)
        page.on("pageerror", lambda error: watch.complaints.append(str(error)))
        page.on("request", watch.on_request)
        page.on("websocket", watch.on_socket)
        page.add_init_script(KEEP_WHAT_IS_SENT)
        page.add_init_script(CHOOSE % json.dumps({"manner": manner, "place": place}))
        page.add_init_script(script)
        page.goto(address)
        yield page
    finally:
        if flags in _browsers:
            page.context.close()
        else:
            browser.close()
    assert watch.complaints == [], watch.complaints
    assert watch.hosts == {urlsplit(address).netloc}, watch.hosts


def microphone_playing(samples: NDArray[np.float32], folder: Path) -> tuple[str, ...]:
    """Flags for a microphone that, when opened, plays samples `(T,)` of 16 kHz once, after a lead-in."""
    file = folder / "microphone.wav"
    lead_in = np.zeros(round(LEAD_IN_S * PLAYED_RATE), np.float32)
    played = soxr.resample(samples, 16_000, PLAYED_RATE)
    soundfile.write(file, np.concatenate([lead_in, played]), PLAYED_RATE, subtype="PCM_16")
    return FAKE_MICROPHONE, ALLOWED, f"--use-file-for-fake-audio-capture={file}%noloop"


def let_play(page: Page, seconds: float) -> None:
    """Wait until the microphone, open since just now, has played its file."""
    page.wait_for_selector("[data-state=listening]")
    page.wait_for_timeout(1000 * (LEAD_IN_S + seconds))


def read_word(page: Page) -> str:
    """The word on the page, once there is an answer."""
    page.wait_for_selector("#sureness:not(:empty)")
    return page.inner_text("#word")


def sent_by(page: Page) -> list[bytes]:
    """The recordings the page has sent."""
    return [bytes(content) for content in page.evaluate("sent")]


def clips_of(word: str, folder: Path) -> Iterator[NDArray[np.float32]]:
    """The test split's recordings of a word, `(T,)` at 16 kHz."""
    for line in (folder / "testing_list.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(word + "/") and (folder / line).is_file():
            yield audio.decode(folder / line, 16_000)
