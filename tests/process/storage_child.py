"""A deck reduced to intake and storage: takes Data frames on stdin, says on stdout what is committed.

    python storage_child.py DATABASE STREAM...

First line: the cursors of the streams as JSON. Then a line `STREAM OFFSET` for each frame, once it is committed.
A frame is its length in four bytes, then its bytes. The end of stdin ends it in good order.
"""

import asyncio
import json
import sys

from botdeck.deck.intake import Intake
from botdeck.protocol.frames import decode_data
from botdeck.storage import open_storage


async def main(path: str, streams: list[str]) -> None:
    storage = await open_storage(path)
    intake = Intake(storage)
    reader = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({stream: (await storage.cursor(stream)).offset for stream in streams}), flush=True)

    async def apply(frame: bytes) -> None:
        data = decode_data(frame)
        applied = await intake.apply("test", data)
        print(data.stream, applied.cursor, flush=True)

    async with asyncio.TaskGroup() as tasks:
        while length := await reader.read(4):
            length += await reader.readexactly(4 - len(length))
            tasks.create_task(apply(await reader.readexactly(int.from_bytes(length, "big"))))
    await storage.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
