"""The admin port as an HTTP server: bounds, bad bytes, slow and greedy clients."""
import json
import socket

import pytest
from admin_lib import files, head, mock
from harness import PATIENCE, ControlPlane, wait_for
from rawhttp import read_all, read_answer


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with ControlPlane(tmp_path_factory.mktemp("http")) as cp:
        yield cp


@pytest.fixture
def hasty(tmp_path):
    with ControlPlane(tmp_path, ["--admin-request-timeout-ms", "400", "--admin-idle-timeout-ms", "600"]) as cp:
        yield cp


def exchange(cp, data):
    with cp.raw() as tls:
        tls.sendall(data)
        return read_answer(tls)


@pytest.mark.parametrize("body", [
    b"", b"nonsense", b"[]", b"null", b'{"files":', b'{"files":[]}', b'{"files":{}}', b'{"files":[1]}', b'{"files":[{}]}',
    b'{"files":[{"text":1}]}', b'{"files":[{"text":"a"}],"dryRun":"yes"}', b'{"files":[{"text":"a"}],"message":5}',
    b'{"files":[{"text":"a","mode":"x"}]}', b'{"files":[{"text":"a"}],"typo":1}', b'{"files":[{"text":"\xff"}]}',
    b'{"files":[{"text":"a"}],"baseRevision":-1}', b'{"files":[{"text":"a"}],"baseRevision":1.5}',
    b'{"files":[{"text":"\\ud800"}]}', b"[" * 5000, b'{"a":' * 5000, b'{"files":[{"text":"a"}],"files":[]}',
    b'{"files":[{"text":"a"}],"message":"' + b"m" * 2000 + b'"}'],
    ids=lambda body: body[:30].decode("latin-1"))
def test_bad_bodies(shared, body):
    status, headers, answer, _ = exchange(shared, head(shared, "POST", "/v1/apply", f"Content-Length: {len(body)}") + body)
    problem = json.loads(answer)
    assert status == 400 and headers["content-type"] == "application/problem+json" and headers["date"].endswith(" GMT"), problem
    assert problem["status"] == 400 and problem["title"] and problem["detail"] and problem["requestId"]


@pytest.mark.parametrize("data, status", [
    (b"nonsense\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"POST /v1/apply HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 20000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
], ids=lambda p: p[:30].decode("latin-1") if isinstance(p, bytes) else str(p))
def test_bad_heads_close(shared, data, status):
    with shared.raw() as tls:
        tls.sendall(data)
        got, headers, _, _ = read_answer(tls)
    assert (got, headers["connection"]) == (status, "close")


def test_a_bad_head_is_the_last(shared):
    with shared.raw() as tls:
        tls.sendall(b"nonsense\r\n\r\n" + head(shared, "GET", "/healthz"))
        assert read_all(tls).count(b"HTTP/1.1 ") == 1


def test_unknown_paths_and_methods(shared):
    for path in ("/", "/v1", "/v2/apply", "/v1/apply/", "/v1//apply", "/v1/documents/Api", "/v1/revisions/1/2", "/%2e%2e/etc"):
        assert exchange(shared, head(shared, "GET" if path != "/v1/apply/" else "POST", path))[0] == 404, path
    status, headers, _, _ = exchange(shared, head(shared, "PUT", "/v1/documents/Api/x"))
    assert status == 405 and headers["allow"] == "GET, DELETE"
    assert exchange(shared, head(shared, "BREW", "/v1/nodes"))[0] == 405
    for path in ("/v1/revisions/0", "/v1/revisions/x", "/v1/revisions/99", "/v1/revisions/" + "9" * 30, "/v1/documents/Api/none",
                 "/v1/rollouts/none", "/v1/rollouts/" + "x" * 500, "/v1/revisions/0/diff/99"):
        assert exchange(shared, head(shared, "GET", path))[0] == 404, path
    for path in ("/v1/revisions?limit=x", "/v1/revisions?limit=1001", "/v1/rollouts/dev?waitRevision=-1", "/v1/audit?before=%31x",
                 "/v1/nodes?limit=1", "/v1/revisions?limit=1&Before=2"):
        assert exchange(shared, head(shared, "GET", path))[0] == 400, path
    assert exchange(shared, head(shared, "GET", "/healthz?probe=1"))[0] == 200


def test_a_parameter_that_is_not_known_changes_nothing(shared):
    body = json.dumps(files(mock("trial"))).encode()
    status, _, answer, _ = exchange(shared, head(shared, "POST", "/v1/apply?dryRun=true", f"Content-Length: {len(body)}") + body)
    assert status == 400 and json.loads(answer)["detail"] == 'the parameter "dryRun" is not known here: options stand in the body'


def test_oversize_is_refused_before_it_is_sent(shared):
    status, headers, _, _ = exchange(shared, head(shared, "POST", "/v1/apply", f"Content-Length: {(64 << 20) + 1}"))
    assert status == 413 and headers["connection"] == "close"
    status, *_ = exchange(shared, head(shared, "POST", "/v1/tokens", f"Content-Length: {(1 << 20) + 1}"))
    assert status == 413
    status, *_ = exchange(shared, head(shared, "GET", "/v1/nodes", "Content-Length: 5") + b"hello")
    assert status == 413


def test_oversize_in_chunks(shared):
    with shared.raw() as tls:
        tls.sendall(head(shared, "POST", "/v1/tokens", "Transfer-Encoding: chunked"))
        try:
            for _ in range(40):
                tls.sendall(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
        except OSError:
            pass
        assert read_answer(tls)[0] == 413


def test_a_wrong_token_sends_no_body(shared):
    data = head(shared, "POST", "/v1/apply", "Content-Length: 60000000", "Expect: 100-continue").replace(shared.token.encode(), b"slc_a_b")
    status, headers, _, _ = exchange(shared, data)
    assert status in (401, 429) and headers["connection"] == "close"


def test_expect_continue(shared):
    body = json.dumps(files(mock("expect"))).encode()
    with shared.raw() as tls:
        tls.sendall(head(shared, "POST", "/v1/apply", f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert tls.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        tls.sendall(body)
        assert read_answer(tls)[0] == 200


def test_keep_alive_pipelining_and_chunks(shared):
    body = json.dumps(files(mock("chunks"))).encode()
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7)) + b"0\r\n\r\n"
    with shared.raw() as tls:
        tls.sendall(head(shared, "GET", "/v1/version") + head(shared, "POST", "/v1/apply", "Transfer-Encoding: chunked") + chunked +
                    head(shared, "HEAD", "/healthz", "X-Request-Id: mine-1"))
        status, _, answer, rest = read_answer(tls)
        assert status == 200 and json.loads(answer)["version"]
        status, _, answer, rest = read_answer(tls, rest)
        assert status == 200 and json.loads(answer)["changed"] is True
        while b"\r\n\r\n" not in rest:
            rest += tls.recv(1000)
        assert b"x-request-id: mine-1" in rest.lower() and rest.endswith(b"\r\n\r\n"), rest
        tls.sendall(head(shared, "GET", "/healthz", "Connection: close"))
        assert read_all(tls).endswith(b"ok\n")


def test_byte_by_byte(shared):
    body = json.dumps(files(mock("slow"), dryRun=True)).encode()
    with shared.raw() as tls:
        for byte in head(shared, "POST", "/v1/apply", f"Content-Length: {len(body)}") + body:
            tls.sendall(bytes([byte]))
        assert read_answer(tls)[0] == 200


def test_plain_http_gets_nothing(shared):
    with socket.create_connection(("127.0.0.1", shared.ports[0])) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        s.settimeout(PATIENCE)
        data = b""
        try:
            while piece := s.recv(1000):
                data += piece
        except ConnectionResetError:
            pass
    assert b"HTTP/1.1" not in data


def test_slow_clients_are_cut_off(hasty):
    with hasty.raw() as tls:                                  # half a head
        tls.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        assert read_all(tls).startswith(b"HTTP/1.1 408 ")
    with hasty.raw() as tls:                                  # half a body
        tls.sendall(head(hasty, "POST", "/v1/apply", "Content-Length: 100") + b"{")
        assert read_all(tls).startswith(b"HTTP/1.1 408 ")
    with hasty.raw() as tls:                                  # nothing at all
        assert read_all(tls) == b""
    with hasty.raw() as tls:                                  # nothing after an answer
        tls.sendall(head(hasty, "GET", "/healthz"))
        assert read_answer(tls)[0] == 200
        assert read_all(tls) == b""
    with socket.create_connection(("127.0.0.1", hasty.ports[0])) as s:   # no handshake
        s.settimeout(PATIENCE)
        assert s.recv(10) == b""


def test_a_reader_that_does_not_read(hasty):
    """The answer is larger than all buffers between; its reader never takes it, and is dropped."""
    hasty.api("POST", "/v1/apply", files("".join(mock(f"api{i}", "p" * 50) + "---\n" for i in range(200))))
    with hasty.raw() as tls:
        for _ in range(300):
            try:
                tls.sendall(head(hasty, "GET", "/v1/revisions/1"))
            except OSError:
                break
        wait_for("the connection to be dropped", lambda: "sluice_admin_connections 1\n" in hasty.api("GET", "/metrics")[1])


def test_connections_are_bounded(tmp_path):
    with ControlPlane(tmp_path, ["--admin-connections", "4"]) as cp:
        held = [socket.create_connection(("127.0.0.1", cp.ports[0])) for _ in range(4)]
        with socket.create_connection(("127.0.0.1", cp.ports[0])) as fifth:
            fifth.settimeout(PATIENCE)
            try:
                assert fifth.recv(10) == b""
            except ConnectionResetError:
                pass
        for s in held:
            s.close()
        wait_for("room again", lambda: cp.api("GET", "/healthz", check=False)[0] == 200)
        assert "sluice_admin_connections_refused_total 0" not in cp.api("GET", "/metrics")[1]
