"""Memory for training: kept between steps instead of given back and asked for again."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_MOST_BYTES = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let the C library keep what tensors free for those of the next step.

    By default glibc maps each large tensor anew, and every page of it costs the system a fault: a fifth of a
    training step on a CPU. Other threads' tensors lie in arenas that it gives back all the same, so there is
    one arena only. Says whether there is such a library; elsewhere nothing is done.
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):  # musl has none
        return False
    mapped = library.mallopt(_MMAP_THRESHOLD, 2**30)
    trimmed = library.mallopt(_TRIM_THRESHOLD, _MOST_BYTES)
    arenas = library.mallopt(_ARENA_MAX, 1)
    return bool(mapped and trimmed and arenas)
