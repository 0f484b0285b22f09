"""The request path of a node: routing, headers, bodies both ways, slow peers."""
import hashlib
import os
import socket
import threading

import pytest

from engine import Gateway, Origin, answer, echo, proxy
from harness import PATIENCE, wait_for
from rawhttp import read_answer, read_head, read_request


pytestmark = pytest.mark.threads


@pytest.fixture
def origin():
    with Origin(echo) as o:
        yield o


def seen(body):
    """What the echo saw: (request line, headers, body)"""
    head, rest = body.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, value = line.split(": ", 1)
        headers.setdefault(name.lower(), []).append(value)
    return lines[0], headers, rest


def test_headers_of_a_plain_proxy(tmp_path, origin):
    with Gateway(tmp_path, proxy(origin.port)) as g:
        status, headers, body = g.get("/a/b%20c?x=1&y=%41", {
            "Host": "shop.example:8080", "X-Thing": "1", "Connection": "keep-alive, X-Secret", "X-Secret": "2", "TE": "trailers",
            "Keep-Alive": "300", "Proxy-Authorization": "Basic x", "X-Forwarded-For": "10.1.1.1", "X-Forwarded-Proto": "https",
            "X_Forwarded_For": "6.6.6.6", "x-forwarded_proto": "https", "Transfer_Encoding": "chunked", "X_Thing": "3"})
        line, h, _ = seen(body)
        assert status == 200
        assert line == "GET /a/b%20c?x=1&y=%41 HTTP/1.1"
        assert h["host"] == [f"127.0.0.1:{origin.port}"]
        assert h["x-thing"] == ["1"] and h["x_thing"] == ["3"]
        assert h["x-forwarded-for"] == ["10.1.1.1, 127.0.0.1"]
        assert h["x-forwarded-proto"] == ["http"]
        assert h["x-forwarded-host"] == ["shop.example:8080"]
        assert h["x-forwarded-port"] == [str(g.port)]
        for gone in ("x-secret", "te", "keep-alive", "proxy-authorization", "connection", "x_forwarded_for",
                     "x-forwarded_proto", "transfer_encoding"):
            assert gone not in h, gone


def test_answer_headers(tmp_path):
    text = (b"HTTP/1.1 201 Made\r\nServer: o\r\nDate: yesterday\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nX-Amzn-RequestId: q\r\n"
            b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok")
    with Origin(answer(text, close=False)) as o:
        with Gateway(tmp_path, proxy(o.port)) as g:
            with g.connect() as s:
                s.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
                head, _ = read_head(s)
                assert head.startswith(b"HTTP/1.1 201 Made\r\n")
                assert head.count(b"Set-Cookie") == 2
                assert b"Date: yesterday" in head
                assert b"X-Hop" not in head and b"Keep-Alive" not in head
        with Gateway(tmp_path, proxy(o.port, aws=True), name="aws") as g:
            status, h, body = g.get("/x")
            assert (status, body) == (201, b"ok")
            assert h["x-amzn-remapped-server"] == "o"
            assert h["x-amzn-remapped-date"] == "yesterday"
            assert h["x-amzn-remapped-content-length"] == "2"
            assert h["x-amzn-remapped-x-amzn-requestid"] == "q"
            assert len(h["x-amzn-requestid"]) == 36 and len(h["x-amz-apigw-id"]) == 16
            assert "server" not in h and h["date"] != "yesterday"


def test_gateway_errors(tmp_path):
    routes = {"integrations": {"m": {"type": "mock", "requestTemplates": {"application/json": "{statusCode: 200}"},
                                     "responses": [{"status": "200"}]}},
              "routes": [{"method": "GET", "path": "/x", "integration": "m"}, {"method": "PUT", "path": "/x", "integration": "m"}]}
    stages = [{"api": "s", "name": "dev", "basePath": "/std", **routes}, {"api": "w", "name": "dev", "basePath": "/aws", "aws": True, **routes}]
    with Gateway(tmp_path, {"stages": stages}) as g:
        status, h, body = g.get("/std/none")
        assert (status, body) == (404, b'{"message":"Not Found"}') and len(h["x-request-id"]) == 36
        status, h, body = g.get("/std/x", method="DELETE")
        assert (status, body, h["allow"]) == (405, b'{"message":"Method Not Allowed"}', "GET, PUT")
        for path, method in (("/aws/none", "GET"), ("/aws/x", "DELETE")):
            status, h, body = g.get(path, method=method)
            assert (status, body) == (403, b'{"message":"Missing Authentication Token"}')
            assert h["x-amzn-errortype"] == "MissingAuthenticationTokenException"
            assert len(h["x-amzn-requestid"]) == 36 and h["content-type"] == "application/json"
        assert g.get("/elsewhere")[0] == 404
        status, h, body = g.get("/std/none", method="HEAD")
        assert (status, h["content-length"], body) == (404, "23", b"")
        assert g.get("/aws/x", {"X-HTTP-Method-Override": "PUT"}, method="DELETE")[0] == 200


def test_mock(tmp_path):
    responses = [{"pattern": "2\\d{2}", "status": "202", "templates": {"application/json": '{"a":1}', "text/html": "<a>"},
                  "parameters": {"method.response.header.X-Made": "'here'"}},
                 {"pattern": "4\\d{2}", "status": "418"}, {"status": "500"}]
    stage = {"api": "m", "name": "dev", "basePath": "", "integrations": {
        "fixed": {"type": "mock", "requestTemplates": {"application/json": "{'statusCode': 299, x: [1,}"}, "responses": responses},
        "body": {"type": "mock", "responses": responses},
        "never": {"type": "mock", "passthroughBehavior": "never", "responses": responses},
        "none": {"type": "mock", "requestTemplates": {"application/json": "{statusCode: 404}"}, "responses": [{"pattern": "200", "status": "200"}]},
    }, "routes": [{"method": "ANY", "path": f"/{n}", "integration": n} for n in ("fixed", "body", "never", "none")]}
    stage["integrations"]["fixed"]["requestTemplates"] = {"application/json": "{'statusCode': 299, x: [1]}"}
    with Gateway(tmp_path, {"stages": [stage]}) as g:
        status, h, body = g.get("/fixed")
        assert (status, body, h["x-made"], h["content-type"]) == (202, b'{"a":1}', "here", "application/json")
        assert g.get("/fixed", {"Accept": "text/html, */*"})[2] == b"<a>"
        assert g.get("/body", method="POST", body=b"{statusCode: 404}")[0] == 418
        assert g.get("/body", method="POST", body=b"{statusCode: 700}")[0] == 500
        status, h, body = g.get("/body")
        assert (status, body) == (500, b'{"message": "Internal server error"}')
        assert g.get("/body", method="POST", body=b"x" * 100000)[0] == 500
        assert g.get("/never", method="POST", body=b"{}")[0] == 415
        assert g.get("/none")[0] == 500


def test_parameters_in_the_uri(tmp_path, origin):
    d = proxy(origin.port)
    d["stages"][0]["integrations"] = {
        "one": {"type": "http_proxy", "uri": f"http://127.0.0.1:{origin.port}/users/{{id}}/x?own=1&of={{id}}", "httpMethod": "POST"},
        "all": {"type": "http_proxy", "uri": "upstream://o/files/{rest}"}}
    d["stages"][0]["routes"] = [{"method": "ANY", "path": "/u/{id}", "integration": "one"},
                                {"method": "ANY", "path": "/f/{rest+}", "integration": "all"}]
    with Gateway(tmp_path, d) as g:
        assert seen(g.get("/u/a%2Fb?q=2")[2])[0] == "POST /users/a%2Fb/x?own=1&of=a%2Fb&q=2 HTTP/1.1"
        assert seen(g.get("/u/a&admin=1")[2])[0] == "POST /users/a&admin=1/x?own=1&of=a%26admin%3D1 HTTP/1.1"
        assert seen(g.get("/f/a//b/c.d")[2])[0] == "GET /files/a//b/c.d HTTP/1.1"
        assert seen(g.get("/f/..a/b..")[2])[0] == "GET /files/..a/b.. HTTP/1.1"
        for path in ("/u/..", "/u/%2e%2E", "/u/.", "/f/a/../../etc", "/f/a/%2e./b", "/f/..%2fetc", "/f/a%5c..%5cb", "/f/..;/x", "/f/a/.."):
            assert g.get(path)[0] == 400, path


@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_both_ways(tmp_path, origin, chunked):
    data = os.urandom(5 << 20)
    with Gateway(tmp_path, proxy(origin.port)) as g:
        if chunked:
            pieces = [data[i:i + 70001] for i in range(0, len(data), 70001)]
            status, _, body = g.get("/x", {}, "POST", iter(pieces))
        else:
            status, _, body = g.get("/x", {}, "POST", data)
        assert status == 200
        assert hashlib.sha256(seen(body)[2]).digest() == hashlib.sha256(data).digest()


def test_chunked_answer(tmp_path):
    def handler(s):
        rest = b""
        while True:
            _, _, rest = read_request(s, rest)
            s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n")
            for size in (1, 10, 100000, 3):
                s.sendall(b"%x;ext=1\r\n" % size + b"y" * size + b"\r\n")
            s.sendall(b"0\r\nX: 1\r\n\r\n")
    with Origin(handler) as o, Gateway(tmp_path, proxy(o.port)) as g:
        for _ in range(3):
            assert g.get("/x")[2] == b"y" * 100014
        # HTTP/1.0 has no chunks: the end of the connection is the end of the body.
        out = g.raw(b"GET /x HTTP/1.0\r\n\r\n")
        head, body = out.split(b"\r\n\r\n", 1)
        assert b"Transfer-Encoding" not in head and body == b"y" * 100014
        assert o.connections <= 4


def test_answer_until_close(tmp_path):
    with Origin(answer(b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 200000)) as o, Gateway(tmp_path, proxy(o.port)) as g:
        assert g.get("/x")[2] == b"z" * 200000


def test_head_204_304(tmp_path):
    def handler(s):
        rest = b""
        while True:
            head, _, rest = read_request(s, rest)
            if b"/204" in head:
                s.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            elif b"/304" in head:
                s.sendall(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n")
            else:
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
    with Origin(handler) as o, Gateway(tmp_path, proxy(o.port)) as g, g.connect() as s:
        rest = b""
        for method, path, status, length in (("HEAD", "/x", 200, "1234"), ("GET", "/204", 204, None), ("GET", "/304", 304, "77")) * 2:
            s.sendall(f"{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            got, h, _, rest = read_answer(s, rest, head_only=True)
            assert (got, h.get("content-length"), rest) == (status, length, b"")


def test_pipelining_and_keep_alive(tmp_path, origin):
    with Gateway(tmp_path, proxy(origin.port)) as g, g.connect() as s:
        count = 200
        s.sendall(b"".join(b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" % i for i in range(count)))
        rest = b""
        for i in range(count):
            status, _, body, rest = read_answer(s, rest)
            assert status == 200 and body.startswith(b"POST /%d HTTP/1.1" % i) and body.endswith(b"abc")
        assert origin.connections == 1


def test_head_in_pieces(tmp_path, origin):
    with Gateway(tmp_path, proxy(origin.port)) as g, g.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"POST /slow HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":
            s.sendall(bytes([byte]))
        status, _, body, _ = read_answer(s)
        assert status == 200 and body.endswith(b"\r\n\r\nabc")


def test_expect_continue(tmp_path, origin):
    with Gateway(tmp_path, proxy(origin.port)) as g:
        with g.connect() as s:
            s.sendall(b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            head, rest = read_head(s)
            assert head == b"HTTP/1.1 100 Continue"
            s.sendall(b"hello")
            status, _, body, _ = read_answer(s, rest)
            assert status == 200 and body.endswith(b"hello") and b"Expect" not in body
        with g.connect() as s: # refused before the body: no 100, and the connection ends
            s.sendall(b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\nExpect: 100-continue\r\n\r\n")
            status, h, _, _ = read_answer(s)
            assert (status, h["connection"]) == (413, "close")


def test_slow_reader_does_not_fill_memory(tmp_path):
    total = 64 << 20
    sent = []

    def handler(s):
        read_request(s)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        for _ in range(total >> 16):
            s.sendall(b"q" * 65536)
            sent.append(65536)
    with Origin(handler) as o, Gateway(tmp_path, proxy(o.port)) as g:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.settimeout(PATIENCE)
        s.connect(("127.0.0.1", g.port))
        with s:
            s.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            _, rest = read_head(s)
            wait_for("the flow to stand still", lambda: stands_still(sent))
            assert sum(sent) < total // 2
            assert g.process.rss() < 200 << 20
            got = len(rest)
            while got < total:
                piece = s.recv(1 << 20)
                assert piece
                got += len(piece)
            assert got == total


def stands_still(sent):
    import time
    before = len(sent)
    time.sleep(0.3)
    return before > 0 and len(sent) == before


def test_slow_origin_holds_the_client_back(tmp_path):
    go = threading.Event()
    result = {}

    def handler(s):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        head, rest = read_head(s)
        go.wait(PATIENCE)
        got = len(rest)
        while got < size:
            piece = s.recv(1 << 20)
            assert piece
            got += len(piece)
        result["got"] = got
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    size = 9 << 20
    with Origin(handler) as o, Gateway(tmp_path, proxy(o.port)) as g, g.connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        s.sendall(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        sent = []
        t = threading.Thread(target=lambda: [(s.sendall(b"w" * 65536), sent.append(1)) for _ in range(size >> 16)])
        t.start()
        wait_for("the upload to stand still", lambda: stands_still(sent))
        assert g.metric("sluice_buffer_bytes") < 1 << 20
        go.set()
        t.join()
        assert read_answer(s)[0] == 200
        assert result["got"] == size


def test_half_closed_client_gets_its_answer(tmp_path, origin):
    with Gateway(tmp_path, proxy(origin.port)) as g:
        out = g.raw(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n", half_close=True)
        assert out.startswith(b"HTTP/1.1 200 OK\r\n") and out.endswith(b"\r\n\r\n")


def test_idle_connections_hold_no_buffers(tmp_path, origin):
    with Gateway(tmp_path, proxy(origin.port)) as g:
        before = g.process.rss()
        sockets = [g.connect() for _ in range(1000)]
        for s in sockets:
            s.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            read_answer(s)
        wait_for("the buffers to be given back", lambda: g.metric("sluice_buffer_bytes") == 0)
        assert g.metric("sluice_connections_open") >= 1000
        if "san" not in os.environ.get("SLUICE_BIN", "") and "address" not in os.environ.get("SLUICE_BIN", "") \
                and "thread" not in os.environ.get("SLUICE_BIN", ""):
            assert (g.process.rss() - before) / 1000 < 2048
        for s in sockets:
            s.close()
