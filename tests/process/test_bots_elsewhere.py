"""Bots that run elsewhere as people have them: made known with `botdeck token`; a process with the SDK, a shell,
JavaScript; and a deck that is killed in between."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from tests.process.irc_world import free_port
from tests.process.test_runner_join import Said, say
from tests.unit.deck_house import DEADLINE_S, House, a_deck

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/sdk.md").read_text()
WITH_NODE = ROOT / "frontend/with-node"

BOT = """
import sys
import botdeck

botdeck.heartbeat(connected=True)
for line in sys.stdin:
    for _ in range(int(line)):
        botdeck.emit("message.received", **{"user.id": "x:ann", "chat.platform": "x"})
    print(botdeck.flush(10), flush=True)
"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    folder = tmp_path / "deck"
    folder.mkdir()
    async with a_deck(folder) as house:
        (folder / "botdeck.toml").write_text(f'data_dir = "{folder}"\n[deck]\nport = 0\n')
        yield house


async def token(folder: Path, *words: str) -> Said:
    return await say(folder, "token", *words)


async def environment(house: House) -> dict[str, str]:
    """As the two lines that were printed make it."""
    said = await token(house.data_dir, "far")
    assert said.code == 0, said.errors
    exported = dict(re.findall(r"export (\w+)=(\S+)", said.out))
    return {**exported, "BOTDECK_SPOOL": str(house.data_dir / "spool")}


async def received(house: House) -> int:
    async with house.cli() as cli:
        stats = (await cli.get("api/bots/far/stats")).json()
    return int(stats["messages_today"])


async def test_the_two_lines_that_the_command_prints_let_a_bot_report(house: House) -> None:
    env = await environment(house)
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOT, env={**os.environ, **env},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, _ = await bot.communicate(b"1500\n3\n")
    status = house.deck.fleet.status("far")

    assert out == b"True\nTrue\n"
    assert await received(house) == 1503
    assert (status.state, status.runner, status.pid) == ("running", "", bot.pid)


async def test_tokens_are_listed_and_revoked_from_the_command_line(house: House) -> None:
    made = await token(house.data_dir, "far", "--json")
    again = await token(house.data_dir, "far")
    listed = await token(house.data_dir, "--list")
    revoked = await token(house.data_dir, "--revoke", "far")
    unknown = await token(house.data_dir, "--revoke", "far")
    after = await token(house.data_dir, "--list", "--json")
    nothing = await token(house.data_dir)

    assert json.loads(made.out).keys() == {"bot", "token", "url"}
    assert again.code == 1
    assert "say first: botdeck token --revoke far" in " ".join(again.errors.split())
    assert "far" in listed.out
    assert json.loads(made.out)["token"] not in listed.out
    assert (revoked.code, unknown.code, nothing.code) == (0, 1, 2)
    assert [entry["revoked_at"] is None for entry in json.loads(after.out)] == [False]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_shell_example_of_the_docs_reports_a_message(house: House) -> None:
    env = await environment(house)
    (example,) = re.findall(r"```bash\n(.*?)```", DOCS, re.DOTALL)

    answer = await said_by(["bash", "-c", example], env)

    assert json.loads(answer) == {"acked_through": 1, "duplicates": 0, "damaged": 0}
    assert await received(house) == 1


async def test_the_javascript_example_of_the_docs_reports_messages(house: House) -> None:
    env = await environment(house)
    (example,) = re.findall(r"```javascript\n(.*?)```", DOCS, re.DOTALL)
    use = "emit('message.received'); emit('message.received'); post().then((said) => console.log(JSON.stringify(said)))"

    answer = await said_by([str(WITH_NODE), "node", "--eval", example + use], env)

    assert json.loads(answer) == {"acked_through": 2, "duplicates": 0, "damaged": 0}
    assert await received(house) == 2


async def said_by(command: list[str], env: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **env}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    assert process.returncode == 0, errors
    return out.decode()


async def test_a_deck_that_is_killed_at_any_moment_counts_each_message_once(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "botdeck.toml").write_text(f"[deck]\nport = {port}\n")
    kills, first, posted = 6, 1, 0
    deck = await a_deck_process(tmp_path, port)
    made = json.loads((await token(tmp_path, "far", "--json")).out)["token"]
    headers = {"Authorization": f"Bearer {made}"}
    try:
        for kill in range(kills):
            # Killed while batches are committed and answered: after some answers, in the middle of others.
            bodies = [lines(first + 50 * n, 50) for n in range(8)]
            first += 400
            posts = [asyncio.create_task(posted_until_taken(port, headers, body)) for body in bodies]
            done, _ = await asyncio.wait(posts[: kill + 1], return_when=asyncio.FIRST_COMPLETED)
            assert done
            deck.send_signal(signal.SIGKILL)
            await deck.wait()
            deck = await a_deck_process(tmp_path, port)
            posted += sum(await asyncio.gather(*posts))
        # Once more, all of it: nothing is new.
        repeated = [await posted_until_taken(port, headers, lines(at, 400)) for at in range(1, first, 400)]
        async with cli_of(tmp_path, port) as cli:
            stats = (await cli.get("api/bots/far/stats")).json()
    finally:
        with contextlib.suppress(ProcessLookupError):
            deck.send_signal(signal.SIGKILL)
        await deck.wait()

    assert stats["messages_today"] == 400 * kills
    assert sum(repeated) == 0
    assert posted <= 400 * kills


async def test_a_bot_whose_deck_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "botdeck.toml").write_text(f"[deck]\nport = {port}\n")
    deck = await a_deck_process(tmp_path, port)
    made = json.loads((await token(tmp_path, "far", "--json")).out)
    env = {"BOTDECK_URL": made["url"], "BOTDECK_TOKEN": made["token"], "BOTDECK_SPOOL": str(tmp_path / "spool")}
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOT, env={**os.environ, **env},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        for _ in range(3):
            await tell(bot, 700)
            deck.send_signal(signal.SIGKILL)
            await tell(bot, 300)
            await deck.wait()
            deck = await a_deck_process(tmp_path, port)
        async with asyncio.timeout(120), cli_of(tmp_path, port) as cli:
            while (stats := (await cli.get("api/bots/far/stats")).json())["messages_today"] < 3000:
                await asyncio.sleep(0.1)
            runs = (await cli.get("api/bots/far/runs")).json()
        assert bot.stdin
        bot.stdin.close()
        assert await bot.wait() == 0
    finally:
        for process in (bot, deck):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()

    assert (stats["messages_today"], stats["total_users"]) == (3000, 1)
    assert [run["pid"] for run in runs] == [bot.pid]


async def tell(bot: asyncio.subprocess.Process, messages: int) -> None:
    """Returns when they have left the bot's process."""
    assert bot.stdin
    assert bot.stdout
    bot.stdin.write(f"{messages}\n".encode())
    async with asyncio.timeout(60):
        assert await bot.stdout.readline() == b"True\n"


def lines(first: int, count: int) -> bytes:
    now = datetime.now(UTC).isoformat()
    return b"".join(
        json.dumps({"v": 1, "event": "message.received", "time": now, "run": "r1", "seq": seq}).encode() + b"\n"
        for seq in range(first, first + count)
    )


async def posted_until_taken(port: int, headers: dict[str, str], body: bytes) -> int:
    """How many lines were new in the answer that came at last."""
    async with asyncio.timeout(60), httpx2.AsyncClient(timeout=DEADLINE_S) as client:
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                answer = await client.post(f"http://127.0.0.1:{port}/api/ingest", content=body, headers=headers)
                assert answer.status_code == 200, answer.text
                return body.count(b"\n") - int(answer.json()["duplicates"])
            await asyncio.sleep(0.05)


async def a_deck_process(folder: Path, port: int) -> asyncio.subprocess.Process:
    deck = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "botdeck.deck", "--config", str(folder / "botdeck.toml"),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(60), httpx2.AsyncClient(timeout=DEADLINE_S) as client:
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                await client.get(f"http://127.0.0.1:{port}/health")
                return deck
            assert deck.returncode is None
            await asyncio.sleep(0.05)


def cli_of(folder: Path, port: int) -> httpx2.AsyncClient:
    shown = (folder / ".botdeck" / "cli-token").read_text().strip()
    headers = {"Authorization": f"Bearer {shown}"}
    return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}/", headers=headers, timeout=DEADLINE_S)
