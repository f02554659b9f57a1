"""How the C library keeps memory between frames."""

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 1 << 20
MOST_KEPT = 4 << 20


def keep_freed_memory() -> None:
    """A buffer of a frame is larger than what glibc keeps. Fresh pages from the kernel for each of its copies would be
    a third of what shipping costs. Elsewhere (musl) there is nothing to set."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT)
        libc.mallopt(_M_TRIM_THRESHOLD, MOST_KEPT)
