"""A data plane alone, on a bundle made from a description (tests/lib/mkbundle.c), and origins that misbehave on purpose."""
import json
import pathlib
import socket
import subprocess
import threading

from harness import BIN, PATIENCE, DataPlane
from rawhttp import read_request


class Gateway(DataPlane):
    def __init__(self, folder, description, args=(), preexec_fn=None, name="gateway"):
        super().__init__(pathlib.Path(folder) / name, name, args, preexec_fn=preexec_fn)
        self.folder.mkdir(parents=True)
        self.bundle, self.revision = self.folder / "bundle", 0
        self.write(description)

    def write(self, description):
        self.revision += 1
        made = subprocess.run([BIN / "mkbundle", self.bundle], input=json.dumps({"revision": self.revision, **description}), text=True,
                              capture_output=True)
        assert made.returncode == 0, made.stderr

    def __enter__(self):
        self.launch("--bundle", self.bundle)
        self.wait_ready()
        return self


class Origin:
    """Calls handler(socket) on a thread of its own for each connection; the socket is closed when it returns."""

    def __init__(self, handler):
        self.handler, self.connections, self.errors = handler, 0, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with s:
            s.settimeout(PATIENCE)
            try:
                self.handler(s)
            except (OSError, ConnectionError, ValueError):
                pass
            except AssertionError as e:
                self.errors.append(e)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        assert not self.errors, self.errors


def echo(s):
    """Keeps the connection and answers each request with its head and body."""
    rest = b""
    while True:
        head, body, rest = read_request(s, rest)
        text = head + b"\r\n\r\n" + body
        method = head.split(b" ", 1)[0]
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(text)
                  + (b"" if method == b"HEAD" else text))


def answer(data, close=True):
    """A handler that answers every request with these bytes."""
    def handler(s):
        rest = b""
        while True:
            _, _, rest = read_request(s, rest)
            s.sendall(data)
            if close:
                return
    return handler


def proxy(port, aws=False, uri=None, upstream=None, **stage):
    """A description: everything below / goes to one port."""
    upstreams = [{"name": "o", "endpoints": [{"host": "127.0.0.1", "port": port}], **(upstream or {})}]
    return {"upstreams": upstreams, "stages": [{
        "api": "a", "name": "dev", "basePath": "", "aws": aws, **stage,
        "integrations": {"p": {"type": "http_proxy", "uri": uri or "upstream://o/{proxy}"}},
        "routes": [{"method": "ANY", "path": "/{proxy+}", "integration": "p"}]}]}
