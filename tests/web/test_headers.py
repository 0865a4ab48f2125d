import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import sayso.web
from sayso.web import create_app, static_files
from web.fake_recognizer import FakeRecognizer, tone

WEB = Path(sayso.web.__file__).parent
PAGES = ("/", "/listen", "/nowhere")
EVERYTHING = (*PAGES, "/audio", "/api/v1/models", "/api/nowhere", "/healthz")
TEXTS = (".html", ".js", ".mjs", ".css", ".svg", ".json", ".webmanifest")
NAMESPACES = ("http://www.w3.org/2000/svg",)


@pytest.mark.parametrize("path", EVERYTHING)
def test_every_reply_names_the_model_and_is_protected(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert headers["Sayso-Model"] == "pitches"
    assert headers["Sayso-Digest"] == FakeRecognizer.digest
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "microphone=(self)" in headers["Permissions-Policy"]
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy  # WebAssembly's own is another


@pytest.mark.parametrize("path", PAGES)
def test_pages_need_nothing_the_policy_forbids(client: FlaskClient, path: str) -> None:
    page = client.get(path).text

    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))


@pytest.mark.parametrize("path", PAGES)
def test_what_a_page_names_is_there_and_may_be_kept(client: FlaskClient, path: str) -> None:
    named = re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get(path).text)

    assert len(named) >= 2
    for address in named:
        with client.get(address) as response:
            assert response.status_code == 200
            assert response.cache_control.immutable
            assert (response.cache_control.max_age or 0) > 30_000_000


def test_all_workers_name_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.js").write_text("1")
    monkeypatch.setattr(static_files, "FOLDER", tmp_path)
    static_files.url_path.cache_clear()
    try:
        before = create_app(FakeRecognizer()).static_url_path
        (tmp_path / "page.js").write_text("2")
        assert create_app(FakeRecognizer()).static_url_path == before  # as in a worker forked later
        static_files.url_path.cache_clear()  # as at a reload
        assert create_app(FakeRecognizer()).static_url_path != before
    finally:
        static_files.url_path.cache_clear()


def test_modules_import_only_what_lies_beside_them() -> None:
    for script in (WEB / "static").glob("*.js"):
        for name in re.findall(r'from "([^"]+)"', script.read_text(encoding="utf-8")):
            assert (script.parent / name).is_file()


def test_pages_and_answers_are_not_kept(client: FlaskClient) -> None:
    assert client.get("/listen").cache_control.no_cache
    assert client.post("/audio", data=tone("up")).cache_control.no_store
    assert client.get("/static/0/nothing.js").cache_control.no_store


def test_no_file_names_another_host() -> None:
    files = [
        path
        for folder in ("templates", "static")
        for path in (WEB / folder).rglob("*")
        if path.suffix in TEXTS and path.parent.name != "ort"  # not ours
    ]

    assert len(files) > 10
    for file in files:
        addresses = re.findall(r"(?:https?:)?//[\w-]+\.[\w.-]+[^\s\"'<]*", file.read_text(encoding="utf-8"))
        assert [address for address in addresses if address not in NAMESPACES] == [], file
