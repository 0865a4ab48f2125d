import errno
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from sayso.web import Settings, create_app
from sayso.web.telemetry import FOLDER_VARIABLE, JsonLines
from web.fake_recognizer import FakeRecognizer, tone
from web.raw_client import ask, getting, posting
from web.serving import serving


def figures(page: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_what_was_heard_refused_and_asked_is_counted(client: FlaskClient) -> None:
    for word in ("up", "up", "go"):
        client.post("/audio", data=tone(word))
    client.post("/audio", data=b"no recording")
    client.get("/api/v1/models/none")
    client.get("/nowhere/at/all")

    counted = figures(client.get("/metrics").text)

    def of(name: str, **labels: str) -> float:
        return counted[name, tuple(sorted(labels.items()))]

    assert of("sayso_words_total", model="pitches", word="up", accepted="true") == 2
    assert of("sayso_words_total", model="pitches", word="go", accepted="false") == 1
    assert of("sayso_unheard_total", code="not_audio") == 1
    assert of("sayso_requests_total", route="/audio", status="200") == 3
    assert of("sayso_requests_total", route="/api/v1/models/<name>", status="404") == 1
    assert of("sayso_requests_total", route="none", status="404") == 1
    assert of("sayso_decode_seconds_count") == of("sayso_model_seconds_count", model="pitches") == 3
    assert of("sayso_request_seconds_count", route="/audio") == 4


def test_figures_are_right_under_several_workers_and_leave_nothing() -> None:
    memory = Path("/dev/shm")
    with serving("--workers", "2", environment={"SAYSO_MODEL": "m5"}) as server:
        for _ in range(30):
            ask(server, posting(tone("up")))
        reply = ask(server, getting("/metrics"))
        assert reply is not None
        counted = figures(reply.body.decode())
        mine = f"sayso-figures-{server.process.pid}-"
        assert not memory.is_dir() or [each for each in memory.iterdir() if each.name.startswith(mine)]
    assert counted["sayso_requests_total", (("route", "/audio"), ("status", "200"))] == 30
    assert sum(value for (name, _), value in counted.items() if name == "sayso_words_total") == 30
    assert not memory.is_dir() or not [each for each in memory.iterdir() if each.name.startswith(mine)]


def test_every_request_has_an_id_or_keeps_its_own(client: FlaskClient) -> None:
    made = [client.get("/healthz").headers["X-Request-Id"] for _ in range(2)]
    assert made[0] != made[1]
    kept = client.get("/healthz", headers={"X-Request-Id": "from-a.proxy_1"})
    assert kept.headers["X-Request-Id"] == "from-a.proxy_1"
    replaced = client.get("/healthz", headers={"X-Request-Id": "<b>" + "x" * 100})
    assert re.fullmatch("[0-9a-f]{16}", replaced.headers["X-Request-Id"])


def test_each_request_is_one_json_line_without_its_sound(caplog: pytest.LogCaptureFixture) -> None:
    client = create_app(FakeRecognizer(), Settings(log="requests")).test_client()
    recording = tone("up")

    with caplog.at_level(logging.INFO, "sayso.requests"):
        response = client.post(
            "/audio?secret=1",
            data=recording,
            headers={"Authorization": "Bearer hidden", "X-Request-Id": "a1"},
        )

    assert response.status_code == 200
    (record,) = caplog.records
    line: dict[str, Any] = json.loads(JsonLines().format(record))
    assert line["id"] == "a1"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/audio", 200)
    assert line["bytes"] == len(recording)
    assert line["ms"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert "secret" not in str(line)
    assert "hidden" not in str(line)
    assert len(str(line)) < 400


def test_a_failure_is_logged_with_the_requests_id_and_its_reason() -> None:
    class Failing(FakeRecognizer):
        def recognize_samples(self, _samples: Any, /, **_limits: Any) -> Any:
            raise RuntimeError("no such luck")

    app = create_app(Failing())
    lines: list[dict[str, Any]] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonLines().format(record)))

    app.logger.addHandler(Keeping())
    response = app.test_client().post("/audio", data=tone("up"))

    assert response.status_code == 500
    (line,) = lines
    assert (line["level"], line["id"]) == ("error", response.headers["X-Request-Id"])
    assert "no such luck" in line["traceback"]


def test_the_servers_log_is_json_lines(tmp_path: Path) -> None:
    environment = {"SAYSO_LOG": "requests", "SAYSO_MODEL": "m5"}
    with serving("--workers", "1", environment=environment) as server:
        ask(server, posting(tone("up")))
        ask(server, getting("/nowhere"))
        server.process.terminate()
        complaints = server.process.communicate(timeout=30)[1]

    lines = [json.loads(line) for line in complaints.splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [("/audio", 200), ("/nowhere", 404)]


def test_without_room_a_workers_figures_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(os, "posix_fallocate", full)
    client = create_app(FakeRecognizer()).test_client()
    client.post("/audio", data=tone("up"))

    counted = figures(client.get("/metrics").text)
    assert counted["sayso_requests_total", (("route", "/audio"), ("status", "200"))] == 1
    assert "no room to share" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_ended_leaves_its_figures_and_little_else(tmp_path: Path) -> None:
    program = """
import os, pathlib, sys
from sayso.web import create_app, telemetry
from web.fake_recognizer import FakeRecognizer, tone

def taken():
    return sum(file.stat().st_size for file in pathlib.Path(sys.argv[1]).iterdir())

worker = os.fork()
if worker == 0:
    create_app(FakeRecognizer()).test_client().post("/audio", data=tone("up"))
    os._exit(0)
os.waitpid(worker, 0)
before = taken()
telemetry.forget_worker(worker)
assert taken() < before / 5
print(create_app(FakeRecognizer()).test_client().get("/metrics").text)
"""
    tests = str(Path(__file__).parent.parent)
    ended = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        env={**os.environ, FOLDER_VARIABLE: str(tmp_path), "PYTHONPATH": tests},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 0, ended.stderr
    counted = figures(ended.stdout)
    assert counted["sayso_requests_total", (("route", "/audio"), ("status", "200"))] == 1


def test_what_a_killed_server_left_is_tidied_up_by_the_next() -> None:
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        pytest.skip("needs /dev/shm")
    ended = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    left = memory / f"sayso-figures-{ended}-test"
    left.mkdir()
    (left / "counter_1.db").write_bytes(b"")
    with serving("--workers", "1", environment={"SAYSO_MODEL": "m5"}):
        assert not left.exists()
