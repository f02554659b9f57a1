"""The servers of servers/, and what their clients must say."""

import json
from pathlib import Path
from typing import ClassVar

from bench.fan_out import install
from bench.fan_out.candidate import Candidate
from bench.fan_out.load import Speech, frame
from bench.fan_out.message import TEMPLATE
from bench.fan_out.places import SERVERS
from bench.house.packages import output
from bench.peers import ROOT
from bench.peers.pm2 import node

JSON = json.dumps(TEMPLATE, separators=(",", ":"))
UVICORN = "uvicorn[standard]==0.54.0"
BROWSERS_OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


class Writer(Candidate):
    name, label = "c", "C, write() only"

    @classmethod
    def install(cls) -> str:
        install.compiled(SERVERS / "writer.c")
        return output("gcc", "-dumpfullversion")

    def command(self) -> list[str]:
        return [str(install.compiled(SERVERS / "writer.c")), str(self.port), JSON]


class InPython(Candidate):
    module: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]

    @classmethod
    def install(cls) -> str:
        install.python_packages(*cls.packages)
        return cls.packages[0].partition("==")[2]

    def command(self) -> list[str]:
        return [str(install.PYTHON), "-m", f"bench.fan_out.servers.{self.module}", str(self.port)]

    def folder(self) -> Path:
        return ROOT


class InNode(Candidate):
    script: ClassVar[str]
    package: ClassVar[str]

    @classmethod
    def install(cls) -> str:
        install.node_package(cls.package)
        return cls.package.rpartition("@")[2]

    def command(self) -> list[str]:
        return [node(), str(SERVERS / self.script), str(self.port), JSON]

    def folder(self) -> Path:
        return install.NODE_FOLDER


class FastApiLoop(InPython):
    name, label = "fastapi", "FastAPI loop"
    module, packages = "fastapi_loop", ("fastapi==0.165.0", UVICORN)


class FastApiLoopDeflated(FastApiLoop):
    """As browsers meet it: all of them offer compression, and uvicorn accepts."""

    name, label = "fastapi-deflate", "FastAPI loop, deflate"
    speech = Speech(headers=(BROWSERS_OFFER,))


class WebsocketsBroadcast(InPython):
    name, label = "websockets", "websockets.broadcast"
    module, packages = "websockets_broadcast", ("websockets==17.4",)


_SOCKET_IO = Speech(
    path="/socket.io/?EIO=4&transport=websocket",
    hello=frame(b"40"),
    ready=b'40{"sid"',
    ping=b"2",
    pong=frame(b"3"),
)


class PythonSocketIo(InPython):
    name, label, speech = "python-socketio", "python-socketio", _SOCKET_IO
    module, packages = "python_socketio", ("python-socketio==5.18.1", UVICORN)


class Picows(InPython):
    name, label = "picows", "picows"
    module, packages = "picows_send", ("picows==2.3.1", "uvloop==0.23.0")


class Socketify(InPython):
    name, label = "socketify", "socketify"
    module, packages = "socketify_publish", ("socketify==0.0.31",)


class NodeWs(InNode):
    name, label = "ws", "Node ws"
    script, package = "ws.mjs", "ws@8.23.0"


class SocketIo(InNode):
    name, label, speech = "socket.io", "Socket.IO on Node", _SOCKET_IO
    script, package = "socket_io.mjs", "socket.io@4.8.4"
