"""Backends that break their word, clients that attack, limits, drain and swaps."""
import http.client
import resource
import signal
import socket
import subprocess
import threading
import time

import pytest

from engine import Gateway, Origin, answer, echo, proxy
from harness import BIN, PATIENCE, free_port, wait_for
from rawhttp import read_all, read_answer, read_head, read_request

pytestmark = pytest.mark.threads

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


# ---- backends ----------------------------------------------------------------------------------------------------------------

BAD_ANSWERS = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "not HTTP": b"220 ready\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "odd coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 1\n\na",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "control byte": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "unasked upgrade": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "a long head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n",
    "endless 1xx": b"HTTP/1.1 102 Processing\r\n\r\n" * 100,
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_bad_answers_are_502(tmp_path, name):
    with Origin(answer(BAD_ANSWERS[name])) as o, Gateway(tmp_path, proxy(o.port, aws=True)) as g:
        status, h, body = g.get("/x")
        assert (status, body) == (502, b'{"message": "Internal server error"}')
        assert h["x-amzn-errortype"] == "InternalServerErrorException"
        # The client's own connection goes on.
        with g.connect() as s:
            for _ in range(2):
                s.sendall(GET)
                assert read_answer(s)[0] == 502


CUT_ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "inside a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    "no line end behind a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
}


@pytest.mark.parametrize("name", CUT_ANSWERS)
def test_a_cut_body_is_seen_as_cut(tmp_path, name):
    with Origin(answer(CUT_ANSWERS[name])) as o, Gateway(tmp_path, proxy(o.port)) as g:
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            g.get("/x")
        out = g.raw(GET)
        assert out.startswith(b"HTTP/1.1 200 OK") and not out.endswith(b"0\r\n\r\n")
        wait_for("the count", lambda: g.metric("sluice_upstream_truncated_total") >= 2)


def test_more_than_promised_is_not_passed_on(tmp_path):
    text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    with Origin(answer(text, close=False)) as o, Gateway(tmp_path, proxy(o.port)) as g, g.connect() as s:
        for i in range(5):
            s.sendall(GET)
            status, _, body, rest = read_answer(s)
            assert (status, body, rest) == (200, b"ok", b"")
        assert o.connections == 5 # none of them was used again


def test_interim_answers_are_swallowed(tmp_path):
    text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with Origin(answer(text, close=False)) as o, Gateway(tmp_path, proxy(o.port)) as g, g.connect() as s:
        for _ in range(3):
            s.sendall(GET)
            status, h, body, _ = read_answer(s)
            assert (status, body) == (200, b"ok") and "link" not in h
        assert o.connections == 1


def test_nobody_listens(tmp_path):
    with Gateway(tmp_path, proxy(free_port())) as g:
        status, _, body = g.get("/x", method="POST", body=b"data")
        assert (status, body) == (502, b'{"message": "Bad Gateway"}')
        assert g.metric("sluice_upstream_connect_failures_total") > 0


def test_timeouts(tmp_path):
    def stall(s):
        head, _ = read_head(s)
        if b"/body" in head:
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        s.recv(1)
    with Origin(stall) as o:
        with Gateway(tmp_path, proxy(o.port, aws=True, upstream={"firstByteTimeoutMs": 100, "totalTimeoutMs": 400})) as g:
            status, h, body = g.get("/x")
            assert (status, body) == (504, b'{"message": "Endpoint request timed out"}')
            assert h["x-amzn-errortype"] == "InternalServerErrorException"
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                g.get("/body")
            assert g.metric("sluice_upstream_timeouts_total") == 2


def test_dead_pooled_connections_are_not_noticed(tmp_path):
    """The origin answers once a connection, then waits for the next request and closes without a word."""
    got = []

    def once(s):
        head, body, rest = read_request(s)
        got.append(head.split(b" ")[0])
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        read_request(s, rest)
    with Origin(once) as o, Gateway(tmp_path, proxy(o.port), args=["--workers", "1"]) as g, g.connect() as s:
        for i in range(10):
            s.sendall(GET)
            assert read_answer(s)[0] == 200, i
        assert g.metric("sluice_retry_total") == 9
        # Nobody knows whether a POST was seen: it is not sent twice.
        s.sendall(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab")
        assert read_answer(s)[0] == 502
        assert got.count(b"POST") == 0


def test_a_close_between_requests_is_seen_at_once(tmp_path):
    closed = threading.Event()

    def once(s):
        read_request(s)
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        s.shutdown(socket.SHUT_RDWR)
        closed.set()
    with Origin(once) as o, Gateway(tmp_path, proxy(o.port)) as g, g.connect() as s:
        for _ in range(5):
            closed.clear()
            s.sendall(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab")
            assert read_answer(s)[0] == 200
            assert closed.wait(PATIENCE)
            wait_for("the close to be seen", lambda: g.metric("sluice_upstream_connections_open") == 0)


def test_failover_and_policies(tmp_path):
    with Origin(echo) as a, Origin(echo) as b:
        for i, policy in enumerate(("roundRobin", "leastRequest", "random")):
            endpoints = [{"host": "127.0.0.1", "port": a.port}, {"host": "127.0.0.1", "port": b.port, "weight": 3}]
            with Gateway(tmp_path, proxy(1, upstream={"endpoints": endpoints, "policy": policy}), args=["--workers", "1"], name=f"g{i}") as g:
                to_b = sum(f"127.0.0.1:{b.port}".encode() in g.get("/x")[2] for _ in range(200))
                assert 120 <= to_b <= 180 if policy != "roundRobin" else to_b == 150, (policy, to_b)
        endpoints = [{"host": "127.0.0.1", "port": free_port()}, {"host": "127.0.0.1", "port": b.port, "priority": 1}]
        with Gateway(tmp_path, proxy(1, upstream={"endpoints": endpoints}), name="failover") as g:
            for _ in range(20):
                status, _, body = g.get("/x", method="POST", body=b"data")
                assert status == 200 and f"Host: 127.0.0.1:{b.port}".encode() in body and body.endswith(b"data")


def test_names_are_resolved(tmp_path):
    with Origin(echo) as o, Gateway(tmp_path, proxy(1, uri=f"http://localhost:{o.port}/{{proxy}}")) as g:
        status, _, body = g.get("/x")
        assert status == 200 and f"Host: localhost:{o.port}".encode() in body
    with Gateway(tmp_path, proxy(1, uri="http://no-such-name.invalid/{proxy}"), name="none") as g:
        assert g.get("/x")[0] == 502


def test_connection_limit_queues_calls(tmp_path):
    busy, most, lock = [0], [0], threading.Lock()

    def slow(s):
        rest = b""
        while True:
            _, _, rest = read_request(s, rest)
            with lock:
                busy[0] += 1
                most[0] = max(most[0], busy[0])
            time.sleep(0.02)
            with lock:
                busy[0] -= 1
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with Origin(slow) as o, Gateway(tmp_path, proxy(o.port, upstream={"maxConnections": 2}), args=["--workers", "1"]) as g:
        results = []
        threads = [threading.Thread(target=lambda: results.append(g.get("/x")[0])) for _ in range(30)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert results == [200] * 30 and most[0] == 2


def test_early_answer_to_an_upload(tmp_path):
    def refuse(s):
        read_head(s)
        s.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        s.shutdown(socket.SHUT_WR)
        read_all(s)
    with Origin(refuse) as o, Gateway(tmp_path, proxy(o.port)) as g, g.connect() as s:
        s.sendall(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n" + b"x" * 1000)
        status, h, body, _ = read_answer(s)
        assert (status, body, h["connection"]) == (403, b"no", "close")


def test_a_client_that_leaves_ends_the_call(tmp_path):
    left = threading.Event()

    def handler(s):
        read_request(s)
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                s.sendall(b"x" * 65536)
        except OSError:
            left.set()
    with Origin(handler) as o, Gateway(tmp_path, proxy(o.port)) as g:
        s = g.connect()
        s.sendall(GET)
        read_head(s)
        s.close()
        assert left.wait(PATIENCE)
        wait_for("the count", lambda: g.metric("sluice_connections_aborted_total") == 1)


# ---- clients -----------------------------------------------------------------------------------------------------------------

SMUGGLING = {
    "length and chunks": (b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "xchunked": (b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
    "space before colon": (b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n", 400),
    "gzip, chunked": (b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "two lengths": (b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "signed length": (b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n", 400),
    "bare line feed": (b"GET /x HTTP/1.1\nHost: h\n\n", 400),
    "folded": (b"GET /x HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400),
    "NUL": (b"GET /x HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400),
    "no host": (b"GET /x HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "chunks on 1.0": (b"POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "version 2": (b"GET /x HTTP/2.0\r\nHost: h\r\n\r\n", 505),
    "version 0.9": (b"GET /x\r\n\r\n", 400),
    "CONNECT": (b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 501),
    "space in target": (b"GET /x y HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "long target": (b"GET /" + b"a" * 11000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
    "long head": (b"GET /x HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 17000 + b"\r\n\r\n", 431),
    "many headers": (b"GET /x HTTP/1.1\r\nHost: h\r\n" + b"X: 1\r\n" * 101 + b"\r\n", 431),
    "long body": (b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10485761\r\n\r\n", 413),
    "odd expect": (b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: magic\r\n\r\n", 417),
    "bad chunk size": (b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 400),
    "no line end behind a chunk": (b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_smuggling(tmp_path, name):
    data, status = SMUGGLING[name]
    seen = []

    def handler(s):
        rest = b""
        while True:
            head, _, rest = read_request(s, rest)
            seen.append(head)
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with Origin(handler) as o, Gateway(tmp_path, proxy(o.port)) as g:
        # What stands behind the bad request must not be taken for one.
        out = g.raw(data + b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
        assert out.startswith(b"HTTP/1.1 %d " % status), out[:100]
        assert out.count(b"HTTP/1.1 ") == 1 and b"Connection: close" in out
        assert not any(b"smuggled" in h for h in seen)
        assert g.get("/fine")[0] == 200


def test_payload_limit_of_chunks(tmp_path):
    with Origin(echo) as o, Gateway(tmp_path, proxy(o.port, aws=True, payloadLimit=1000)) as g:
        head = b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        out = g.raw(head + (b"64\r\n" + b"x" * 100 + b"\r\n") * 11 + b"0\r\n\r\n")
        assert out.startswith(b"HTTP/1.1 413 ") and out.endswith(b"HTTP content length exceeded 1000 bytes.")
        with g.connect() as s:
            s.sendall(head + (b"64\r\n" + b"x" * 100 + b"\r\n") * 10 + b"0\r\n\r\n")
            assert read_answer(s)[0] == 200


def test_slow_clients(tmp_path):
    args = ["--head-timeout-ms", "200", "--body-timeout-ms", "200", "--idle-timeout-ms", "300"]
    with Origin(echo) as o, Gateway(tmp_path, proxy(o.port), args=args) as g:
        assert g.raw(b"GET /x HT").startswith(b"HTTP/1.1 408 ")
        assert g.raw(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc").startswith(b"HTTP/1.1 408 ")
        assert g.raw(b"") == b""
        out = g.raw(GET)
        assert out.startswith(b"HTTP/1.1 200 ") and out.count(b"HTTP/1.1 200") == 1


def test_a_reader_that_stops_is_cut(tmp_path):
    with Origin(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 50000000)) as o:
        with Gateway(tmp_path, proxy(o.port), args=["--write-timeout-ms", "300"]) as g, g.connect() as s:
            s.sendall(GET)
            read_head(s)
            wait_for("the connection to be cut", lambda: g.metric("sluice_connections_open") == 0)


def test_connection_cap(tmp_path):
    with Origin(echo) as o, Gateway(tmp_path, proxy(o.port), args=["--workers", "1", "--max-connections", "10"]) as g:
        open_ = [g.connect() for _ in range(10)]
        for s in open_:
            s.sendall(GET)
            assert read_answer(s)[0] == 200
        with g.connect() as s:
            assert read_all(s).startswith(b"HTTP/1.1 503 ")
        open_.pop().close()
        wait_for("room", lambda: g.get("/x")[0] == 200)


def test_a_silent_crowd_does_not_hide_the_health(tmp_path):
    with Origin(echo) as o, Gateway(tmp_path, proxy(o.port)) as g:
        crowd = [socket.create_connection(("127.0.0.1", g.admin_port), PATIENCE) for _ in range(200)]
        for s in crowd[-64:]:
            s.sendall(b"GET /read")
        assert g.admin("/readyz")[0] == 200
        for s in crowd:
            s.close()


def test_a_port_is_not_shared_with_another_gateway(tmp_path):
    """Workers share their port by SO_REUSEPORT. A second program must not join: the kernel would give it every other client."""
    with Origin(echo) as o, Gateway(tmp_path, proxy(o.port)) as g:
        done = subprocess.run([BIN / "sluice-dataplane", "--bundle", g.bundle, "--listen", f"127.0.0.1:{g.port}", "--admin-listen", "127.0.0.1:0",
                               "--state-dir", tmp_path / "second", "--workers", "2"], capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 1 and f"listen on 127.0.0.1:{g.port}: Address already in use" in done.stderr
        assert g.get("/x")[0] == 200


def test_out_of_descriptors(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    with Origin(echo) as o, Gateway(tmp_path, proxy(o.port), preexec_fn=limit) as g:
        crowd = [g.connect() for _ in range(100)]
        for s in crowd[:5]:
            s.sendall(GET)
        for s in crowd:
            s.close()
        wait_for("the gateway to serve again", lambda: g.get("/x")[0] == 200)


# ---- drain and swaps ---------------------------------------------------------------------------------------------------------

def test_drain(tmp_path):
    go = threading.Event()

    def handler(s):
        rest = b""
        while True:
            _, _, rest = read_request(s, rest)
            go.wait(PATIENCE)
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with Origin(handler) as o, Gateway(tmp_path, proxy(o.port), args=["--drain-delay-ms", "300"]) as g:
        with g.connect() as busy, g.connect() as idle:
            busy.sendall(GET)
            wait_for("the request to run", lambda: g.metric("sluice_requests_running") == 1)
            g.process.signal(signal.SIGTERM)
            wait_for("the drain to begin", lambda: g.admin("/readyz") == (503, "draining\n"))
            assert read_all(idle) == b""
            go.set()
            status, h, body, _ = read_answer(busy)
            assert (status, body, h["connection"]) == (200, b"ok", "close")
        assert g.process.wait() == 0


def test_drain_timeout_cuts(tmp_path):
    def handler(s):
        read_request(s)
        s.recv(1)
    with Origin(handler) as o, Gateway(tmp_path, proxy(o.port), args=["--drain-timeout-ms", "200"]) as g, g.connect() as s:
        s.sendall(GET)
        wait_for("the request to run", lambda: g.metric("sluice_requests_running") == 1)
        g.process.signal(signal.SIGTERM)
        assert read_all(s) == b""
        assert g.process.wait() == 0


def test_swaps_under_load(tmp_path):
    with Origin(echo) as o:
        def description(n):
            return proxy(o.port, uri=f"http://127.0.0.1:{o.port}/r{n}/{{proxy}}")
        with Gateway(tmp_path, description(1)) as g:
            stop, failures, done = threading.Event(), [], [0]

            def load():
                with g.connect() as s:
                    rest, last = b"", 0
                    while not stop.is_set():
                        s.sendall(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
                        status, _, body, rest = read_answer(s, rest)
                        revision = int(body.split(b" /r", 1)[1].split(b"/", 1)[0])
                        if status != 200 or revision < last:
                            failures.append((status, revision, last))
                        last = revision
                        done[0] += 1
            threads = [threading.Thread(target=load) for _ in range(8)]
            for t in threads:
                t.start()
            for n in range(2, 42):
                g.write(description(n))
                g.process.signal(signal.SIGHUP)
                wait_for("the revision", lambda: g.metric("sluice_config_revision") == n)
            stop.set()
            for t in threads:
                t.join()
            assert not failures and done[0] > 100
            assert g.metric("sluice_config_swaps_total") == 41 * 2
            wait_for("old snapshots to go", lambda: g.metric("sluice_live_revisions") == 1)
