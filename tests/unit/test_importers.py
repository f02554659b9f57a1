"""Files of other process managers, as people have them, and what becomes of them."""

import json
import os
import pwd
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from botdeck.cli.importers.destination import Destination
from botdeck.cli.importers.draft import Imported, ImportRefused
from botdeck.cli.importers.recognise import read
from botdeck.settings import BotSettings, load_settings

ME = pwd.getpwuid(os.getuid()).pw_name
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")


def imported(folder: Path, name: str, text: str, **others: str) -> Imported:
    for other, content in others.items():
        (folder / other.replace("__", "/").replace("_dot_", ".")).write_text(content)
    (folder / name).write_text(text)
    return read(folder / name)


def loaded(folder: Path, found: Imported) -> dict[str, BotSettings]:
    """Written into a botdeck.toml and read again, as everything must be able to."""
    target = folder / "botdeck.toml"
    Destination(target).append(found.bots, mode=0o600)
    return {bot.name: bot for bot in load_settings(target).bots}


def notes(found: Imported) -> str:
    return "\n".join(map(str, found.all_notes()))


def env(bot: BotSettings) -> dict[str, str]:
    return dict(bot.env)


# PM2.

ECOSYSTEM = """{
  "apps": [
    {
      "name": "greeter",
      "script": "bot.py",
      "interpreter": "./venv/bin/python",
      "interpreter_args": "-u -X dev",
      "args": ["--room", "big one"],
      "env": { "TOKEN": "s3cr\\u0065t \\"q\\"", "DEBUG": false, "N": 3 },
      "env_production": { "TOKEN": "other" },
      "max_memory_restart": "1.5G",
      "kill_timeout": 3000,
      "max_restarts": 10,
      "min_uptime": "20s",
      "cron_restart": "0 4 * * *",
      "out_file": "/var/log/out.log",
      "merge_logs": true,
      "vizion": false,
      "watch": ["src"],
      "colour": "red"
    },
    { "name": "news feed/1", "script": "./news.sh", "cwd": "sub", "autorestart": false },
    { "name": "runner", "script": "npm", "args": "run start -- --port 80", "stop_exit_codes": [0, 7] },
    { "script": "echo $HOME | cat" }
  ],
  "deploy": { "production": { "user": "node" } }
}
"""


def test_an_ecosystem_of_pm2_becomes_bots(tmp_path: Path) -> None:
    (tmp_path / "bot.py").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/news.sh").touch()

    found = imported(tmp_path, "ecosystem.config.json", ECOSYSTEM)
    bots = loaded(tmp_path, found)

    greeter, news = bots["greeter"], bots["news-feed-1"]
    assert greeter.command == ("./venv/bin/python", "-u", "-X", "dev", "bot.py", "--room", "big one")
    assert env(greeter) == {"TOKEN": 's3cret "q"', "DEBUG": "false", "N": "3"}
    assert (greeter.memory_max_mb, greeter.stop_timeout_s, greeter.max_crashes) == (1610.6, 3, 10)
    assert (greeter.restart_at, greeter.stop_signal, greeter.restart) == ("0 4 * * *", "INT", "always")
    assert (news.command, news.cwd, news.restart) == (("bash", "./news.sh"), tmp_path / "sub", "never")
    assert bots["echo"].command == ("sh", "-c", "echo $HOME | cat")
    said = notes(found)
    for line, words in [
        (10, "greeter: env_production is left out"),
        (14, "min_uptime is left out: a run of a minute"),
        (15, "cron_restart counts in the deck's time zone"),
        (16, "out_file and merge_logs: Botdeck keeps all output"),
        (18, "vizion: Botdeck has or needs no such setting"),
        (19, "watch is left out: Botdeck does not watch files"),
        (20, "colour is left out: Botdeck knows no such setting of PM2"),
        (22, "was called 'news feed/1'"),
        (23, "stop_exit_codes [0, 7]: here only code 0"),
    ]:
        assert any(f"config.json:{line}: " in note and words in note for note in said.splitlines()), words
    assert "deploy: Botdeck runs bots" in said
    assert "echo: its command is several for a shell" in said


def test_instances_of_pm2_become_bots_of_their_own(tmp_path: Path) -> None:
    text = '{"name": "api", "script": "api.js", "instances": 3, "increment_var": "PORT", "env": {"PORT": 3000}}'

    found = imported(tmp_path, "process.json", text)
    bots = loaded(tmp_path, found)

    assert list(bots) == ["api-1", "api-2", "api-3"]
    assert [env(bot) for bot in bots.values()] == [
        {"PORT": str(3000 + number), "NODE_APP_INSTANCE": str(number)} for number in range(3)
    ]
    assert "cluster mode: 3 bots, api-1 to api-3" in notes(found)


def test_what_pm2_runs_just_now_is_imported_without_the_login_it_was_started_from(tmp_path: Path) -> None:
    state = {
        "name": "w", "pm_exec_path": "/opt/w/w.py", "pm_cwd": "/opt/w", "exec_interpreter": "python3", "args": ["-x"],
        "exec_mode": "fork_mode", "instances": 1, "autorestart": True, "watch": False, "treekill": True,
        "kill_timeout": 5000, "pm_uptime": 17, "status": "online", "TOKEN": "t", "restart_delay": 100,
        "env": {"TOKEN": "t", "PATH": "/opt/bin", "SSH_CLIENT": "x", "HOME": "/root", "w": {}, "unique_id": "7"},
    }  # fmt: skip
    text = json.dumps([{"pid": 7, "name": "w", "pm2_env": state}, {"pid": 8, "name": "w", "pm2_env": state}])

    found = imported(tmp_path, "list.json", text)
    bots = loaded(tmp_path, found)

    assert list(bots) == ["w-1", "w-2"]
    assert bots["w-1"].command == ("python3", "/opt/w/w.py", "-x")
    assert (bots["w-1"].cwd, bots["w-1"].stop_timeout_s) == (Path("/opt/w"), 5)
    assert env(bots["w-1"]) == {"TOKEN": "t", "PATH": "/opt/bin"}
    assert "left out: SSH_CLIENT, HOME and unique_id" in notes(found)
    assert "restart_delay is left out" in notes(found)
    assert "status" not in notes(found)


def test_a_dump_of_pm2_is_known_by_its_name(tmp_path: Path) -> None:
    text = '[{"name": "d", "pm_exec_path": "/usr/bin/env", "pm_cwd": "/", "exec_interpreter": "none", "env": {}}]'

    assert imported(tmp_path, "dump.pm2", text).bots[0].settings["command"] == ["/usr/bin/env"]


@needs_node
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ecosystem.config.js", "console.log('noise'); module.exports = {apps: [{name: 'b', script: 'b' + '.js'}]}"),
        ("ecosystem.config.cjs", "exports.apps = [{name: 'b', script: 'b.js', f: () => 1}]"),
        ("ecosystem.config.mjs", "export default {apps: [{name: `b`, script: 'b.js'}]}"),
        ("ecosystem.json", "{ // a comment\n apps: [{name: 'b', script: 'b.js',}],\n}"),
    ],
)
def test_configurations_that_are_programs_are_evaluated_by_node(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "b.js").touch()

    assert imported(tmp_path, name, text).bots[0].settings["command"] == ["node", "b.js"]


@needs_node
def test_a_configuration_that_fails_in_node_says_why(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"e\.config\.js: Node cannot read it: Error: no env"):
        imported(tmp_path, "e.config.js", "throw new Error('no env')")


def test_without_node_it_is_said_how_to_get_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ImportRefused, match=r"pm2 jlist > ecosystem\.json"):
        imported(tmp_path, "ecosystem.config.js", "module.exports = {}")


# supervisord.

SUPERVISORD = """
; the usual
[unix_http_server]
file=/tmp/supervisor.sock

[supervisord]
logfile=/var/log/supervisord.log ; main log
environment=SHARED="1",LANG="C"

[program:greeter]
command=/usr/bin/python3 "bot dir/bot.py" --at 100%% --host %(host_node_name)s --in %(here)s
directory=%(here)s/greeter
environment=TOKEN="a,b%%",LANG='de'
   ,HOME_OF="%(ENV_MOVING_FROM)s",
autorestart=unexpected
exitcodes=0,2
startsecs=5
startretries=2
stopsignal=SIGINT ; as the bot likes it
stopwaitsecs=30
priority=10
stopasgroup=true
user=%USER%
stdout_logfile=/var/log/%(program_name)s.log
redirect_stderr=true
umask=027

[program:worker]
command=/bin/crawl --number %(process_num)d
process_name=%(program_name)s_%(process_num)02d
numprocs=2
numprocs_start=8
autorestart=true
stopsignal=KILL
colour=red

[group:all]
programs=greeter,worker

[include]
files = more.ini conf.d/*.conf
"""


def supervisord(folder: Path) -> Imported:
    (folder / "conf.d").mkdir()
    text = SUPERVISORD.replace("%USER%", str(os.getuid()))
    extra = "[program:extra]\ncommand=./run %(here)s\nautorestart=no\n[eventlistener:mail]\ncommand=crashmail\n"
    return imported(folder, "supervisord.conf", text, conf_dot_d__extra_dot_conf=extra)


def test_a_supervisord_conf_becomes_bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOVING_FROM", "here 100%")

    found = supervisord(tmp_path)
    bots = loaded(tmp_path, found)

    greeter, extra = bots["greeter"], bots["extra"]
    assert greeter.command[:4] == ("sh", "-c", 'umask 027; exec "$@"', "sh")
    assert greeter.command[4:8] == ("/usr/bin/python3", "bot dir/bot.py", "--at", "100%")
    assert greeter.command[-2:] == ("--in", str(tmp_path))
    assert env(greeter) == {"SHARED": "1", "LANG": "de", "TOKEN": "a,b%", "HOME_OF": "here 100%"}
    assert (greeter.cwd, greeter.user, greeter.restart) == (tmp_path / "greeter", ME, "on-failure")
    assert (greeter.ready_after_s, greeter.max_crashes, greeter.stop_timeout_s) == (5, 3, 30)
    assert greeter.stop_signal == "INT"
    assert [name for name in bots if name.startswith("worker")] == ["worker_08", "worker_09"]
    assert bots["worker_09"].command == ("/bin/crawl", "--number", "9")
    assert (bots["worker_08"].restart, bots["worker_08"].stop_timeout_s) == ("always", 0)
    assert (extra.command, extra.restart) == (("./run", str(tmp_path / "conf.d")), "never")


def test_what_supervisord_has_and_botdeck_has_not_is_said_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOVING_FROM", "x")

    said = notes(supervisord(tmp_path)).splitlines()

    for place, words in [
        ("supervisord.conf:3", "[unix_http_server] is about supervisord itself"),
        ("supervisord.conf:6", "[supervisord] logfile: is about supervisord itself"),
        ("supervisord.conf:13", "%(ENV_...)s in environment was filled in"),
        ("supervisord.conf:16", "exitcodes=0,2: here only code 0"),
        ("supervisord.conf:21", "priority is left out"),
        ("supervisord.conf:22", "stopasgroup is left out"),
        ("supervisord.conf:24", "stdout_logfile: Botdeck keeps all output"),
        ("supervisord.conf:31", "numprocs=2: 2 bots, worker_08 and worker_09"),
        ("supervisord.conf:34", "stopsignal=KILL became"),
        ("supervisord.conf:35", "colour is left out"),
        ("supervisord.conf:37", "group all is left out"),
        ("conf.d/extra.conf:1", "which its file does not tell"),
        ("conf.d/extra.conf:4", "[eventlistener:mail] is left out"),
    ]:
        assert any(f"{place}: " in note and words in note for note in said), (place, words, said)
    assert not any("autostart" in note or "startsecs" in note for note in said)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[program:a]\ncommand=x %(ENV_NOT_THERE_AT_ALL)s", r"s\.conf:2: .*NOT_THERE_AT_ALL, which is not set here"),
        ("[program:a]\ncommand=x %(bogus)s", r"s\.conf:2: .*speaks of bogus"),
        ("[program:a]\ncommand=x 5%", r"s\.conf:2: .*a lone % is written %%"),
        ("[program:a]\n\ncommand='x", r"s\.conf:3: the words of command cannot be told apart"),
        ("[program:a]\nuser=x", r"s\.conf:1: \[program:a\] has no command"),
        ("[program:a]\ncommand=x\nnumprocs=two", r"s\.conf:3: numprocs should be a whole number"),
        ("[program:a]\ncommand=x\nautorestart=maybe", r"s\.conf:3: autorestart should be true, false or unexpected"),
        ("[program:a]\ncommand=x\nenvironment=A B", r"s\.conf:3: environment should look like"),
        ("[supervisord]\nnodaemon=true", r"there is no \[program:NAME\] section"),
        ("[supervisord]\nrubbish here", r"s\.conf:2: this is no file of supervisord"),
    ],
)
def test_what_cannot_be_taken_from_supervisord_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ImportRefused, match=words):
        imported(tmp_path, "s.conf", text)


# Procfile.


def test_a_procfile_becomes_bots_with_ports_and_the_env_beside_it(tmp_path: Path) -> None:
    text = (
        "# all of it\n"
        "web: bundle exec puma -p $PORT\n"
        "bot: LANG=C TZ='Europe/Vienna' exec python 'my bot.py' --x\n"
        "loop: while :; do date; sleep 1; done\n"
        "both: cd sub && python b.py > log.txt\n"
        "\n"
        "release: rake db:migrate\n"
        "what is this\n"
    )

    found = imported(tmp_path, "Procfile", text, _dot_env="PORT=7000\nTOKEN=x\n")
    bots = loaded(tmp_path, found)

    assert list(bots) == ["web", "bot", "loop", "both"]
    assert bots["web"].command == ("sh", "-c", "exec bundle exec puma -p $PORT")
    assert bots["bot"].command == ("python", "my bot.py", "--x")
    assert env(bots["bot"]) == {"PORT": "7100", "LANG": "C", "TZ": "Europe/Vienna"}
    assert bots["loop"].command == ("sh", "-c", "while :; do date; sleep 1; done")
    assert [env(bot)["PORT"] for bot in bots.values()] == ["7000", "7100", "7200", "7300"]
    assert all(bot.env_file == tmp_path / ".env" and bot.cwd == tmp_path for bot in bots.values())
    said = notes(found)
    assert f"{tmp_path}/Procfile:2: web: its command needs a shell for $" in said
    assert "Procfile:5: both: its command is several for a shell" in said
    assert "is not shown by Botdeck" in said
    assert "Procfile:7: release is left out" in said
    assert "Procfile:8: 'what is this' is left out" in said


def test_a_variable_before_a_command_that_needs_a_shell_still_counts(tmp_path: Path) -> None:
    found = imported(tmp_path, "Procfile.dev", "a: A='1 2' B=3 sh -c 'echo $A' $HOME\n")

    assert found.bots[0].settings["command"] == ["sh", "-c", "A='1 2' B=3 exec sh -c 'echo $A' $HOME"]


# systemd.

UNIT = r"""
[Unit]
Description=The %p bot (100%% yours)
After=network-online.target postgresql.service
Wants=network-online.target
StartLimitBurst=5
ConditionPathExists=/srv

[Service]
Type=notify
User=%USER%
Group=bots
WorkingDirectory=-/srv/./greeter
Environment="GREETING=hello world" 'A=1'
Environment=B=two\x20words PATH_OF=%n TOKEN=old
EnvironmentFile=-/nowhere/at/all
EnvironmentFile=%FOLDER%/one.env
EnvironmentFile=%FOLDER%/two.env
# a comment
ExecStartPre=/bin/mkdir -p /run/x
ExecStart=-/usr/bin/python3 -m bot \
    # not here either
    --name "big \"one\"" --cost $$5 \
    --room=${ROOM} $EXTRA 'it''s %%'
Restart=on-abnormal
RestartSec=5
TimeoutStopSec=1min 30s
KillSignal=SIGINT
KillMode=process
MemoryMax=512M
UMask=0077
RuntimeMaxSec=1d
StandardOutput=journal
SyslogIdentifier=greeter
NoNewPrivileges=true
ProtectSystem=strict
LimitNOFILE=4096
Nice=5
Colour=red

[Install]
WantedBy=multi-user.target
"""


def unit(folder: Path, name: str = "greeter.service") -> Imported:
    text = UNIT.replace("%USER%", ME).replace("%FOLDER%", str(folder))
    files = {"one_dot_env": "ONE=1\nSAME=a\n", "two_dot_env": "SAME=b\nTOKEN=new\n"}
    return imported(folder, name, text, **files)


def test_a_unit_of_systemd_becomes_a_bot(tmp_path: Path) -> None:
    (bot,) = loaded(tmp_path, unit(tmp_path)).values()

    assert (bot.name, bot.description, bot.user) == ("greeter", "The greeter bot (100% yours)", ME)
    assert bot.command[:4] == ("sh", "-c", 'umask 0077; exec "$@"', "sh")
    shell = "exec /usr/bin/python3 -m bot --name 'big \"one\"' --cost '$'5 --room=\"${ROOM}\" $EXTRA 'its %'"
    assert bot.command[4:] == ("sh", "-c", shell)
    assert (bot.cwd, bot.env_file) == (Path("/srv/greeter"), tmp_path / "two.env")
    assert env(bot) == {
        "GREETING": "hello world",
        "A": "1",
        "B": "two words",
        "PATH_OF": "greeter.service",
        "ONE": "1",
    }
    assert (bot.restart, bot.stop_timeout_s, bot.stop_signal, bot.memory_max_mb) == ("on-failure", 90, "INT", 536.9)


def test_what_systemd_has_and_botdeck_has_not_is_said_with_its_line(tmp_path: Path) -> None:
    said = notes(unit(tmp_path)).splitlines()

    for line, words in [
        (4, "After and Wants are left out: Botdeck starts all bots at once"),
        (6, "StartLimitBurst is left out: see start_budget"),
        (7, "ConditionPathExists is left out"),
        (10, "Type=notify: Botdeck hears no sd_notify"),
        (12, "Group is left out"),
        (13, "a bot whose folder is missing does not start"),
        (16, "EnvironmentFile=-/nowhere/at/all is left out"),
        (17, "a bot has one env_file"),
        (20, "ExecStartPre is left out"),
        (21, "ExecStart=-: a failure is a failure"),
        (21, "ExecStart speaks of variables"),
        (25, 'Restart=on-abnormal became restart = "on-failure"'),
        (26, "RestartSec is left out"),
        (29, "KillMode is left out"),
        (30, "MemoryMax became memory_max_mb"),
        (32, "RuntimeMaxSec is left out: to restart it now and then, say restart_at"),
        (33, "StandardOutput and SyslogIdentifier are left out"),
        (35, "NoNewPrivileges and ProtectSystem are left out: Botdeck confines no bot"),
        (37, "LimitNOFILE and Nice are left out"),
        (39, "Colour is left out"),
    ]:
        assert any(f"greeter.service:{line}: " in note and words in note for note in said), (line, words, said)
    assert any("Environment: TOKEN left out, for an EnvironmentFile says otherwise" in note for note in said)
    assert not any("WantedBy" in note for note in said)


def test_drop_ins_are_read_and_an_empty_value_takes_back(tmp_path: Path) -> None:
    (tmp_path / "b.service.d").mkdir()
    (tmp_path / "b.service.d/override.conf").write_text("[Service]\nExecStart=\nExecStart=/bin/new\nRestart=always\n")

    found = imported(tmp_path, "b.service", "[Service]\nExecStart=/bin/old\nRestart=no\n")

    assert found.bots[0].settings["command"] == ["/bin/new"]
    assert found.bots[0].settings["restart"] == "always"
    assert found.bots[0].settings["cwd"] == Path("/")
    assert "no User: systemd ran it as root" in notes(found)


def test_a_template_is_imported_for_the_instance_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "bot@.service").write_text("[Service]\nExecStart=/bin/bot --%i --%I --%p %% %h\n")

    found = read(tmp_path / r"bot@a-b\x2dc.service")

    assert found.bots[0].settings["command"] == ["/bin/bot", r"--a-b\x2dc", "--a/b-c", "--bot", "%", "/root"]
    assert found.bots[0].name == "bot-a-b-x2dc"


def test_a_template_alone_stands_for_the_instances_that_are_enabled(tmp_path: Path) -> None:
    (tmp_path / "multi-user.target.wants").mkdir()
    for name in ("ann", "bea"):
        (tmp_path / f"multi-user.target.wants/bot@{name}.service").symlink_to(tmp_path / "bot@.service")

    found = imported(tmp_path, "bot@.service", "[Service]\nExecStart=/bin/bot %i\n")

    assert {bot.name: bot.settings["command"][1] for bot in found.bots} == {"bot-ann": "ann", "bot-bea": "bea"}
    assert "`systemctl disable --now bot@ann.service`, `systemctl disable --now bot@bea.service`" in found.goodbye


def test_a_unit_of_a_users_own_systemd_is_known_by_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "systemd/user"
    folder.mkdir(parents=True)

    found = imported(folder, "b.service", "[Service]\nExecStart=%h/bin/b\nWorkingDirectory=~\n")

    home = pwd.getpwuid(os.getuid()).pw_dir
    assert found.bots[0].settings["command"] == [f"{home}/bin/b"]
    assert str(found.bots[0].settings["cwd"]) == str(Path.home())
    assert "--user" in found.goodbye
    assert "as root" not in notes(found)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("90", 90), ("1min 30s", 90), ("2h", 7200), ("500ms", 0.5), ("infinity", 86400), ("0", 86400), ("1min30s", 90)],
)
def test_spans_of_time_are_read_as_systemd_reads_them(tmp_path: Path, value: str, seconds: float) -> None:
    found = imported(tmp_path, "b.service", f"[Service]\nUser={ME}\nExecStart=/b\nTimeoutStopSec={value}\n")

    assert loaded(tmp_path, found)["b"].stop_timeout_s == seconds


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("b.service", "[Unit]\nDescription=x\n", r"b\.service: there is no \[Service\]"),
        ("b.service", "[Service]\nUser=x\n", r"b\.service: there is no ExecStart"),
        ("b.service", "[Service]\nExecStart=/b 'x\n", r"b\.service:2: ExecStart=/b 'x: no closing quotation mark"),
        ("b.service", "[Service]\nExecStart=/b %b\n", r"b\.service:2: .*what %b stands for, only systemd knows"),
        ("b.service", "[Service]\nExecStart=/b\nTimeoutStopSec=soon\n", r"b\.service:3: .*'soon' is no span of time"),
        ("b.service", "[Service]\nExecStart=/b\nRestart=maybe\n", r"b\.service:3: Restart=maybe: systemd has no"),
        ("b.service", "ExecStart=/b\n", r"b\.service:1: expected \[Section\] or Key=value"),
        ("b@.service", "[Service]\nExecStart=/b\n", r"this is a template. Say which: botdeck import .*b@NAME\.service"),
        ("b.timer", "[Timer]\n", r"a timer is no program"),
        ("compose.yml", "services:\n", r"YAML is not read"),
        ("what.txt", "hello\n", r"it is not clear whose file this is"),
        ("a.pm2", "[{]", r"a\.pm2:1: this is not JSON"),
        ("a.json", '{"apps": []}', r"there is no list of `apps`"),
        ("a.json", '{"apps": [{"name": "x"}]}', r"x has no `script`"),
        ("a.json", '{"name": "x", "script": "x", "instances": "two"}', r"instances should be a number"),
        ("a.json", '{"name": "x", "script": "x", "max_memory_restart": "lots"}', r"should look like 300M"),
        ("Procfile", "a: it's\n", r"Procfile:1: a: its words cannot be told apart"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_a_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(ImportRefused, match=words):
        imported(tmp_path, name, text)


def test_files_that_are_not_there_or_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_bytes(b"a: \xff\xfe\n")

    for name in ("Procfile", "none.json", "none.service"):
        with pytest.raises(ImportRefused, match="cannot be read"):
            read(tmp_path / name)


# Into botdeck.toml.


def write(folder: Path, text: str, *bots: dict[str, Any]) -> str:
    target = folder / "botdeck.toml"
    target.write_bytes(text.encode())
    found = imported(folder, "a.json", json.dumps(list(bots)))
    Destination(target).append(found.bots, mode=0o600)
    return target.read_bytes().decode()


NASTY = {
    "A": 'quote " back \\ line\nnext',
    "B": "\x7f\x1b[1m",
    "C": "ünïcode 🤖 \u2028",
    "D.E": "#",
    "F": "'''",
}


def test_any_value_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "b c'\"\\.js").touch()
    text = write(tmp_path, "", {"name": "a.b", "script": "b c'\"\\.js", "env": NASTY, "args": ["", "[x]", "\t"]})

    bot = load_settings(tmp_path / "botdeck.toml").bots[0]
    assert env(bot) == NASTY
    assert bot.name == "a.b"
    assert tomllib.loads(text)["bots"]["a.b"]["env"] == NASTY


@pytest.mark.parametrize(
    "before", ["# mine\n[deck]\nport = 1 # here\n", "[bots.z]\ncommand = 'x'", "bots.y.command='x'\r\n"]
)
def test_what_stands_in_the_file_stays_as_it_was(tmp_path: Path, before: str) -> None:
    after = write(tmp_path, before, {"name": "n", "script": "/bin/true"})

    assert after.startswith(before)
    assert ("\r\n" in before) == ("\r\n[bots.n]\r\n" in after)
    assert load_settings(tmp_path / "botdeck.toml").bot("n") is not None


def test_a_file_that_cannot_take_another_table_is_left_as_it_was(tmp_path: Path) -> None:
    before = "bots = { a = { command = 'x' } }\n"

    with pytest.raises(ImportRefused, match=r"Nothing was written, for .*botdeck\.toml could not be read with it"):
        write(tmp_path, before, {"name": "n", "script": "/bin/true"})

    assert (tmp_path / "botdeck.toml").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "botdeck.toml"]


def test_a_link_stays_a_link_and_a_mode_a_mode(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.touch(mode=0o640)
    (tmp_path / "botdeck.toml").symlink_to(real)
    found = imported(tmp_path, "a.json", '{"name": "n", "script": "/bin/true"}')

    Destination(tmp_path / "botdeck.toml").append(found.bots, mode=0o600)

    assert (tmp_path / "botdeck.toml").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert load_settings(real).bot("n") is not None


def test_names_that_are_there_already_are_found(tmp_path: Path) -> None:
    (tmp_path / "botdeck.toml").write_text("[bots.web]\ncommand = 'x'\n")
    found = imported(tmp_path, "Procfile", "web: x\n")
    again = imported(tmp_path, "b.json", '{"name": "web", "script": "/bin/true"}')

    sentences = Destination(tmp_path / "botdeck.toml").clashes([*found.bots, *again.bots])

    assert len(sentences) == 2
    assert all("has a [bots.web] already" in sentence for sentence in sentences)
    assert "Procfile:1 has a web, too" in Destination(tmp_path / "new.toml").clashes([*found.bots, *again.bots])[0]
