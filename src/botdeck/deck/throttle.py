"""How often something is told: the first change at once, further ones together after a gap. Pure; the caller has the
clock."""


class Throttle:
    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._changed: set[str] = set()
        self._told_at: dict[str, float] = {}

    def change(self, key: str) -> None:
        self._changed.add(key)

    def due(self, now: float) -> list[str]:
        """The keys to tell now; they count as told."""
        due = [key for key in self._changed if self._due_at(key) <= now]
        for key in due:
            self._changed.discard(key)
            self._told_at[key] = now
        if not self._changed:
            # What was told longer than a gap ago is as good as never told.
            self._told_at = {key: at for key, at in self._told_at.items() if at + self._gap_s > now}
        return due

    def next_at(self) -> float | None:
        """When `due` has something again; None while nothing changed."""
        return min(map(self._due_at, self._changed), default=None)

    def _due_at(self, key: str) -> float:
        return self._told_at.get(key, float("-inf")) + self._gap_s
