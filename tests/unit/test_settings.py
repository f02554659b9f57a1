"""What botdeck.toml may say, and what is said when it is wrong."""

from pathlib import Path

import pytest

from botdeck.errors import ConfigError
from botdeck.models import Restart
from botdeck.settings import Settings, data_dir_of, find_config, load_settings, parse_env_file


def load(folder: Path, text: str) -> Settings:
    path = folder / "botdeck.toml"
    path.write_text(text)
    return load_settings(path)


def test_a_command_is_enough(tmp_path: Path) -> None:
    (bot,) = load(tmp_path, "[bots.greeter]\ncommand = \"python bot.py --name 'big one'\"\n").bots

    assert bot.command == ("python", "bot.py", "--name", "big one")
    assert (bot.cwd, bot.restart, bot.stop_timeout_s) == (tmp_path, Restart.ALWAYS, 10.0)
    assert (bot.autostart, bot.instrument, bot.user, bot.env_file, dict(bot.env)) == (True, True, None, None, {})


def test_every_setting_is_read(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        data_dir = "state"
        [deck]
        host = "0.0.0.0"
        port = 0
        time_zone = "Europe/Vienna"
        base_path = "/bots"
        public_url = "https://example.org/bots/"
        default_bot = "b"
        stats_interval_s = 2
        [bots.b]
        command = ["./run", "--x"]
        cwd = "sub"
        description = "Says hello."
        env = { A = "1" }
        env_file = "b.env"
        user = "nobody"
        restart = "on-failure"
        stop_timeout_s = 0
        autostart = false
        instrument = false
        """,
    )

    deck, (bot,) = settings.deck, settings.bots
    assert settings.data_dir == tmp_path / "state"
    assert (deck.host, deck.port, deck.time_zone, deck.base_path) == ("0.0.0.0", 0, "Europe/Vienna", "/bots/")
    assert (deck.public_url, deck.default_bot, deck.stats_interval_s) == ("https://example.org/bots/", "b", 2.0)
    assert (bot.command, bot.cwd, bot.description) == (("./run", "--x"), tmp_path / "sub", "Says hello.")
    assert (dict(bot.env), bot.env_file, bot.user) == ({"A": "1"}, tmp_path / "b.env", "nobody")
    assert (bot.restart, bot.stop_timeout_s, bot.autostart, bot.instrument) == (Restart.ON_FAILURE, 0.0, False, False)
    assert settings.bot("b") is bot
    assert settings.bot("c") is None


def test_an_empty_file_is_a_deck_without_bots(tmp_path: Path) -> None:
    settings = load(tmp_path, "")

    assert settings.bots == ()
    assert settings.data_dir == tmp_path / ".botdeck"


def test_bots_keep_the_order_of_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, "".join(f'[bots.{name}]\ncommand = "true"\n' for name in ("z", "a", "m")))

    assert [bot.name for bot in settings.bots] == ["z", "a", "m"]


BROKEN = [
    ("[bots.b\n", 1, "this is not TOML"),
    ('[bots.b]\ncommand = "true"\n\ncolour = "red"\n', 4, "there is no setting 'colour' here; expected one of command"),
    ('[bot.b]\ncommand = "true"\n', 1, "there is no setting 'bot' here; expected one of data_dir, deck, runner, bots"),
    ("[bots.b]\ncwd = '.'\n", 1, "command is needed"),
    ("[bots.b]\ncommand = 7\n", 2, "command is needed"),
    ("[bots.b]\ncommand = []\n", 2, "command is needed"),
    ('[bots.b]\ncommand = ["a", 1]\n', 2, "command is needed"),
    ('[bots.b]\ncommand = "it\'s"\n', 2, "command cannot be split into words: No closing quotation"),
    ('[bots.b]\ncommand = ["", "x"]\n', 2, "should not be empty"),
    ('[bots."no spaces"]\ncommand = "true"\n', 1, "a bot's name is letters, digits"),
    ('[bots."-x"]\ncommand = "true"\n', 1, "a bot's name is letters, digits"),
    (f'[bots.{"x" * 64}]\ncommand = "true"\n', 1, "at most 63"),
    ('[bots.b]\ncommand = "true"\nrestart = "sometimes"\n', 3, "'always' or 'on-failure' or 'never', not 'sometimes'"),
    ('[bots.b]\ncommand = "true"\nrestart = []\n', 3, "restart should be a string"),
    ('[bots.b]\ncommand = "true"\nstop_timeout_s = "9"\n', 3, "stop_timeout_s should be a number, not '9'"),
    ('[bots.b]\ncommand = "true"\nstop_timeout_s = -1\n', 3, "should be at least 0"),
    ('[bots.b]\ncommand = "true"\nstop_timeout_s = nan\n', 3, "should be a number, not nan"),
    ('[bots.b]\ncommand = "true"\nstop_timeout_s = true\n', 3, "should be a number"),
    ('[bots.b]\ncommand = "true"\nautostart = "yes"\n', 3, "autostart should be true or false"),
    ('[bots.b]\ncommand = "true"\n[bots.b.env]\nA = 1\n', 4, "env.A should be a string; quote it"),
    ('[bots.b]\ncommand = "true"\nenv = "A=1"\n', 3, "env should be a table"),
    ('[bots.b]\ncommand = "true"\nuser = 0\n', 3, "user should be a string"),
    ("bots = 3\n", 1, "bots should be a table"),
    ("[deck]\nport = 70000\n", 2, "port should be a whole number from 0 to 65535, not 70000"),
    ("[deck]\nport = inf\n", 2, "port should be a number, not inf"),
    ("[deck]\nport = 80.5\n", 2, "port should be a whole number"),
    ('[deck]\ntime_zone = "Vienna"\n', 2, "there is no time zone 'Vienna'; expected a name like Europe/Vienna"),
    ('[deck]\ndefault_bot = "x"\n[bots.a]\ncommand = "true"\n', 2, "there is no [bots.x]; bots are: a"),
    ('[deck]\nbase_path = "bots"\n', 2, "base_path should look like /botdeck/"),
    ("[deck]\nstats_interval_s = 0\n", 2, "stats_interval_s should be at least 0.1"),
    ("data_dir = 5\n", 1, "data_dir should be a string"),
    (f'[bots.b]\ncommand = "true"\nstop_timeout_s = {"9" * 400}\n', 3, "should be a number, not 999"),
    ('[bots.b]\ncommand = "true"\ncwd = "~nosuchuser/x"\n', 3, "cannot be made a path"),
    ('[bots.all]\ncommand = "true"\n', 1, "'all' means every bot"),
    ('[bots.b]\ncommand = "true"\nenv = { "" = "x" }\n', 3, "cannot be the name of an environment variable"),
    ('[deck]\npublic_url = "garbage"\n', 2, "public_url should look like https://bots.example"),
    (f"a = {'[' * 5000}", 1, "nested too deeply"),
    (
        '[bots.b]\ncommand = "x"\nstop_signal = "KILL"\n',
        3,
        "stop_signal should be one of TERM, INT, HUP, QUIT, USR1, USR2",
    ),
    ('[bots.b]\ncommand = "x"\nready = "soon"\n', 3, 'ready should be "time", "sdk" or "output:PATTERN"'),
    ('[bots.b]\ncommand = "x"\nready = "output:("\n', 3, "is no regular expression"),
    ('[bots.b]\ncommand = "x"\nrestart_at = "* * * * * *"\n', 3, "should be five cron fields"),
    ('[bots.b]\ncommand = "x"\nrestart_at = "61 4 * * *"\n', 3, "should be five cron fields"),
    ('[bots.b]\ncommand = "x"\nstart_budget = 2.5\n', 3, "start_budget should be a whole number"),
    ('[bots.b]\ncommand = "x"\nmax_crashes = -1\n', 3, "max_crashes should be at least 0"),
    (
        '[bots.b]\ncommand = "x"\nheartbeat_timeout_s = 0.5\n',
        3,
        "heartbeat_timeout_s should be at least 1, or 0 for never",
    ),
    ('[bots.b]\ncommand = "x"\nprobe = "127.0.0.1:80"\n', 3, "probe should look like"),
    ('[bots.b]\ncommand = "x"\nprobe = "tcp://127.0.0.1"\n', 3, "probe should look like"),
    ('[bots.b]\ncommand = "x"\nprobe_failures = 0\n', 3, "probe_failures should be at least 1"),
    ("[runner]\nbacklog_mb = 0\n", 2, "backlog_mb should be at least 1"),
]


@pytest.mark.parametrize(("text", "line", "words"), BROKEN, ids=[words for _, _, words in BROKEN])
def test_a_broken_file_is_told_with_file_line_and_what_was_expected(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    assert str(caught.value).startswith(f"{tmp_path / 'botdeck.toml'}:{line}: ")
    assert words in str(caught.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'data_dir = "\xe9"')

    for name, words in (
        ("none.toml", "there is no such file"),
        (".", "cannot be read"),
        ("latin.toml", "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=words):
            load_settings(tmp_path / name)


def test_the_nearest_configuration_above_is_found(tmp_path: Path) -> None:
    (tmp_path / "botdeck.toml").touch()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)

    assert find_config(inner) == tmp_path / "botdeck.toml"


def test_no_configuration_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"There is no botdeck\.toml in /proc/self or above it\. Write one"):
        find_config(Path("/proc/self"))


def test_an_env_file_has_comments_quotes_and_exports(tmp_path: Path) -> None:
    path = tmp_path / "bot.env"
    path.write_text("# comment\n\nA=1\nexport B = 'two words'\nC=\"a=b\"\nD=\n")

    assert parse_env_file(path) == {"A": "1", "B": "two words", "C": "a=b", "D": ""}


@pytest.mark.parametrize("text", ["A=1\nnonsense\n", "A=1\n=2\n"])
def test_a_broken_env_file_is_told_with_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bot.env"
    path.write_text(text)

    with pytest.raises(ConfigError, match=f"{path}:2: expected NAME=value"):
        parse_env_file(path)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('data_dir = "here"\n[bots.b]\ncommand = 5\n', "here"),
        ('data_dir = "here"\n[bots.b\n', "here"),
        ("[bots.b\n", ".botdeck"),
    ],
)
def test_where_the_data_lies_is_known_of_a_broken_file_too(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "botdeck.toml"
    path.write_text(text)

    assert data_dir_of(path) == tmp_path / where
