"""Speeds of two sides that take turns, so that a busy machine slows both, and the table of their ratios."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True)
class Line:
    """One comparison: how many clips a second each side does."""

    name: str
    ours: float
    other: float
    bar: float
    cpu_ratio: float | None  # the same by processor time

    @property
    def ratio(self) -> float:
        """Ours against the other."""
        return self.ours / self.other


@dataclasses.dataclass(frozen=True)
class Side:
    """One of the things that take turns: what it does, and for how many clips."""

    work: Callable[[], object]
    clips: int


Speed = tuple[float, float]  # clips a second, by the clock and by processor time


def clips_per_second(sides: dict[str, Side], repetitions: int) -> dict[str, Speed]:
    """Median speed of each side; the sides take turns, and the first round is not counted."""
    seconds: dict[str, list[Speed]] = {name: [] for name in sides}
    for repetition in range(repetitions + 1):
        for name, side in sides.items():
            clock, processor = time.perf_counter(), time.process_time()
            side.work()
            if repetition:
                seconds[name].append((time.perf_counter() - clock, time.process_time() - processor))
    medians = {name: [statistics.median(kind) for kind in zip(*seconds[name], strict=True)] for name in sides}
    return {
        name: (side.clips / medians[name][0], side.clips / medians[name][1]) for name, side in sides.items()
    }


def compared(name: str, ours: Speed, other: Speed, bar: float, *, one_process: bool = True) -> Line:
    """Our speed against the other; processor time is compared where all work is in this process."""
    return Line(name, ours[0], other[0], bar, ours[1] / other[1] if one_process else None)


def print_table(lines: Sequence[Line]) -> None:
    """Print the ratios, and which miss their bar."""
    print(f"{'clips a second':64}{'ours':>8}{'other':>8}{'ratio':>8}{'(cpu)':>8}{'bar':>8}")
    for line in lines:
        kept = "" if line.ratio >= line.bar else "  missed"
        cpu = f"{line.cpu_ratio:8.2f}" if line.cpu_ratio is not None else " " * 8
        figures = f"{line.ours:8,.0f}{line.other:8,.0f}{line.ratio:8.2f}{cpu}{line.bar:8.2f}"
        print(f"{line.name:64}{figures}{kept}")
