"""The IRC server of the irc library, with two of its faults mended from outside.

As published, it keeps a core busy as soon as one client is connected (it asks whether it could write, not whether it
has anything to), and it does not hang up after QUIT, for which a bot that leaves politely waits in vain.

    chat_server.py -a ADDRESS -p PORT
"""

import select

import irc.server

GLANCE_S = 0.02
"""How often a connection looks whether others left it something to send."""


class Client(irc.server.IRCClient):
    def _handle_one(self):
        readable, _, broken = select.select([self.request], [], [self.request], GLANCE_S)
        if broken:
            raise self.Disconnect
        while self.send_queue:
            self._send(self.send_queue.pop(0))
        if readable:
            self._handle_incoming()

    def handle_quit(self, params):
        super().handle_quit(params)
        raise self.Disconnect


if __name__ == "__main__":
    irc.server.IRCClient = Client
    irc.server.main()
