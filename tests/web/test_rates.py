"""The workers of a server count together, and no clock that somebody sets changes what they counted."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sayso.web import rates
from sayso.web.rates import Counts
from sayso.web.telemetry import FOLDER_VARIABLE
from web.fake_recognizer import tone
from web.raw_client import ask, posting
from web.serving import serving


@pytest.fixture
def counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counts]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    rates.prepare()
    assert rates.storage_uri("memory://") == "shared://"
    counts = Counts()
    yield counts
    counts.close()


def test_two_workers_count_together_and_for_a_time(counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Counts()
    assert [each.incr("a", 60) for each in (counts, other, counts)] == [1, 2, 3]
    assert (other.get("a"), other.get("b")) == (3, 0)
    assert 0 < other.get_expiry("a") - time.time() <= 60

    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert counts.get("a") == 0
    assert other.incr("a", 60) == 1
    other.close()


def test_a_clock_that_jumps_changes_nothing(counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    counts.incr("a", 60)
    now = time.time()
    for jump_s in (-86_400, 86_400):
        monkeypatch.setattr(time, "time", lambda jump_s=jump_s: now + jump_s)
        assert counts.incr("a", 60) > 1
        assert 0 < counts.get_expiry("a") - time.time() <= 60


def test_what_has_ended_is_forgotten(counts: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(rates.SWEEP_EVERY - 1):
        counts.incr(str(number), 1)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 60)
    counts.incr("new", 1)
    assert counts.reset() == 1


def test_where_there_is_no_room_each_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "/dev/full")  # no folder, and nothing can be made in it
    rates.prepare()
    assert rates.storage_uri("memory://") == "memory://"


def test_a_broken_database_is_noticed(counts: Counts, tmp_path: Path) -> None:
    assert counts.check()
    with sqlite3.connect(tmp_path / "rates") as database:
        database.execute("DROP TABLE counts")
    database.close()
    assert not counts.check()


def test_a_client_of_several_workers_has_one_allowance() -> None:
    environment = {"SAYSO_MODEL": "m5", "SAYSO_RATE_LIMIT": "10/hour"}
    with serving("--workers", "2", environment=environment) as server:
        replies = [ask(server, posting(tone("up"))) for _ in range(30)]

    statuses = [reply.status for reply in replies if reply is not None]
    assert statuses == [200] * 10 + [429] * 20
