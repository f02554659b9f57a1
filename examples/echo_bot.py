"""An IRC bot of a dozen lines that says everything twice. Botdeck is the line before the last.

python examples/echo_bot.py HOST PORT CHANNEL
"""

import sys

import irc.bot

import botdeck


class EchoBot(irc.bot.SingleServerIRCBot):
    def on_welcome(self, connection, event):
        connection.join(sys.argv[3])

    def on_pubmsg(self, connection, event):
        connection.privmsg(event.target, event.arguments[0])


bot = EchoBot([(sys.argv[1], int(sys.argv[2]))], "echo", "says everything twice")
botdeck.instrument(bot)
bot.start()
