import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import sayso
from web.fake_recognizer import tone, wav
from web.serving import SERVE, SERVE_WITHOUT_FORK, Server, serving

EITHER_SERVER = pytest.mark.parametrize("command", [SERVE, SERVE_WITHOUT_FORK], ids=["gunicorn", "waitress"])


@EITHER_SERVER
def test_it_answers_where_it_says_and_ends_at_an_interrupt(
    command: tuple[str, ...], recognizer: sayso.Recognizer
) -> None:
    with serving(command=command) as server:
        assert server.announcement == f"sayso is listening on http://127.0.0.1:{server.port}"
        assert server.ask(tone("up"))["model"] == recognizer.card.name

        server.process.send_signal(signal.SIGINT)
        output, complaints = server.process.communicate(timeout=5)

    assert (server.process.returncode, output, complaints) == (0, "", "")


def test_it_can_listen_on_every_address() -> None:
    with serving("--host", "0.0.0.0") as server:
        assert server.announcement.endswith(", and on every address of this machine")
        assert server.ask(tone("up"))["word"]


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_refused("--port", str(port), because=f"Port {port} of 127.0.0.1 cannot be listened on")


def test_an_unknown_host_is_one_sentence() -> None:
    assert_refused("--host", "nowhere.invalid", because="'nowhere.invalid' is not an address of this machine")


def test_an_unknown_model_is_one_sentence() -> None:
    assert_refused("--model", "no-such-model", because="There is no model 'no-such-model'")


def assert_refused(*options: str, because: str) -> None:
    ended = subprocess.run([*SERVE, *options], capture_output=True, text=True, timeout=20)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert because in ended.stderr
    assert "Traceback" not in ended.stderr


@EITHER_SERVER
def test_many_at_once_are_each_answered_with_their_own_word(
    command: tuple[str, ...], recognizer: sayso.Recognizer
) -> None:
    noise = np.random.default_rng(0)
    recordings = [wav(0.3 * noise.standard_normal(16_000).cumsum() / 100) for _ in range(20)]
    recordings += [tone("left"), tone("go")]
    expected = [recognizer.recognize(recording) for recording in recordings]

    with serving(command=command) as server, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(server.ask, recordings * 3))

    assert [answer["word"] for answer in answers] == [each.word for each in expected] * 3
    assert [answer["confidence"] for answer in answers] == pytest.approx(
        [each.confidence for each in expected] * 3
    )


@EITHER_SERVER
def test_nothing_is_written_to_disk(command: tuple[str, ...], tmp_path: Path) -> None:
    places = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")}
    large = wav(np.random.default_rng(0).uniform(-0.5, 0.5, 441_000), 96_000)

    with serving(command=command, environment=places, directory=tmp_path) as server:
        assert server.ask(large)["word"]
        assert b" 413 " in refused_unsent(server)
        assert list(tmp_path.rglob("*")) == []
    assert list(tmp_path.rglob("*")) == []


@EITHER_SERVER
def test_a_large_body_is_refused_before_it_is_sent(command: tuple[str, ...]) -> None:
    with serving(command=command) as server:
        assert refused_unsent(server).startswith(b"HTTP/1.1 413 ")


def refused_unsent(server: Server) -> bytes:
    """What the server says to a promise of a gigabyte."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"POST /audio HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000000\r\n\r\n")
        return connection.recv(65536)


def test_settings_come_from_the_environment_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sayso.toml"
    file.write_text("max_bytes = 1000\nworkers = 1", encoding="utf-8")
    environment = {"SAYSO_SETTINGS": str(file), "SAYSO_HOST": "localhost"}

    with serving(environment=environment) as server, pytest.raises(OSError, match="413"):
        server.ask(tone("up"))
