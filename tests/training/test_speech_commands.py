import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sayso import audio
from sayso.errors import DataError
from sayso.training import fetch, speech_commands
from sayso.training.dataset import read_clips
from sayso.training.speech_commands import download, unpack


def archive_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def data_set() -> bytes:
    noise = np.random.default_rng(0).uniform(-1, 1, size=(2, 16_000)).astype(np.float32)  # does not compress
    return archive_of(
        (entry("./", tarfile.DIRTYPE), b""),
        (entry("./yes", tarfile.DIRTYPE), b""),
        (entry("./yes/anna_nohash_0.wav"), audio.encode_wav(noise[0], 16_000)),
        (entry("./no/bert_nohash_0.wav"), audio.encode_wav(noise[1], 16_000)),
        (entry("./testing_list.txt"), b"yes/anna_nohash_0.wav\n"),
        (entry("./validation_list.txt"), b""),
    )


@dataclass
class Server:
    """What a test server offers, how it behaves, and what it was asked for."""

    content: bytes
    url: str = ""
    knows_ranges: bool = True
    cuts_after: list[int] = field(default_factory=list)  # bytes of the answers to come; then whole ones
    status: int = 0  # answered instead of the content
    content_type: str = "application/gzip"
    ranges: list[str | None] = field(default_factory=list)
    sent_bytes: int = 0

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers["Range"]
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.knows_ranges else 0
        if self.status or start >= len(self.content):
            handler.send_error(self.status or 416)
            return
        body = self.content[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Type", self.content_type)
        handler.send_header("Content-Length", str(len(body)))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        handler.end_headers()
        body = body[: self.cuts_after.pop(0)] if self.cuts_after else body
        self.sent_bytes += len(body)  # before they are there to be read, lest a test look too soon
        handler.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetch, "WAIT_SECONDS", 0.0)
    offer = Server(data_set())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            offer.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        offer.url = f"http://127.0.0.1:{listening.server_port}/words.tar.gz"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield offer
        listening.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "words"


def refused(server: Server, target: Path, sha256: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        download(target, url=server.url, sha256=sha256 or server.sha256)
    assert not target.exists()
    return str(caught.value)


def beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_the_data_set_is_downloaded_checked_and_unpacked(server: Server, target: Path) -> None:
    assert download(target, url=server.url, sha256=server.sha256) == target

    assert [(clip.key, clip.split) for clip in read_clips(target)] == [
        ("no/bert_nohash_0", "training"),
        ("yes/anna_nohash_0", "testing"),
    ]
    assert beside(target) == ["words"]


def test_a_complete_folder_is_left_alone(server: Server, target: Path) -> None:
    for _ in range(2):
        download(target, url=server.url, sha256=server.sha256.upper())

    assert len(server.ranges) == 1


def test_an_empty_folder_may_be_named(server: Server, target: Path) -> None:
    target.mkdir(parents=True)
    download(target, url=server.url, sha256=server.sha256)

    assert len(read_clips(target)) == 2


def test_a_folder_with_something_else_is_refused(server: Server, target: Path) -> None:
    target.mkdir(parents=True)
    (target / "precious.txt").write_text("mine")

    with pytest.raises(DataError, match="was not made by this download"):
        download(target, url=server.url, sha256=server.sha256)
    assert (target / "precious.txt").exists()
    assert not server.ranges


def test_a_connection_cut_midway_is_taken_up_where_it_broke(server: Server, target: Path) -> None:
    server.cuts_after = [20_000, 10_000, 0, 0, 5_000, 0]

    download(target, url=server.url, sha256=server.sha256)

    assert server.ranges == [
        None,
        *["bytes=20000-", "bytes=30000-", "bytes=30000-", "bytes=30000-", "bytes=35000-", "bytes=35000-"],
    ]
    assert server.sent_bytes == len(server.content)


def test_a_later_call_goes_on(server: Server, target: Path) -> None:
    server.cuts_after = [20_000, *[0] * fetch.ATTEMPTS]
    message = refused(server, target)
    assert "the connection broke off" in message
    assert "it goes on after the 0 MB" in message
    assert beside(target) == ["words.tar.gz.partial"]

    download(target, url=server.url, sha256=server.sha256)

    assert server.ranges[-1] == "bytes=20000-"
    assert server.sent_bytes == len(server.content)


def test_a_server_without_ranges_starts_anew(server: Server, target: Path) -> None:
    server.knows_ranges, server.cuts_after = False, [20_000]

    download(target, url=server.url, sha256=server.sha256)

    assert server.sent_bytes == 20_000 + len(server.content)
    assert len(read_clips(target)) == 2


def test_a_download_ended_before_its_check_needs_no_byte_more(server: Server, target: Path) -> None:
    target.parent.mkdir()
    (target.parent / "words.tar.gz.partial").write_bytes(server.content)

    download(target, url=server.url, sha256=server.sha256)

    assert server.sent_bytes == 0


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_an_unpacking_interrupted_begins_again_without_download(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    def interrupted(archive: Path, folder: Path) -> None:
        (folder / "half").mkdir(parents=True)
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(speech_commands, "unpack", interrupted)
        with pytest.raises(stop):
            download(target, url=server.url, sha256=server.sha256)
    assert beside(target) == ["words.tar.gz", "words.unpacking"]

    download(target, url=server.url, sha256=server.sha256)

    assert len(server.ranges) == 1
    assert beside(target) == ["words"]
    assert not (target / "half").exists()


def test_a_wrong_checksum_is_refused_and_nothing_kept(server: Server, target: Path) -> None:
    message = refused(server, target, sha256="0" * 64)

    assert server.sha256 in message
    assert beside(target) == []


def test_a_spoilt_partial_is_not_built_upon_twice(server: Server, target: Path) -> None:
    target.parent.mkdir()
    (target.parent / "words.tar.gz.partial").write_bytes(b"something else")
    refused(server, target)

    download(target, url=server.url, sha256=server.sha256)

    assert server.ranges == ["bytes=14-", None]


def test_an_archive_put_there_by_hand_is_checked_and_never_deleted_when_wrong(
    server: Server, target: Path
) -> None:
    target.parent.mkdir()
    (target.parent / "words.tar.gz").write_bytes(b"another")
    assert "words.tar.gz is damaged or another archive" in refused(server, target)
    assert beside(target) == ["words.tar.gz"]

    (target.parent / "words.tar.gz").write_bytes(server.content)
    download(target, url=server.url, sha256=server.sha256)
    assert not server.ranges


def test_a_missing_page_is_told_at_once(server: Server, target: Path) -> None:
    server.status = 404

    assert "answered 404 Not Found: check the address" in refused(server, target)
    assert len(server.ranges) == 1


def test_a_busy_server_is_asked_again(server: Server, target: Path) -> None:
    server.status = 503

    assert "503 Service Unavailable" in refused(server, target)
    assert len(server.ranges) == fetch.ATTEMPTS


def test_a_web_page_is_no_archive_and_leaves_what_is_there(server: Server, target: Path) -> None:
    target.parent.mkdir()
    partial = target.parent / "words.tar.gz.partial"
    partial.write_bytes(server.content[:1000])
    server.content_type, server.knows_ranges = "text/html; charset=utf-8", False

    assert "web page" in refused(server, target)
    assert partial.read_bytes() == server.content[:1000]


def test_a_silent_server_is_given_up(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(fetch, "ATTEMPTS", 2)
    awake = threading.Event()
    monkeypatch.setattr(server, "answer", lambda _: awake.wait(5))

    assert "timed out" in refused(server, target)
    awake.set()


def test_nobody_listening_is_one_sentence(server: Server, target: Path) -> None:
    server.url = "http://127.0.0.1:9/words.tar.gz"

    assert "Connection refused" in refused(server, target)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/words", "words.tar.gz"])
def test_only_web_addresses_are_opened(server: Server, target: Path, url: str) -> None:
    server.url = url

    assert "is not a web address" in refused(server, target)


def test_too_long_a_file_is_not_taken(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_commands, "MAX_ARCHIVE_BYTES", 1000)

    assert "holds more than 0 MB" in refused(server, target)


@pytest.mark.parametrize("place", ["words.tar.gz.partial", "words.unpacking"])
def test_a_full_disk_is_one_sentence(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    really_open: Any = Path.open if place.endswith("partial") else tarfile.bltn_open  # type: ignore[attr-defined]

    def open_full(path: Path | str, mode: str = "r", **options: Any) -> Any:
        return really_open(full if place in str(path) and mode in ("wb", "ab") else path, mode, **options)

    if place.endswith("partial"):
        monkeypatch.setattr(Path, "open", open_full)
    else:
        monkeypatch.setattr(tarfile, "bltn_open", open_full)

    message = refused(server, target)

    assert message.startswith("The disk that holds ")
    assert "is full: free some space and call again" in message


def test_a_folder_that_may_not_be_written_is_one_sentence(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DataError, match="cannot be written to"):
        download(tmp_path / "file" / "words", url=server.url, sha256=server.sha256)


def long_header(size: int) -> bytes:
    """An archive whose first header announces a comment of many bytes."""
    header = tarfile.TarInfo("comment")
    header.type, header.size = tarfile.XHDTYPE, size
    return gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 20))


HOSTILE: dict[str, tuple[bytes, str]] = {
    "outside": (archive_of((entry("yes/../../evil"), b"x")), "'yes/../../evil' lies outside"),
    "absolute": (archive_of((entry("/tmp/evil"), b"x")), "'/tmp/evil' lies outside"),
    "Windows": (archive_of((entry("..\\evil"), b"x")), "lies outside"),
    "symbolic link": (
        archive_of((entry("evil", tarfile.SYMTYPE, "/etc"), b"")),
        "neither a file nor a folder",
    ),
    "hard link": (archive_of((entry("evil", tarfile.LNKTYPE, "/etc/passwd"), b"")), "neither a file"),
    "device": (archive_of((entry("evil", tarfile.CHRTYPE), b"")), "neither a file"),
    "pipe": (archive_of((entry("evil", tarfile.FIFOTYPE), b"")), "neither a file"),
    "many bytes": (archive_of(*[(entry(f"{n}.wav"), bytes(400_000)) for n in range(3)]), "more than"),
    "many files": (archive_of(*[(entry(f"{n}.wav"), b"") for n in range(30)]), "more than"),
    "long header": (long_header(1 << 30), "is damaged"),
    "no archive": (gzip.compress(b"just text"), "is damaged"),
    "not packed": (b"just text", "is damaged"),
    "cut off": (data_set()[:-20_000], "is damaged"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_archive_leaves_nothing(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(speech_commands, "MAX_UNPACKED_BYTES", 1_000_000)
    monkeypatch.setattr(speech_commands, "MAX_FILES", 20)
    server.content, sentence = HOSTILE[kind]

    assert sentence in refused(server, target)
    assert beside(target) == ["words.tar.gz"]
    assert not (target.parent.parent / "evil").exists()


def test_unpacking_goes_into_a_new_folder_only(tmp_path: Path) -> None:
    (tmp_path / "words.tar.gz").write_bytes(data_set())

    with pytest.raises(DataError, match="File exists"):
        unpack(tmp_path / "words.tar.gz", tmp_path)


def test_progress_is_shown_on_a_terminal_only(
    server: Server, target: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    download(target, url=server.url, sha256=server.sha256)

    assert capfd.readouterr() == ("", "")
