"""Where the operator demands tokens: the page asks for one, once, and everything on it works."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from web import scripts
from web.browsing import ALLOWED, FAKE_MICROPHONE, Watch, browsing, read_word
from web.serving import Server, serving

TOKEN = "schlüssel / 1"
SAMPLES = scripts.STATIC / "samples"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text(f"anna {hashlib.sha256(TOKEN.encode()).hexdigest()}\n", encoding="utf-8")
    with serving(environment={"SAYSO_TOKENS_FILE": str(file), "SAYSO_TEACHING": "off"}) as server:
        yield server


def enter(page: Page, token: str) -> None:
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Use it").click()


def test_the_model_is_fetched_with_it_and_it_is_kept_for_the_tab(
    playwright: Playwright, locked: Server, tmp_path: Path
) -> None:
    scripts.engine()
    with browsing(playwright, locked.address + "/listen", place="browser") as page:
        enter(page, "wrong")
        expect(page.get_by_text("It does not know the last one.")).to_be_visible()
        enter(page, TOKEN)
        page.wait_for_selector("[data-engine=ready]", timeout=60_000)
        page.reload()
        page.wait_for_selector("[data-engine=ready]", timeout=60_000)
        expect(page.locator("#token")).to_be_hidden()
        page.set_input_files("#file", SAMPLES / "left.flac")
        assert read_word(page) == "left"


def test_a_recording_waits_for_it(playwright: Playwright, locked: Server) -> None:
    with browsing(playwright, locked.address + "/listen") as page:
        expect(page.locator("#token")).to_be_hidden()
        page.set_input_files("#file", SAMPLES / "stop.flac")
        enter(page, TOKEN)
        assert read_word(page) == "stop"


def test_who_has_none_is_told(playwright: Playwright, locked: Server) -> None:
    with browsing(playwright, locked.address + "/listen") as page:
        page.set_input_files("#file", SAMPLES / "stop.flac")
        page.get_by_role("button", name="Not now").click()
        expect(page.locator("#word")).to_contain_text("token")
        expect(page.locator("#word")).to_have_attribute("data-tone", "problem")


def test_a_stream_is_opened_with_it(playwright: Playwright, locked: Server) -> None:
    watch = Watch()
    with browsing(
        playwright, locked.address + "/listen", FAKE_MICROPHONE, ALLOWED, manner="handsfree", watch=watch
    ) as page:
        with page.expect_websocket():
            page.click("#talk")
        with page.expect_websocket() as second:
            enter(page, TOKEN)
        second.value.wait_for_event("framesent")
        expect(page.locator("#instrument")).to_have_attribute("data-state", "listening")
        page.click("#talk")
        expect(page.locator("#instrument")).to_have_attribute("data-state", "resting")
        expect(page.locator("#word")).not_to_have_attribute("data-tone", "problem")
        watch.complaints.clear()  # the browser's own line about the first attempt
