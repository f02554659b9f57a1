"""Botdeck's demo visitor: somebody on the chat server who talks to the bot, so that its figures move.

visitor.py HOST PORT CHANNEL
"""

import random
import signal
import sys

import irc.bot

GREETING = "Hello! I am Botdeck's demo visitor, a script that talks to this bot."
COMMANDS = (
    ".calc 6*7",
    ".calc 2**16 - 1",
    ".dice 2d6",
    ".dice 3d20+4",
    ".choose tea, coffee",
    ".choose now, later, never",
    ".rand 1 100",
    ".temp 21C",
    ".length 42km",
    ".uptime",
)
CHAT = (
    "nice weather today",
    "has anybody seen my keys?",
    "brb, the kettle is on",
    "that was quick",
    "one more, for luck",
    "it is quiet here today",
    "thank you, bot",
)
BROKEN = ".temp C"
"""Sopel stumbles over a temperature without a number."""


class Visitor(irc.bot.SingleServerIRCBot):
    """Speaks at a human, irregular pace; comes back when the server was away."""

    def __init__(self, host: str, port: int, channel: str) -> None:
        again = irc.bot.ExponentialBackoff(min_interval=1, max_interval=5)
        super().__init__([(host, port)], "visitor", "Botdeck's demo visitor", recon=again)
        self.channel = channel
        self.visit = 0

    def on_welcome(self, connection, event):
        connection.join(self.channel)

    def on_nicknameinuse(self, connection, event):
        connection.nick(f"visitor{random.randint(2, 999)}")

    def on_endofnames(self, connection, event):
        self.visit += 1
        self.say(self.visit, GREETING)

    def say(self, visit, text):
        if visit != self.visit or not self.connection.is_connected():
            return  # that was before the connection was lost
        self.connection.privmsg(self.channel, text)
        self.reactor.scheduler.execute_after(random.uniform(0.8, 4.0), lambda: self.say(visit, something_to_say()))


def something_to_say():
    kind = random.random()
    if kind < 0.05:
        return BROKEN
    return random.choice(COMMANDS if kind < 0.6 else CHAT)


def main() -> None:
    visitor = Visitor(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    signal.signal(signal.SIGTERM, lambda *_: visitor.die("Goodbye."))
    visitor.start()


if __name__ == "__main__":
    main()
