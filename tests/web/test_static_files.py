import gzip
import re

import pytest
from flask.testing import FlaskClient

from sayso.web import static_files
from web import scripts

FOLDER = static_files.url_path() + "/"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("listen.js", "javascript"),
        ("sayso.css", "text/css"),
        ("ort/ort-wasm-simd-threaded.wasm", "application/wasm"),
    ],
)
def test_files_come_compressed_to_those_who_take_that(client: FlaskClient, name: str, kind: str) -> None:
    if name.startswith("ort/"):
        scripts.engine()
    content = (static_files.FOLDER / name).read_bytes()

    small = client.get(FOLDER + name, headers={"Accept-Encoding": "gzip, br"}, buffered=True)
    plain = client.get(FOLDER + name, buffered=True)
    again = client.get(
        FOLDER + name, headers={"Accept-Encoding": "gzip", "If-None-Match": small.headers["ETag"]}
    )

    assert gzip.decompress(small.data) == content == plain.data
    assert len(small.data) < len(content) / 2
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert (again.status_code, again.data) == (304, b"")
    assert small.headers["ETag"] != plain.headers["ETag"]
    for answer in (small, plain, again):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for answer in (small, plain):
        assert kind in answer.headers["Content-Type"]


def test_recordings_come_as_they_are(client: FlaskClient) -> None:
    answer = client.get(FOLDER + "samples/left.flac", headers={"Accept-Encoding": "gzip"}, buffered=True)

    assert "Content-Encoding" not in answer.headers
    assert answer.data == (static_files.FOLDER / "samples" / "left.flac").read_bytes()


@pytest.mark.parametrize("name", ["nowhere.js", "../pages.py", "%2e%2e/static_files.js", "samples"])
def test_nothing_else_is_sent(client: FlaskClient, name: str) -> None:
    assert client.get(FOLDER + name, headers={"Accept-Encoding": "gzip"}).status_code == 404


@pytest.mark.parametrize("page", ["listen", "play", "teach"])
def test_a_page_names_every_module_it_will_need(client: FlaskClient, page: str) -> None:
    preloaded = re.findall(rf'<link rel="modulepreload" href="{FOLDER}([^"]+)">', client.get(f"/{page}").text)

    assert preloaded[0] == f"{page}.js"
    assert len(preloaded) == len(set(preloaded))
    for name in preloaded:
        code = (static_files.FOLDER / name).read_text(encoding="utf-8")
        assert set(re.findall(r'from "\./(.+?)"', code)) <= set(preloaded)
