"""A person in a room: says each line of its input, and prints what happens there, a line of JSON each.

The first one makes the room, says something there, and invites the bot.
"""

import asyncio
import json
import sys

from nio import AsyncClient, ReceiptEvent, RoomMemberEvent, RoomMessageText

name, homeserver, first = sys.argv[1], sys.argv[2], sys.argv[3:] == ["first"]
client = AsyncClient(homeserver, f"@{name}:localhost")


def show(*what):
    print(json.dumps(what), flush=True)


def local(user_id):
    return user_id[1:].partition(":")[0]


async def said(room, event):
    show("said", local(event.sender), event.body)


async def moved(room, event):
    if event.membership == "join":
        show("here", local(event.state_key))


async def read(room, event):
    for receipt in event.receipts:
        show("read", local(receipt.user_id), receipt.event_id)


async def say(room_id, text):
    content = {"msgtype": "m.text", "body": text}
    answer = await client.room_send(room_id, "m.room.message", content)
    show("sent", text, answer.event_id)


async def enter():
    if not first:
        return (await client.join("#deck:localhost")).room_id
    room = await client.room_create(alias="deck")
    return room.room_id


async def type_on(room_id):
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        await say(room_id, line.decode().rstrip("\n"))
    sys.exit()


async def main():
    await client.login(f"pw-{name}")
    room_id = await enter()
    client.add_event_callback(said, RoomMessageText)
    client.add_event_callback(moved, RoomMemberEvent)
    client.add_ephemeral_callback(read, ReceiptEvent)
    if first:
        await say(room_id, "nobody is here yet")
        await client.room_invite(room_id, "@bob:localhost")
        await client.room_invite(room_id, "@bot:localhost")
    typing = asyncio.ensure_future(type_on(room_id))
    await client.sync_forever(timeout=30000)
    await typing


asyncio.run(main())
