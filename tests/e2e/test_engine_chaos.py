"""Everything at once: clients and backends that behave at random, while the configuration changes. Afterwards nothing is left over,
and no body ever looked whole that was not."""
import hashlib
import random
import signal
import socket
import threading

import pytest

from engine import Gateway, Origin, proxy
from harness import wait_for
from rawhttp import read_answer, read_request

pytestmark = pytest.mark.threads

TURNS = 60
CLIENTS = 12


def body_of(seed, size):
    return (hashlib.sha256(str(seed).encode()).digest() * (size // 32 + 1))[:size]


def backend(s):
    """What it does is in the request: /<seed>/<size>/<deed>; an honest answer's body follows from seed and size."""
    rest = b""
    while True:
        head, sent, rest = read_request(s, rest)
        _, seed, size, deed = head.split(b" ", 2)[1].decode().split("/")
        data = body_of(seed, int(size))
        if deed == "close":
            return
        if deed == "reset":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return
        if deed == "garbage":
            s.sendall(b"\0\1\2 garbage\r\n\r\n")
            return
        if deed == "echo":
            data = hashlib.sha256(sent).hexdigest().encode()
        if deed == "chunks":
            s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for i in range(0, len(data), 7001):
                piece = data[i:i + 7001]
                s.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
            s.sendall(b"0\r\n\r\n")
            continue
        if deed == "end":
            s.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + data)
            return
        text = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data
        if deed == "cut":
            s.sendall(text[:len(text) * 2 // 3])
            return
        s.sendall(text)


def client(g, seed, wrong):
    r = random.Random(seed)
    s, rest = g.connect(), b""
    for turn in range(TURNS):
        size = r.choice((0, 1, 128, 5000, 70000, 400000))
        deed = r.choice(("fine", "fine", "fine", "chunks", "echo", "end", "cut", "close", "reset", "garbage"))
        path, up = f"/{seed * 1000 + turn}/{size}/{deed}", body_of(turn, r.choice((0, 10, 9000, 300000)))
        try:
            if r.random() < 0.3:
                data = b"POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" % path.encode()
                for i in range(0, len(up), 33333):
                    data += b"%x\r\n" % len(up[i:i + 33333]) + up[i:i + 33333] + b"\r\n"
                data += b"0\r\n\r\n"
            else:
                data = b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(up)) + up
            if r.random() < 0.1: # leaves in the middle of its request
                s.sendall(data[:len(data) // 2])
                raise ConnectionError("left")
            s.sendall(data)
            if r.random() < 0.1: # leaves in the middle of the answer
                s.recv(100)
                raise ConnectionError("left")
            status, headers, body, rest = read_answer(s, rest)
            want = hashlib.sha256(up).hexdigest().encode() if deed == "echo" else body_of(seed * 1000 + turn, size)
            if status == 200 and (deed not in ("fine", "chunks", "echo", "end") or body != want):
                wrong.append((path, len(body)))
            if status not in (200, 502, 504):
                wrong.append((path, status))
            if headers.get("connection") == "close":
                raise ConnectionError("told to")
        except (OSError, ConnectionError, ValueError):
            s.close()
            s, rest = g.connect(), b""
    s.close()


@pytest.mark.parametrize("seed", (1, 2))
def test_chaos(tmp_path, seed):
    with Origin(backend) as o, Gateway(tmp_path, proxy(o.port)) as g:
        wrong = []
        threads = [threading.Thread(target=client, args=(g, seed * 100 + i, wrong)) for i in range(CLIENTS)]
        for t in threads:
            t.start()
        while any(t.is_alive() for t in threads):
            g.write(proxy(o.port, upstream={"policy": "random", "maxConnections": 4 + g.revision % 3}))
            g.process.signal(signal.SIGHUP)
            wait_for("the revision", lambda: g.metric("sluice_config_revision") == g.revision)
        for t in threads:
            t.join()
        assert not wrong
        wait_for("all to be let go", lambda: all(g.metric(f"sluice_{m}") == 0 for m in ("requests_running", "connections_open", "buffer_bytes"))
                 and g.metric("sluice_live_revisions") == 1)
        with g.connect() as s:
            s.sendall(b"GET /1/128/fine HTTP/1.1\r\nHost: h\r\n\r\n")
            assert read_answer(s)[2] == body_of("1", 128)
