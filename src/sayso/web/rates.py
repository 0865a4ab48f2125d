"""Where the workers of one server count together how often each client asked: a small database in memory.

The clock is one that nobody sets: a limit neither falls nor stays because the time of day jumped.
"""

import contextlib
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from limits.storage import Storage

from sayso.web.telemetry import FOLDER_VARIABLE

PATIENCE_S = 0.2  # for another worker's count
SWEEP_EVERY = 1000  # counts, between looks for those that mean nothing any more

COUNT = """
    INSERT INTO counts VALUES (:key, :amount, :now + :expiry) ON CONFLICT (key) DO UPDATE SET
        amount = CASE WHEN ends > :now THEN amount ELSE 0 END + :amount,
        ends = CASE WHEN ends > :now THEN ends ELSE :now + :expiry END
    RETURNING amount
"""


def prepare() -> None:
    """Make the database, before the fork; without room for it, each worker will count for itself."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(_file())) as database:
        database.execute("PRAGMA journal_mode = WAL")  # readers and writers do not wait for one another
        database.execute("CREATE TABLE counts (key TEXT PRIMARY KEY, amount INT, ends REAL)")


def storage_uri(setting: str) -> str:
    """Where counts are kept: as `rate_storage` says, but in one memory for all workers if it can be."""
    return f"{Counts.STORAGE_SCHEME[0]}://" if setting == "memory://" and _file().is_file() else setting


def _file() -> Path:
    return Path(os.environ.get(FOLDER_VARIABLE, "/nowhere"), "rates")


class Counts(Storage):
    """Counts by key, each for a time; made in each worker, after the fork."""

    STORAGE_SCHEME = ["shared"]  # noqa: RUF012  # as the base class has it

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **_: Any) -> None:
        super().__init__(uri, wrap_exceptions)
        self._lock = threading.Lock()
        self._since_sweep = 0
        self._database = sqlite3.connect(
            _file(),
            timeout=PATIENCE_S,
            isolation_level=None,  # each statement by itself
            check_same_thread=False,
        )
        self._database.execute(
            "PRAGMA synchronous = OFF"
        )  # what outlives a worker need not outlive the machine

    @property
    def base_exceptions(self) -> type[Exception]:
        """What goes wrong here."""
        return sqlite3.Error

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count; the first time, for `expiry` seconds."""
        with self._lock:
            self._since_sweep += 1
            if self._since_sweep >= SWEEP_EVERY:
                self._since_sweep = 0
                self._database.execute("DELETE FROM counts WHERE ends <= ?", (time.monotonic(),))
            values = {"key": key, "amount": amount, "expiry": expiry, "now": time.monotonic()}
            return int(self._database.execute(COUNT, values).fetchall()[0][0])

    def get(self, key: str) -> int:
        """What was counted."""
        return int(self._row(key)[0])

    def get_expiry(self, key: str) -> float:
        """When a count ends, in seconds since 1970."""
        return time.time() + float(self._row(key)[1])

    def _row(self, key: str) -> tuple[int, float]:
        """A count, and the seconds it still has."""
        now = time.monotonic()
        with self._lock:
            rows = self._database.execute(
                "SELECT amount, ends - ? FROM counts WHERE key = ? AND ends > ?", (now, key, now)
            ).fetchall()
        return rows[0] if rows else (0, 0.0)

    def check(self) -> bool:
        """Whether counting works, which reading alone does not show."""
        try:
            self.incr("", 1)
        except sqlite3.Error:
            return False
        return True

    def reset(self) -> int:
        """Forget everything."""
        with self._lock:
            return self._database.execute("DELETE FROM counts").rowcount

    def close(self) -> None:
        """Count no more."""
        self._database.close()

    def clear(self, key: str) -> None:
        """Forget one count."""
        with self._lock:
            self._database.execute("DELETE FROM counts WHERE key = ?", (key,))
