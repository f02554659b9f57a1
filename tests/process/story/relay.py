"""A wire between a bot and a real server that can be cut, as networks do, while the server and other people go on."""

import contextlib
import select
import socket
import threading


class Relay:
    """Passes on what comes to `port` on loopback, both ways, until it is cut."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.passed = 0
        """Connections that got through, ever."""
        self._refused = 0
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._serving: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self, *, refused: int = 0) -> None:
        """What is connected now is not any more; who dials again gets through, after so many that are refused."""
        with self._lock:
            self._refused = refused
            ends, self._open = self._open, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.cut()
        for thread in self._serving:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # until it is closed
            while True:
                near, _ = self._listener.accept()
                self._serving.append(threading.Thread(target=self._serve, args=(near,), daemon=True))
                self._serving[-1].start()

    def _serve(self, near: socket.socket) -> None:
        if self._is_refused():
            near.close()
            return
        with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target_port), 10) as far:
            far.settimeout(None)
            with self._lock:
                self._open += [near, far]
                self.passed += 1
            while True:
                for end in select.select([near, far], [], [])[0]:
                    if not (data := end.recv(65536)):
                        return
                    (far if end is near else near).sendall(data)

    def _is_refused(self) -> bool:
        with self._lock:
            self._refused -= 1
            return self._refused >= 0
