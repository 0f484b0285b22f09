"""A data plane alone, on a bundle made from a description (tests/lib/mkbundle.c), and origins that misbehave on purpose."""
import json
import pathlib
import socket
import subprocess
import threading

from harness import BIN, PATIENCE, Process, read_addresses, request, wait_for


class Gateway:
    def __init__(self, folder, description, args=(), preexec_fn=None, name="gateway"):
        self.folder, self.name = pathlib.Path(folder) / name, name
        self.folder.mkdir(parents=True)
        self.bundle, self.revision = self.folder / "bundle", 0
        self.args, self.preexec_fn = list(args), preexec_fn
        self.write(description)

    def write(self, description):
        self.revision += 1
        made = subprocess.run([BIN / "mkbundle", self.bundle], input=json.dumps({"revision": self.revision, **description}), text=True,
                              capture_output=True)
        assert made.returncode == 0, made.stderr

    def __enter__(self):
        state = self.folder / "state"
        self.process = Process(self.name, [
            BIN / "sluice-dataplane", "--bundle", self.bundle, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--state-dir", state,
            "--workers", "2", "--drain-delay-ms", "0", *self.args], self.folder, preexec_fn=self.preexec_fn)
        addresses = read_addresses(self.process, state)
        self.port = int(addresses["listen"].rsplit(":", 1)[1])
        self.admin_port = int(addresses["admin"].rsplit(":", 1)[1])
        wait_for("ready", lambda: self.admin("/readyz")[0] == 200)
        return self

    def __exit__(self, *_):
        if self.process.running():
            self.process.stop()

    def admin(self, path):
        status, _, body = request(self.admin_port, "GET", path)
        return status, body.decode()

    def metric(self, name):
        total = 0.0
        for line in self.admin("/metrics")[1].splitlines():
            if line.startswith(name) and line[len(name)] in " {":
                total += float(line.rsplit(" ", 1)[1])
        return total

    def get(self, path, headers=None, method="GET", body=None):
        return request(self.port, method, path, body, headers)

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        s.settimeout(PATIENCE)
        return s

    def raw(self, data, half_close=False):
        """Sends bytes and reads until the gateway closes."""
        with self.connect() as s:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            return read_all(s)


def read_all(s):
    out = b""
    while True:
        try:
            piece = s.recv(65536)
        except ConnectionResetError:
            return out
        if not piece:
            return out
        out += piece


def read_head(s, rest=b""):
    """(head, what came behind it)"""
    while b"\r\n\r\n" not in rest:
        piece = s.recv(65536)
        if not piece:
            raise ConnectionError(f"closed inside a head: {rest!r}")
        rest += piece
    head, rest = rest.split(b"\r\n\r\n", 1)
    return head, rest


def read_answer(s, rest=b"", head_only=False):
    """One answer with Content-Length or chunks: (status, headers, body, what came behind it)"""
    head, rest = read_head(s, rest)
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, value = line.split(":", 1)
        headers[name.lower()] = value.strip()
    status = int(lines[0].split()[1])
    if head_only or status in (204, 304):
        return status, headers, b"", rest
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while True:
            while b"\r\n" not in rest:
                rest += s.recv(65536)
            size, rest = rest.split(b"\r\n", 1)
            size = int(size, 16)
            while len(rest) < size + 2:
                rest += s.recv(65536)
            body, rest = body + rest[:size], rest[size + 2:]
            if size == 0:
                return status, headers, body, rest
    size = int(headers["content-length"])
    while len(rest) < size:
        piece = s.recv(65536)
        if not piece:
            raise ConnectionError(f"{len(rest)} of {size} bytes")
        rest += piece
    return status, headers, rest[:size], rest[size:]


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


def read_request(s, rest=b""):
    """One request: (head, body, rest)"""
    head, rest = read_head(s, rest)
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        body = b""
        while True:
            while b"\r\n" not in rest:
                piece = s.recv(65536)
                if not piece:
                    raise ConnectionError("cut inside a chunked body")
                rest += piece
            size, rest = rest.split(b"\r\n", 1)
            size = int(size, 16)
            while len(rest) < size + 2:
                piece = s.recv(65536)
                if not piece:
                    raise ConnectionError("cut inside a chunk")
                rest += piece
            body, rest = body + rest[:size], rest[size + 2:]
            if size == 0:
                return head, body, rest
    size = 0
    for line in lower.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            size = int(line.split(b":")[1])
    while len(rest) < size:
        piece = s.recv(262144)
        if not piece:
            raise ConnectionError("cut inside a body")
        rest += piece
    return head, rest[:size], rest[size:]


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
