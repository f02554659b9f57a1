"""How a run's memory went: a bounded number of points over its whole life, whether that is minutes or months."""

import contextlib
import os
from pathlib import Path

from botdeck.models import MemoryPoint

MOST_POINTS = 200
FINEST_S = 5.0
WRITE_EVERY_S = 60.0


class MemoryCurve:
    """The largest value of each step of time. When there are too many points, the steps become twice as long.

    A small file carries it over a restart of the runner. It is written now and then, and if the disk has no room for
    it, then not: the curve in memory is the one that counts. What comes after a restart is fine for a while, and gets
    as coarse as the rest when there is too much of it.
    """

    def __init__(self, path: Path, points: list[MemoryPoint]) -> None:
        self._path = path
        self._points = points
        """One for each step that is over."""
        self._step_s = FINEST_S
        self._highest: tuple[float, int] | None = None
        """Of the step that is not: when, and how much."""
        self._latest: tuple[float, int] | None = None
        self._written = 0
        """Points that the file has; -1 when it has to be written anew."""
        self._written_at_s = points[-1].at_s if points else 0.0
        self._thin()

    @classmethod
    def open(cls, path: Path) -> "MemoryCurve":
        """With what an earlier runner left there, if anything."""
        try:
            text = path.read_text("utf-8", "replace")
        except OSError:
            return cls(path, [])
        points = [point for line in text.splitlines(keepends=True) if (point := _point(line))]
        curve = cls(path, sorted(points, key=lambda point: point.at_s))
        curve._written = len(points) if text.count("\n") == len(points) == len(curve._points) else -1
        return curve

    def add(self, at_s: float, size_bytes: int) -> None:
        """`at_s` seconds after the process started; later ones are added later."""
        highest = self._highest
        if highest is not None and at_s // self._step_s != highest[0] // self._step_s:
            self._points.append(_at(highest))
            self._thin()
            highest = None
        self._latest = at_s, size_bytes
        self._highest = self._latest if highest is None or size_bytes > highest[1] else highest
        if at_s - self._written_at_s >= WRITE_EVERY_S:
            self._written_at_s = at_s
            self._write()

    def points(self) -> list[MemoryPoint]:
        """Oldest first; the last one is the last value there was, for that is what an end is explained by."""
        last = dict.fromkeys(point for point in (self._highest, self._latest) if point is not None)
        return [*self._points, *map(_at, last)]

    def _thin(self) -> None:
        while len(self._points) > MOST_POINTS:
            self._step_s *= 2
            highest: dict[float, MemoryPoint] = {}
            for point in self._points:
                before = highest.setdefault(point.at_s // self._step_s, point)
                if point.bytes > before.bytes:
                    highest[point.at_s // self._step_s] = point
            self._points = list(highest.values())
            self._written = -1

    def _write(self) -> None:
        """Only what is new, unless the points became fewer. Half a write shows as a line without an end."""
        anew = self._written < 0
        new = self._points if anew else self._points[self._written :]
        if not new:
            return
        self._written = -1  # should it fail
        text = "".join(f"{point.at_s:.1f} {point.bytes}\n" for point in new).encode()
        with contextlib.suppress(OSError):
            if _write_file(self._path, text, os.O_TRUNC if anew else os.O_APPEND):
                self._written = len(self._points)


def _write_file(path: Path, text: bytes, mode: int) -> bool:
    """Whether the disk took all of it. A file cut short here only loses points that it would have had."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | mode, 0o600)
    try:
        return os.write(fd, text) == len(text)
    finally:
        os.close(fd)


def _at(point: tuple[float, int]) -> MemoryPoint:
    return MemoryPoint(at_s=round(point[0], 1), bytes=point[1])


def _point(line: str) -> MemoryPoint | None:
    at_s, _, size = line.partition(" ")
    try:
        return MemoryPoint(at_s=float(at_s), bytes=int(size)) if line.endswith("\n") else None
    except ValueError:
        return None
