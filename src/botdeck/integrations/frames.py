"""Tracebacks as they would be without us: libraries and bots print them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


def without_ours(exc: BaseException) -> None:
    """Take the frames of adapters out of an exception that has passed them, and out of those behind it."""
    todo, done = [exc], set[int]()
    while todo:
        each = todo.pop()
        if id(each) in done:
            continue
        done.add(id(each))
        _unlink(each)
        todo += filter(None, (each.__cause__, each.__context__))


def _unlink(exc: BaseException) -> None:
    kept = [frame for frame in _frames(exc) if not frame.tb_frame.f_code.co_filename.startswith(_HERE)]
    if not kept:  # it was never raised
        return
    for frame, following in zip(kept, [*kept[1:], None], strict=True):
        frame.tb_next = following
    exc.__traceback__ = kept[0]


def _frames(exc: BaseException) -> Iterator[TracebackType]:
    frame = exc.__traceback__
    while frame is not None:
        yield frame
        frame = frame.tb_next
