"""The part of a post-mortem that the deck has and the runner has not: the last lines of the logging handler."""

import logging
from collections import deque
from dataclasses import replace

from botdeck.errors import StorageError
from botdeck.models import PostMortem
from botdeck.protocol.frames import stream_name
from botdeck.storage.port import Storage

LAST_LINES = 200
LONGEST_LINE = 1000
_PAGE = 1000
_MOST_PAGES = 10
"""What a bot printed beside its log, and what its next run wrote meanwhile, is looked through so far."""
_log = logging.getLogger(__name__)


class PostMortems:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def complete(self, bot: str, run_id: str) -> None:
        """Freeze the last log lines into the record of a run that is over, once all of them are stored; so this is
        called when the end is stored and when its events are, whichever comes last. The end itself is safe already:
        a failure is logged."""
        try:
            await self._complete(bot, run_id)
        except StorageError as error:
            _log.error("The last log lines of run %s of %s were not added to its record: %s", run_id, bot, error)

    async def _complete(self, bot: str, run_id: str) -> None:
        if not (await self._storage.cursor(stream_name(bot, run_id, "events"))).over:
            return
        run = await self._storage.run(bot, run_id)
        if run is None or run.ended_at is None:
            return
        left = run.post_mortem or PostMortem()
        if not left.last_log and (lines := await self._last_lines(bot, run_id)):
            await self._storage.put_run(replace(run, post_mortem=replace(left, last_log=lines)))

    async def _last_lines(self, bot: str, run_id: str) -> list[str]:
        found: deque[str] = deque()
        before: int | None = None
        for _ in range(_MOST_PAGES):
            page, more = await self._storage.logs(bot, before=before, limit=_PAGE)
            for line in reversed(page):
                if line.run == run_id and line.stream == "log":
                    found.appendleft(line.text[:LONGEST_LINE])
                    if len(found) == LAST_LINES:
                        return list(found)
            if not more or page[0].run < run_id:
                break
            before = page[0].id
        return list(found)
