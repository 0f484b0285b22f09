"""Requests that hold old configurations: how many are live at once, what a new one does meanwhile, and who is cut in the end."""
import http.server
import threading
import time

import pytest

from harness import ControlPlane, wait_for

pytestmark = pytest.mark.threads

MOST = 4


class Dripper:
    """An origin whose answers at /slow never end: a piece every 50 ms."""

    def __init__(self):
        dripper = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                slow = self.path.startswith("/slow")
                self.send_response(200)
                self.send_header(*(("Transfer-Encoding", "chunked") if slow else ("Content-Length", "2")))
                self.end_headers()
                if not slow:
                    self.wfile.write(b"ok")
                    return
                try:
                    while not dripper.over.wait(0.05):
                        self.wfile.write(b"4\r\ndrip\r\n")
                except OSError:
                    self.close_connection = True

            def log_message(self, *args):
                pass

        self.over = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


class Pin:
    """A client whose answer does not end."""

    def __init__(self, node):
        self.socket = node.connect()
        self.socket.sendall(b"GET /v1/slow HTTP/1.1\r\nHost: h\r\n\r\n")
        self.seen = b""
        while b"drip" not in self.seen:
            piece = self.socket.recv(65536)
            assert piece, self.seen
            self.seen += piece

    def ended(self):
        """Reads what is there: True when the connection was cut. The answer must not look whole."""
        self.socket.setblocking(False)
        try:
            while piece := self.socket.recv(65536):
                self.seen += piece
        except BlockingIOError:
            return False
        except ConnectionResetError:
            pass
        assert not self.seen.endswith(b"0\r\n\r\n")
        return True

    def close(self):
        self.socket.close()


class Watch:
    """Traffic and the number of live configurations, all the time."""

    def __init__(self, node):
        self.node, self.over, self.most, self.good, self.wrong = node, threading.Event(), 0, 0, []
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.wait(0.01):
            try:
                status, _, body = self.node.get("/v1/fast")
                self.most = max(self.most, self.node.metric("sluice_live_revisions"))
            except Exception as e:  # every kind is one too many
                self.wrong.append(repr(e))
                continue
            self.good += status == 200 and body == b"ok"
            if status != 200:
                self.wrong.append(status)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def spec(address, number):
    return f"""apiVersion: sluice/v1
kind: Api
metadata: {{name: drip}}
spec:
  routes:
    - {{path: /slow, method: GET, integration: {{type: http_proxy, uri: "http://{address}/slow?n={number}"}}}}
    - {{path: /fast, method: GET, integration: {{type: http_proxy, uri: "http://{address}/fast?n={number}"}}}}
---
apiVersion: sluice/v1
kind: Stage
metadata: {{name: prod}}
spec: {{api: drip, environment: prod, basePath: /v1}}
"""


def test_the_oldest_requests_make_room(tmp_path):
    with Dripper() as origin, ControlPlane(tmp_path) as cp, cp.node("prod", args=["--generation-pin-ms", "1500"]) as node:
        cp.apply(spec(origin.address, 1))
        node.wait_ready()
        pins = [Pin(node)]
        with Watch(node) as watch:
            for number in range(2, MOST + 1):
                cp.apply(spec(origin.address, number))
                pins.append(Pin(node))
            assert node.metric("sluice_live_revisions") == MOST
            time.sleep(2)  # older than they may be, but nothing waits: nobody is cut
            assert not any(p.ended() for p in pins)
            for number in (MOST + 1, MOST + 2):
                cp.apply(spec(origin.address, number))
                pins.append(Pin(node))
                gone = number - MOST
                wait_for("the oldest to be cut", pins[gone - 1].ended)
                assert [p.ended() for p in pins] == [True] * gone + [False] * MOST
                assert node.metric("sluice_connections_pinned_closed_total") == gone
        assert watch.most == MOST and watch.good > 0 and not watch.wrong, (watch.most, watch.good, watch.wrong[:5])
        assert node.process.text().count("held an old configuration for too long") == 2
        for p in pins:
            p.close()
        wait_for("old configurations to go", lambda: node.metric("sluice_live_revisions") == 1)
        assert node.metric("sluice_connections_pinned_closed_total") == 2


def test_what_waits_too_long_is_refused_and_comes_back(tmp_path):
    with Dripper() as origin, ControlPlane(tmp_path, args=["--apply-deadline-ms", "2000"]) as cp, cp.node("prod") as node:
        pins = []
        for number in range(1, MOST + 1):
            cp.apply(spec(origin.address, number))
            node.wait_ready()
            wait_for("the configuration", lambda n=number: node.metric("sluice_config_applied_total") == n)
            pins.append(Pin(node))
        with Watch(node) as watch:
            cp.apply(spec(origin.address, MOST + 1), wait=False)
            wait_for("the refusal", lambda: node.metric("sluice_config_nacks_total") >= 1)
            said = [n for n in cp.api("GET", "/v1/nodes")[1] if n["id"] == node.name]
            assert "4 configurations are live" in node.process.text() and " since 20" in node.process.text(), said
            assert not any(p.ended() for p in pins)
            pins[1].close()
            wait_for("the one that waited", lambda: node.metric("sluice_config_applied_total") == MOST + 1, 120)
        assert watch.most == MOST and watch.good > 0 and not watch.wrong, (watch.most, watch.good, watch.wrong[:5])
        assert node.metric("sluice_connections_pinned_closed_total") == 0
        assert not any(p.ended() for i, p in enumerate(pins) if i != 1)
        for p in pins:
            p.close()
