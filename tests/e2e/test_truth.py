"""The figures are true, and bad input is told in words."""

import urllib.request
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from .conftest import set_up
from .harness import Botdeck, wait_for
from .test_scenarios import expect_number, start

DashboardOpener = Callable[..., Page]

SLOW_PLUGIN = """\
import time
from sopel import plugin

@plugin.command("slow")
def slow(bot, trigger):
    time.sleep(3)
    bot.say("slowly done")
"""


def add_plugin(botdeck: Botdeck, name: str, text: str) -> None:
    """Give the demo's Sopel one more plugin, the way its operator would: a file, and a line in its configuration."""
    config = next(botdeck.home.rglob("sopel.cfg"))
    lines = config.read_text().splitlines()
    homedir = next(Path(line.partition("=")[2].strip()) for line in lines if line.startswith("homedir"))
    (homedir / "plugins").mkdir(exist_ok=True)
    (homedir / "plugins" / f"{name}.py").write_text(text)
    (homedir / "plugins").chmod(0o755)
    lines.insert(next(n for n, line in enumerate(lines) if line.startswith("enable")) + 1, f"    {name}")
    config.write_text("\n".join(lines) + "\n")


def test_as_many_messages_as_people_sent_are_counted(botdeck: Botdeck, dashboard: DashboardOpener) -> None:
    page = dashboard()
    start(page)
    ann, bob = botdeck.chat_user("ann"), botdeck.chat_user("bob")
    botdeck.wait_for_sopel(ann)

    for n in range(25):
        ann.say(f"message {n}")
    for n in range(15):
        bob.say(f".calc {n} * 2")
    ann.wait_line("] 28")  # 14 * 2, the last answer

    expect_number(page, "messages-today", 40)
    expect_number(page, "messages-sent-today", 15)
    expect_number(page, "total-users", 2)
    expect_number(page, "active-commands", 0)
    stats = botdeck.stats()
    assert (stats["messages_today"], stats["messages_sent_today"], stats["total_users"]) == (40, 15, 2)


def test_a_slow_command_is_active_while_it_runs(botdeck: Botdeck, dashboard: DashboardOpener) -> None:
    add_plugin(botdeck, "slow", SLOW_PLUGIN)
    page = dashboard()
    start(page)
    ann = botdeck.chat_user("ann")
    botdeck.wait_for_sopel(ann)

    ann.say(".slow")

    expect_number(page, "active-commands", 1, timeout_s=2.5)
    ann.wait_line("slowly done")
    expect_number(page, "active-commands", 0)


def test_output_is_on_the_page_and_markup_in_it_is_only_text(botdeck: Botdeck, dashboard: DashboardOpener) -> None:
    hostile = "<img src=x onerror=document.title='owned'> \\x1b[31mred"
    add_bot(botdeck, "loud", f'["/usr/bin/env", "printf", "%b\\\\n", {hostile!r}]', restart="never")
    page = dashboard()

    page.goto(botdeck.url + "bots/loud")

    line = page.get_by_test_id("log-line").filter(has_text="<img src=x")
    expect(line).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert "owned" not in page.title()


def test_a_command_that_does_not_exist_is_failed_with_the_reason_on_the_page(
    botdeck: Botdeck, dashboard: DashboardOpener
) -> None:
    add_bot(botdeck, "ghost", '["no-such-program-anywhere"]')
    page = dashboard()

    page.goto(botdeck.url + "bots/ghost")

    expect(page.get_by_test_id("state")).to_have_text("Failed")
    expect(page.get_by_text("no-such-program-anywhere").first).to_be_visible()
    refused = botdeck.cli("start", "ghost", check=False)
    assert refused.returncode == 1
    assert "no-such-program-anywhere" in refused.stderr


def test_a_broken_configuration_leaves_running_bots_alone(botdeck: Botdeck) -> None:
    botdeck.cli("start", "chat-server")
    pid = botdeck.status("chat-server")["pid"]
    whole = botdeck.config.read_text()
    line = whole.count("\n") + 2
    botdeck.config.write_text(whole + "\n[bots.new]\ncommand = 5\n")

    refused = botdeck.cli("up", check=False)
    shown = botdeck.cli("ps")

    assert refused.returncode == 2
    for said in (refused, shown):
        assert f"{botdeck.config}:{line + 1}: bots.new.command" in said.stderr
    assert botdeck.status("chat-server")["pid"] == pid
    assert "stopped" in botdeck.cli("stop", "chat-server").stdout, "who broke the file can still stop bots"
    botdeck.config.write_text(whole)


def test_a_second_up_says_where_the_first_one_is(botdeck: Botdeck) -> None:
    refused = botdeck.cli("up", check=False)

    assert refused.returncode == 1
    assert "up here already" in refused.stderr
    assert botdeck.url in refused.stderr


def test_a_port_in_use_is_one_sentence(botdeck: Botdeck) -> None:
    other = Botdeck()
    try:
        port = botdeck.url.rstrip("/").rpartition(":")[2]
        text = other.config.read_text()
        own = next(line for line in text.splitlines() if line.startswith("port"))
        other.config.write_text(text.replace(own, f"port = {port}"))

        refused = other.cli("up", check=False)

        assert refused.returncode == 1
        assert port in refused.stderr
        assert "Traceback" not in refused.stderr
    finally:
        other.close()


def test_a_wrong_password_is_one_sentence_on_the_page(
    botdeck: Botdeck, dashboard: DashboardOpener, open_page: Callable[[str], Page]
) -> None:
    dashboard()
    page = open_page(botdeck.url)

    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_contain_text("wrong")


def test_up_in_the_background_and_down_again(botdeck: Botdeck) -> None:
    botdeck.cli("start", "chat-server")
    pid = botdeck.status("chat-server")["pid"]
    botdeck.down()
    assert not Path(f"/proc/{pid}").exists(), "Ctrl-C ends the bots too"

    said = botdeck.cli("up", "-d").stdout

    assert botdeck.url in said
    restored = wait_for(lambda: botdeck.status("chat-server")["pid"], "the bot that was wanted, running again")
    botdeck.cli("down", "--keep-bots")
    assert Path(f"/proc/{restored}").exists(), "the bot goes on"
    botdeck.cli("up", "-d")
    assert botdeck.status("chat-server")["pid"] == restored, "and is taken over"
    botdeck.cli("down")
    assert not Path(f"/proc/{restored}").exists()
    assert botdeck.cli("ps", check=False).returncode == 1


def test_the_command_line_tells_the_truth_in_words_and_in_json(botdeck: Botdeck) -> None:
    import json

    assert botdeck.cli("start", "sopel", "chat-server").stdout.count("is running") == 2
    rows = {row["bot"]: row for row in json.loads(botdeck.cli("ps", "--json").stdout)}
    assert rows["sopel"]["state"] == "running"
    assert rows["sopel"]["stats"]["messages_today"] == 0
    assert "sopel" in botdeck.cli("ps").stdout
    wait_for(lambda: botdeck.cli("logs", "sopel", "-n", "5").stdout, "Sopel to write something")
    unknown = botdeck.cli("stop", "nobody", check=False)
    assert unknown.returncode == 1
    assert "No bot named 'nobody'" in unknown.stderr
    killed = json.loads(botdeck.cli("kill", "sopel", "--json").stdout)
    assert killed[0]["status"]["state"] == "stopped"


def test_health_needs_no_sign_in(botdeck: Botdeck) -> None:
    with urllib.request.urlopen(botdeck.url + "health", timeout=5) as answer:
        assert answer.status == 200


def add_bot(botdeck: Botdeck, name: str, command: str, *, restart: str = "always") -> None:
    with botdeck.config.open("a") as file:
        file.write(f'\n[bots.{name}]\ncommand = {command}\nrestart = "{restart}"\n')
    botdeck.down()
    botdeck.up()


def test_the_pages_keep_to_their_own_security_policy(botdeck: Botdeck, open_page: Callable[[str], Page]) -> None:
    page = open_page("about:blank")
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.goto(botdeck.url)
    set_up(page, botdeck)
    start(page)
    page.get_by_text("Uptime", exact=True).hover()
    page.get_by_role("button", name="ann").click()
    page.keyboard.press("Escape")

    assert [text for text in told if "Content Security Policy" in text] == []


def test_botdeck_works_below_a_path(open_page: Callable[[str], Page]) -> None:
    botdeck = Botdeck()
    try:
        text = botdeck.config.read_text()
        botdeck.config.write_text(text.replace("[deck]\n", '[deck]\nbase_path = "/tools/deck"\n', 1))
        botdeck.up()
        assert botdeck.url.endswith("/tools/deck/")
        page = open_page(botdeck.url)
        set_up(page, botdeck)
        expect(page.get_by_role("heading", name="sopel")).to_be_visible()

        page.goto(botdeck.url + "bots/chat-server")
        start(page)

        assert botdeck.status("chat-server")["state"] == "running"
    finally:
        botdeck.close()
