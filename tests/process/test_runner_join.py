"""A second host: a runner of its own, with its own folder and configuration, that joined a deck by its address."""

import asyncio
import contextlib
import json
import os
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from botdeck.models import Action, BotStatus, State
from tests.process.runner_house import RunnerHouse
from tests.unit.deck_house import House, a_deck

pytestmark = pytest.mark.process

SLEEP = "import time; print('hello', flush=True); time.sleep(600)"


@dataclass(frozen=True, kw_only=True)
class Said:
    code: int
    out: str
    errors: str


async def say(folder: Path, *words: str, env: dict[str, str] | None = None, within: tuple[str, ...] = ()) -> Said:
    """The botdeck command, as somebody in that folder says it."""
    process = await asyncio.create_subprocess_exec(
        *within, sys.executable, "-m", "botdeck.cli", *words, cwd=folder, env={**os.environ, **(env or {})},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    return Said(code=process.returncode or 0, out=out.decode(), errors=errors.decode())


@pytest.fixture
async def deck(tmp_path: Path) -> AsyncIterator[House]:
    async with a_deck(_folder(tmp_path / "deck")) as house:
        (house.data_dir / "botdeck.toml").write_text(f'data_dir = "{house.data_dir}"\n[deck]\nport = 0\n')
        yield house


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[RunnerHouse]:
    house = RunnerHouse(_folder(tmp_path / "far"))
    house.configure(bot=house.python(SLEEP))
    yield house
    house.clean()
    await house.wait_all()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


async def invite(deck: House, *words: str) -> str:
    said = await say(deck.data_dir, "runner", "invite", "--json", *words)
    assert said.code == 0, said.errors
    token: str = json.loads(said.out)["token"]
    return token


async def join(deck: House, far: RunnerHouse, *words: str) -> Said:
    return await say(far.folder, "runner", "join", deck.url, await invite(deck), *words)


def status(deck: House) -> BotStatus:
    told: BotStatus = deck.deck.fleet.status("bot")
    return told


def is_(deck: House, state: State) -> bool:
    return "bot" in deck.deck.fleet and status(deck).state is state


def runs(deck: House) -> bool:
    return is_(deck, State.RUNNING)


async def test_a_host_joins_and_its_bots_are_watched_and_ordered_from_the_deck(deck: House, far: RunnerHouse) -> None:
    joined = await join(deck, far, "--name", "web-2")
    await far.start()
    await far.until(lambda: runs(deck))
    async with deck.cli() as cli:
        answer = await cli.post("api/bots/bot/stop")
        await far.until(lambda: is_(deck, State.STOPPED))
        lines = (await cli.get("api/bots/bot/logs")).json()["lines"]

    assert joined.code == 0, joined.errors
    assert joined.errors == ""
    assert f"This host joined the deck at {deck.url} as web-2." in joined.out
    assert f"Next: botdeck runner --config {far.config}" in joined.out
    assert answer.status_code == 200
    assert status(deck).runner == "web-2"
    assert [line["text"] for line in lines] == ["hello"]
    kept = far.data_dir / "joined.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert deck.token("runner-token") not in kept.read_text()


async def test_what_goes_wrong_with_joining_is_one_sentence_and_leaves_nothing(deck: House, far: RunnerHouse) -> None:
    wrong = {
        "nonsense": await say(far.folder, "runner", "join", deck.url, "nonsense"),
        "no deck": await say(far.folder, "runner", "join", "http://127.0.0.1:9/", "nonsense"),
        "no address": await say(far.folder, "runner", "join", "deck.example.org", "nonsense"),
        "its own": await say(deck.data_dir, "runner", "join", deck.url, await invite(deck)),
    }

    assert {what: said.code for what, said in wrong.items()} == dict.fromkeys(wrong, 1)
    assert {what: len(said.errors.splitlines()) for what, said in wrong.items()} == dict.fromkeys(wrong, 1)
    assert "This deck knows no such token." in wrong["nonsense"].errors
    assert "cannot be reached: Connection refused." in wrong["no deck"].errors
    assert "is no address of a deck" in wrong["no address"].errors
    assert "A deck runs with" in wrong["its own"].errors
    assert list(far.data_dir.iterdir()) == []


async def test_a_token_for_longer_than_a_deck_agrees_to_is_refused_in_words(deck: House) -> None:
    refused = await say(deck.data_dir, "runner", "invite", "--for", "8d")

    assert refused.code == 2
    assert "at most" in refused.errors


async def test_a_token_is_not_used_up_when_nothing_can_be_kept_here(deck: House, far: RunnerHouse) -> None:
    token = await invite(deck)
    shutil.rmtree(far.data_dir)
    far.data_dir.write_text("in the way")
    failed = await say(far.folder, "runner", "join", deck.url, token)
    far.data_dir.unlink()
    again = await say(far.folder, "runner", "join", deck.url, token)

    assert failed.code == 1
    assert f"Nothing can be kept in {far.data_dir}" in failed.errors
    assert again.code == 0, again.errors


async def test_a_host_that_joined_says_where_its_bots_are_and_starts_no_deck_beside(
    deck: House, far: RunnerHouse
) -> None:
    await join(deck, far)
    ps, up = await say(far.folder, "ps"), await say(far.folder, "up", "-d")

    assert (ps.code, up.code) == (1, 1)
    assert f"The bots here are on the deck at {deck.url}" in ps.errors
    assert f"The runner here joined the deck at {deck.url}." in up.errors


async def test_the_runner_verb_alone_still_runs_a_runner(deck: House, far: RunnerHouse) -> None:
    await join(deck, far)
    codes = []
    for words, folder in (((), far.folder), (("--config", str(far.config)), deck.data_dir)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "botdeck.cli", "runner", *words, cwd=folder, stderr=subprocess.DEVNULL
        )
        await far.until(lambda: runs(deck))
        process.terminate()
        codes.append(await process.wait())
        await far.until(lambda: is_(deck, State.UNKNOWN))

    assert codes == [0, 0]


async def test_bots_go_on_while_the_deck_is_away_and_the_runner_comes_back_by_itself(
    tmp_path: Path, far: RunnerHouse
) -> None:
    folder = _folder(tmp_path / "deck")
    (folder / "botdeck.toml").write_text(f'data_dir = "{folder}"\n')
    async with a_deck(folder) as deck:
        await join(deck, far)
        await far.start()
        await far.until(lambda: runs(deck))
        before, port = status(deck), urlsplit(deck.url).port
    await far.until(lambda: "No link to the deck" in far.log_text())
    async with a_deck(folder, port=port) as deck:
        while_away = status(deck)
        await far.until(lambda: runs(deck))
        after = status(deck)

    assert while_away.state is State.UNKNOWN
    assert before.pid == after.pid
    assert "Traceback" not in far.log_text()


async def test_a_runner_that_was_killed_gets_in_again_at_once_and_its_bots_kept_running(
    deck: House, far: RunnerHouse
) -> None:
    await join(deck, far)
    runner = await far.start()
    await far.until(lambda: runs(deck))
    before = status(deck)
    await far.kill(runner)
    await far.start()
    await far.until(lambda: far.log_text().count("Linked to the deck") == 2)
    await far.until(lambda: runs(deck))

    assert status(deck).pid == before.pid
    assert "Another runner" not in far.log_text()


async def test_a_copy_of_a_runner_is_refused_in_words_while_the_first_lives(
    deck: House, far: RunnerHouse, tmp_path: Path
) -> None:
    await join(deck, far)
    await far.start()
    await far.until(lambda: runs(deck))
    copy = RunnerHouse(_folder(tmp_path / "copy"))
    shutil.copy(far.data_dir / "joined.json", copy.data_dir)
    copy.configure()
    second = await copy.start()
    await copy.until(lambda: "No link to the deck: the deck closed the link: Another runner" in copy.log_text())
    await copy.kill(second)

    assert far.log_text().count("Linked to the deck") == 1
    assert runs(deck)


async def test_a_runner_whose_access_was_taken_away_says_so_once_and_its_bots_go_on(
    deck: House, far: RunnerHouse
) -> None:
    await join(deck, far, "--name", "web-2")
    runner = await far.start()
    await far.until(lambda: runs(deck))
    before = status(deck)
    removed = await say(deck.data_dir, "runner", "remove", "web-2")
    await far.until(lambda: "took the access of runner web-2 away" in far.log_text())
    await far.kill(runner)
    assert before.pid is not None
    os.kill(before.pid, 0)
    await far.start()
    await far.until(lambda: "(HTTP 403)" in far.log_text())
    invited = await say(far.folder, "runner", "join", deck.url, await invite(deck, "--name", "web-2"))

    assert removed.code == invited.code == 0, invited.errors
    assert status(deck).state is State.UNKNOWN
    assert far.log_text().count("No link to the deck") == 2
    os.kill(before.pid, 0)


async def test_a_deck_below_a_path_is_joined_by_its_whole_address(tmp_path: Path, far: RunnerHouse) -> None:
    folder = _folder(tmp_path / "deck")
    (folder / "botdeck.toml").write_text(f'data_dir = "{folder}"\n[deck]\nbase_path = "/bots/"\n')
    async with a_deck(folder, base_path="/bots/") as deck:
        token = await invite(deck)
        outside = await say(far.folder, "runner", "join", deck.url.removesuffix("bots/"), token)
        joined = await say(far.folder, "runner", "join", deck.url.removesuffix("/"), token)
        await far.start()
        await far.until(lambda: runs(deck))

    assert (outside.code, joined.code) == (1, 0)
    assert "Botdeck is at /bots/." in outside.errors


# Over TLS


@contextlib.asynccontextmanager
async def behind_tls(deck: House, certificate: Path, key: Path) -> AsyncIterator[int]:
    """A proxy that speaks https in front of the deck; its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_deck = await asyncio.open_connection("127.0.0.1", urlsplit(deck.url).port)
        await asyncio.gather(pipe(reader, to_deck[1]), pipe(to_deck[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
async def test_over_https_the_certificate_is_checked(tmp_path: Path, deck: House, far: RunnerHouse) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    await asyncio.to_thread(
        subprocess.run,
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    known = {"SSL_CERT_FILE": str(certificate)}
    async with behind_tls(deck, certificate, key) as port:
        url, token = f"https://localhost:{port}/", await invite(deck)
        strange = await say(far.folder, "runner", "join", url, token)
        other_name = await say(far.folder, "runner", "join", f"https://127.0.0.1:{port}/", token, env=known)
        joined = await say(far.folder, "runner", "join", url, token, env=known)
        runner = await far.start()
        await far.until(lambda: "No link to the deck: the deck's certificate is not accepted: " in far.log_text())
        await far.kill(runner)
        await far.start(env=known)
        await far.until(lambda: runs(deck))

    assert (strange.code, other_name.code, joined.code) == (1, 1, 0), joined.errors
    assert "its certificate is not accepted (self" in strange.errors
    assert "its certificate is not accepted (IP address mismatch" in other_name.errors
    assert f"Linked to the deck at wss://localhost:{port}/." in far.log_text()


# Over a network


@pytest.fixture
def network() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Another network: the address of this machine in it, and what to put before a command to have it run there."""
    name, net = f"bd{os.getpid() % 100_000}", 4 * (os.getpid() % 64)
    here, there = (f"198.51.100.{net + host}" for host in (1, 2))  # for documentation: nobody's
    steps = [
        f"netns add {name}",
        f"link add {name}a type veth peer name {name}b netns {name}",
        f"addr add {here}/30 dev {name}a",
        f"link set {name}a up",
        f"-n {name} addr add {there}/30 dev {name}b",
        f"-n {name} link set {name}b up",
        f"-n {name} link set lo up",
    ]
    try:
        for step in steps:
            if shutil.which("ip") is None or subprocess.run(["ip", *step.split()], capture_output=True).returncode:
                pytest.skip("no network namespaces here")
        yield here, ("ip", "netns", "exec", name)
    finally:
        if shutil.which("ip"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


async def test_a_runner_in_another_network_dials_out_and_is_warned_of_http(
    tmp_path: Path, far: RunnerHouse, network: tuple[str, tuple[str, ...]]
) -> None:
    here, within = network
    folder = _folder(tmp_path / "deck")
    (folder / "botdeck.toml").write_text(f'data_dir = "{folder}"\n[deck]\nhost = "0.0.0.0"\n')
    async with a_deck(folder, host="0.0.0.0") as deck:
        port = urlsplit(deck.url).port
        invited = await say(folder, "runner", "invite")
        url = f"http://{here}:{port}/"
        joined = await say(far.folder, "runner", "join", url, invited.out.split()[-1], within=within)
        assert joined.code == 0, joined.errors
        with far.log.open("ab") as log:
            runner = await asyncio.create_subprocess_exec(
                *within, sys.executable, "-m", "botdeck.runner", "--config", str(far.config), stderr=log
            )
        try:
            await far.until(lambda: runs(deck))
            async with deck.cli() as cli:
                order = await cli.post(f"api/bots/bot/{Action.STOP}")
        finally:
            runner.terminate()
            await runner.wait()

    assert f"http://ADDRESS-OF-THIS-HOST:{port}/" in invited.out
    assert joined.errors.startswith(f"botdeck: Nothing is encrypted on the way to {url}:")
    assert len(joined.errors.splitlines()) == 1
    assert far.log_text().count("Nothing is encrypted on the way") == 1
    assert order.status_code == 200, order.text
