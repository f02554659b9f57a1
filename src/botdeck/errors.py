"""Everything Botdeck raises on purpose. A message is for the person who will read it: what was asked, what is so,
what to do. No class here knows an HTTP number; `deck/errors.py` maps them once."""


class BotdeckError(Exception):
    """Base of all errors that Botdeck raises on purpose."""


class ConfigError(BotdeckError):
    """The configuration file cannot be used. The message begins with `FILE:LINE:` where a line is known."""


class BadAddress(BotdeckError):
    """It cannot be the address of a deck."""


class ProtocolError(BotdeckError):
    """A peer sent a frame that cannot be understood."""


class UnknownBot(BotdeckError):
    """No bot of that name is registered."""

    def __init__(self, name: str, known: list[str]) -> None:
        names = ", ".join(known) if known else "none yet; add one to botdeck.toml"
        super().__init__(f"No bot named '{name}'. Known bots: {names}.")


class UnknownRun(BotdeckError):
    """The bot had no such run, or one that is forgotten."""


class UnknownRunner(BotdeckError):
    """No runner of that name joined this deck."""


class RunnerExists(BotdeckError):
    """Another runner has that name already."""


class JoinRefused(BotdeckError):
    """The invitation is not valid, or not for this runner."""


class ActionRefused(BotdeckError):
    """The order makes no sense in the bot's present state."""


class RunnerAway(BotdeckError):
    """The runner that keeps the bot is not connected to the deck."""


class DeckBusy(BotdeckError):
    """Too many come at once; `retry_after_s` says when this one is expected."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"Too many pages come to this deck at once. Come back in {retry_after_s:.0f} s.")


class BadBatch(BotdeckError):
    """What a bot posted is no batch of event lines."""


class BotTokenRefused(BotdeckError):
    """No token can be made for a bot of that name."""


class UnknownBotToken(BotdeckError):
    """There is no token for a bot of that name."""


class TooManyPosts(BotdeckError):
    """A bot posts more at once than the deck takes; `retry_after_s` says when to come again."""

    def __init__(self, bot: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"Bot {bot} posts too much at once. Post one batch after the other; try again in a second.")


class StorageError(BotdeckError):
    """The database cannot be used, or refused a change."""


class NewerDatabase(StorageError):
    """The database was written by a newer Botdeck than this one."""


class StorageConflict(StorageError):
    """Somebody else changed the document first."""


class SignInFailed(BotdeckError):
    """Name or password is wrong, or a session or token is not valid."""


class SetupRefused(BotdeckError):
    """First-run setup is over, or the code is wrong."""


class TooManyTries(BotdeckError):
    """Too many failed sign-ins; `retry_after_s` says when the next one is listened to."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"Too many failed attempts. Try again in {retry_after_s:.0f} s.")
