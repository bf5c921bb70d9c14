"""How much of the memory that it freed this process keeps. For glibc, Linux's C library; others have no such
settings, and nothing happens."""

from __future__ import annotations

import contextlib
import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as in malloc.h


def keep_freed(most: int, block: int) -> None:
    """Keep up to `most` freed bytes for what comes next. Blocks of `block` bytes and more (at most 32 MiB) are not
    among them: they come from the system and go back to it, page by page.

    By default glibc keeps 128 KiB at the top of its heap, and more once large blocks were freed. A process that
    makes one picture after another would spend an eighth of its time on getting the same pages anew.
    """
    _glibc("mallopt", M_TRIM_THRESHOLD, most)
    _glibc("mallopt", M_MMAP_THRESHOLD, block)


def give_back() -> None:
    """Hand all freed pages back to the system, wherever they lie: some milliseconds, for after a large job."""
    _glibc("malloc_trim", 0)


def _glibc(name: str, *numbers: int) -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        getattr(ctypes.CDLL(None), name)(*numbers)
