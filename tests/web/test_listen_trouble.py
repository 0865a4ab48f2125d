"""What the page says when it cannot hear, or is not answered."""

import functools

import pytest
from playwright.sync_api import Page, Playwright, WebSocketRoute, expect

from web.browsing import ALLOWED, FAKE_MICROPHONE, Watch, browsing
from web.fake_recognizer import tone
from web.serving import Server, serving

BUSY = """navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException("device in use", "NotReadableError");
}"""


def problem(page: Page) -> str:
    page.wait_for_selector("#word[data-tone=problem]")
    expect(page.locator("#spoken")).to_have_text(page.inner_text("#word"))
    expect(page.locator("#instrument")).to_have_attribute("data-state", "resting")
    return page.inner_text("#word")


@pytest.mark.parametrize(
    ("flags", "script", "sentence"),
    [
        ([FAKE_MICROPHONE], "", "The microphone was refused. Allow it for this page"),
        ([ALLOWED], "", "No microphone was found. Connect one"),
        ([FAKE_MICROPHONE, ALLOWED], BUSY, "another program may be using it"),
    ],
    ids=["denied", "missing", "busy"],
)
def test_each_microphone_failure_has_its_sentence(
    playwright: Playwright, server: Server, flags: list[str], script: str, sentence: str
) -> None:
    with browsing(playwright, server.address + "/listen", *flags, script=script) as page:
        page.click("#talk")

        assert sentence in problem(page)


def test_an_insecure_page_says_how_to_open_it(playwright: Playwright, server: Server) -> None:
    elsewhere = f"http://sayso.test:{server.port}/listen"
    flags = [FAKE_MICROPHONE, ALLOWED, "--host-resolver-rules=MAP sayso.test 127.0.0.1"]
    with browsing(playwright, elsewhere, *flags) as page:
        page.click("#talk")

        sentence = problem(page)
        assert "over https" in sentence
        assert "localhost" in sentence
        page.set_input_files("#file", {"name": "clip.wav", "mimeType": "", "buffer": tone("up")})
        page.wait_for_selector("#sureness:not(:empty)")


def test_a_lost_microphone_is_noticed(playwright: Playwright, server: Server) -> None:
    keep = """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await open(wanted));"""
    with browsing(playwright, server.address + "/listen", FAKE_MICROPHONE, ALLOWED, script=keep) as page:
        page.click("#talk")
        page.wait_for_selector("[data-state=listening]")
        page.evaluate("stream.getTracks()[0].dispatchEvent(new Event('ended'))")

        assert "was disconnected" in problem(page)
        assert page.evaluate("stream.getTracks()[0].readyState") == "ended"


def test_the_servers_own_words_are_shown(playwright: Playwright, server: Server) -> None:
    with browsing(playwright, server.address + "/listen") as page:
        page.set_input_files("#file", {"name": "x.wav", "mimeType": "", "buffer": b"no recording"})

        assert "not a recording" in problem(page)


def test_a_file_too_large_is_not_sent(playwright: Playwright) -> None:
    watch = Watch()
    with (
        serving(environment={"SAYSO_MAX_BYTES": "20000"}) as server,
        browsing(playwright, server.address + "/listen", watch=watch) as page,
    ):
        page.set_input_files("#file", {"name": "x.wav", "mimeType": "", "buffer": bytes(20_001)})

        assert "too large: at most 0.02 MB" in problem(page)
        assert watch.questions == 0


def test_an_answer_that_is_none_is_worded_here(playwright: Playwright, server: Server) -> None:
    with browsing(playwright, server.address + "/listen") as page:
        page.route("**/api/v1/recognitions?*", lambda route: route.fulfill(status=499, body="<h1>Oh</h1>"))
        page.set_input_files("#file", {"name": "clip.wav", "mimeType": "", "buffer": tone("up")})

        assert "error (499) and no explanation" in problem(page)


def test_a_server_out_of_reach_is_said(playwright: Playwright, server: Server) -> None:
    watch = Watch()
    with browsing(playwright, server.address + "/listen", watch=watch) as page:
        page.route("**/api/v1/recognitions?*", lambda route: route.abort())
        page.set_input_files("#file", {"name": "clip.wav", "mimeType": "", "buffer": tone("up")})

        assert "server cannot be reached" in problem(page)
        watch.complaints.clear()  # the browser's own line about the request


def test_a_server_that_hangs_up_says_why(playwright: Playwright, server: Server) -> None:
    with browsing(
        playwright, server.address + "/listen", FAKE_MICROPHONE, ALLOWED, manner="handsfree"
    ) as page:
        for reason, sentence in (
            ("Too many are listening: try later.", "Too many are listening"),
            ("", "server cannot be reached"),
        ):
            hang_up = functools.partial(WebSocketRoute.close, code=1008, reason=reason)
            page.route_web_socket("**/api/v1/listen", hang_up)
            page.click("#talk")
            page.wait_for_selector(f"#word:has-text('{sentence}')")
            assert sentence in problem(page)


def test_silence_is_explained(playwright: Playwright, server: Server) -> None:
    mute = """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const stream = await open(wanted);
      stream.getTracks().forEach((track) => { track.enabled = false; });
      return stream;
    }"""
    with browsing(playwright, server.address + "/listen", FAKE_MICROPHONE, ALLOWED, script=mute) as page:
        page.click("#talk")
        page.wait_for_selector("[data-state=listening]")
        page.wait_for_timeout(400)
        page.click("#talk")

        assert "silen" in problem(page)
