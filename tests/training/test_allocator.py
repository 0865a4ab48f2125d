import resource
import subprocess
import sys

import pytest

from sayso.training.allocator import keep_freed_memory

FAULTS = """
import resource, sys, torch
from sayso.training.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def work():
    for _ in range(20):
        torch.zeros(12_000_000).add_(1)  # 48 MB, freed at once
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_large_tensors_are_not_mapped_anew() -> None:
    """Page faults, unlike seconds, are the same on a busy machine."""

    def faults(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True, timeout=120
        )
        return int(done.stdout)

    pages = 20 * 48_000_000 // resource.getpagesize()
    huge = 2 * 1024 * 1024 // resource.getpagesize()  # pages may be huge ones, and so fewer
    assert faults("plain") > pages / huge / 2
    assert faults("keep") < faults("plain") / 10


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
