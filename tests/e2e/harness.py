"""Starts the real programs on loopback, each in a folder of its own, and stops them by process id.

    with ControlPlane(tmp) as cp, cp.node("dev") as node:
        cp.apply(SPEC)
        status, headers, body = node.get("/shop/dev/users/1")

Environment: SLUICE_BIN (folder of the programs, default build/bin), SLUICE_PATIENCE (seconds until a deadline counts as missed).
"""
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

from rawhttp import read_all

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build" / "bin")).resolve()
SHARED = pathlib.Path(os.environ.get("SLUICE_SHARED", ROOT.parent / "shared"))
# Sanitizers make everything slower: deadlines are generous, and only ever reached when something is broken.
PATIENCE = float(os.environ.get("SLUICE_PATIENCE", "30"))


def wait_for(what, probe, timeout=None):
    """Calls probe until it gives something true; fails with what it waited for."""
    deadline = time.monotonic() + (timeout or PATIENCE)
    last = None
    while time.monotonic() < deadline:
        try:
            value = probe()
            if value:
                return value
        except (OSError, ValueError, http.client.HTTPException, subprocess.SubprocessError) as e:
            last = e
        time.sleep(0.02)
    raise AssertionError(f"waited for {what} in vain" + (f": {last!r}" if last else ""))


def free_port():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A child in the foreground; its output goes to a file that is shown when something fails."""

    def __init__(self, name, command, folder, env=None, preexec_fn=None):
        self.name, self.folder = name, pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log, self.was_killed = self.folder / f"{name}.log", False
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen([str(c) for c in command], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                          env={**os.environ, **(env or {})}, preexec_fn=preexec_fn)

    @property
    def pid(self):
        return self.child.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.running():
            self.child.send_signal(number)

    def wait(self, timeout=None):
        return self.child.wait(timeout or PATIENCE)

    def kill(self):
        """As a crash would: -9, no goodbye. One that had already ended had a reason to, and that is to be seen."""
        self.was_killed = True
        self.signal(signal.SIGKILL)
        status = self.child.wait()
        assert status == -signal.SIGKILL, f"{self.name} ended with {status} by itself\n{self.text()[-6000:]}"

    def stop(self, expect=(0,)):
        """TERM, and the exit status must be a clean one: sanitizer findings end up here, also those of one that ended before."""
        self.signal(signal.SIGTERM)
        try:
            status = self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.name} did not stop on SIGTERM\n{self.text()[-4000:]}") from None
        assert status in expect or self.was_killed, f"{self.name} ended with {status}\n{self.text()[-6000:]}"

    def rss(self):
        """Resident bytes that are the process's own (shared file pages do not count)."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no RssAnon")


def read_addresses(process, folder):
    """What it listens on, once it says so; a process that never does is not left behind."""
    path = pathlib.Path(folder) / "addresses.json"

    def probe():
        assert process.running(), f"{process.name} ended with {process.child.returncode}\n{process.text()[-4000:]}"
        return path.exists() and json.loads(path.read_text())
    try:
        return wait_for(f"{process.name}'s addresses", probe)
    except BaseException:
        process.signal(signal.SIGKILL)
        process.child.wait()
        raise


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def request(port, method, path, body=None, headers=None, host="127.0.0.1", timeout=None):
    """One HTTP/1.1 request: (status, headers as a dict in lower case, body)."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout or PATIENCE)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


class Backend:
    """An origin that answers with what it saw, as JSON. For load, use Nginx."""

    def __init__(self, name="backend"):
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else b""
                seen = {"backend": name, "method": self.command, "path": self.path,
                        "headers": [[k, v] for k, v in self.headers.items()], "body": body.decode("latin-1")}
                backend.requests.append(seen)
                data = json.dumps(seen).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("X-Backend", name)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

            def log_message(self, *args):
                pass

        self.requests = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Nginx:
    """Debian's nginx as an origin. locations: the text between the braces of one server block."""

    def __init__(self, folder, locations, name="nginx"):
        self.folder, self.port = pathlib.Path(folder) / name, free_port()
        self.folder.mkdir(parents=True)
        temp = "".join(f"    {kind}_temp_path {self.folder}/{kind};\n"
                       for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "nginx.conf").write_text(
            f"daemon off;\npid {self.folder}/pid;\nuser root;\nworker_processes 1;\nerror_log {self.folder}/error.log;\n"
            f"events {{ worker_connections 4096; }}\nhttp {{\n{temp}    access_log off;\n    keepalive_requests 1000000000;\n"
            f"    keepalive_timeout 600s;\n    server {{\n        listen 127.0.0.1:{self.port} backlog=4096;\n{locations}\n    }}\n}}\n")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        self.process = Process("nginx", ["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"], self.folder)
        wait_for("nginx", lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() or True)
        return self

    def __exit__(self, *_):
        self.process.stop()


class Haproxy:
    """Debian's HAProxy before a set of nodes, with health checks on their readiness."""

    def __init__(self, folder, nodes):
        self.folder, self.port = pathlib.Path(folder) / "haproxy", free_port()
        self.folder.mkdir(parents=True)
        servers = "".join(f"    server n{i} 127.0.0.1:{n.port} check port {n.admin_port} inter 200ms fall 1 rise 1\n"
                          for i, n in enumerate(nodes))
        (self.folder / "haproxy.cfg").write_text(
            "global\n    maxconn 4096\ndefaults\n    mode http\n    timeout connect 5s\n    timeout client 60s\n"
            "    timeout server 60s\n    option http-keep-alive\n    option httpchk GET /readyz\n    retries 0\n"
            f"frontend f\n    bind 127.0.0.1:{self.port}\n    default_backend b\nbackend b\n    balance roundrobin\n{servers}")

    def __enter__(self):
        self.process = Process("haproxy", ["haproxy", "-f", self.folder / "haproxy.cfg", "-db"], self.folder)
        wait_for("haproxy", lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() or True)
        return self

    def __exit__(self, *_):
        # HAProxy ends with 143 on TERM when it ran in the foreground.
        self.process.stop(expect=(0, 130, 143, -15))


class DataPlane:
    """A running sluice-dataplane; whoever launches it says where its configuration comes from."""

    def __init__(self, folder, name, args=(), env=None, preexec_fn=None):
        self.folder, self.name, self.args, self.env, self.preexec_fn = pathlib.Path(folder), name, list(args), dict(env or {}), preexec_fn
        self.state, self.ports, self.process = self.folder / "state", None, None

    def launch(self, *source):
        """After a restart it listens where it did before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            (self.state / "addresses.json").unlink()
        listen, admin = self.ports or (0, 0)
        self.process = Process(self.name, [
            BIN / "sluice-dataplane", "--listen", f"127.0.0.1:{listen}", "--admin-listen", f"127.0.0.1:{admin}", "--state-dir", self.state,
            "--workers", "2", "--drain-delay-ms", "0", *source, *self.args], self.folder, self.env, self.preexec_fn)
        addresses = read_addresses(self.process, self.state)
        self.ports = self.port, self.admin_port = port_of(addresses["listen"]), port_of(addresses["admin"])

    def __exit__(self, *_):
        if self.process:
            self.process.stop()

    def wait_ready(self):
        def probe():
            assert self.process.running(), f"{self.name} ended\n{self.process.text()[-4000:]}"
            return self.admin("/readyz")[0] == 200
        wait_for(f"{self.name} to be ready", probe)

    def admin(self, path):
        status, _, body = request(self.admin_port, "GET", path)
        return status, body.decode()

    def config(self):
        return json.loads(self.admin("/config")[1])

    def metrics(self):
        values = {}
        for line in self.admin("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def metric(self, name):
        """The sum over all series of one metric."""
        return sum(v for k, v in self.metrics().items() if k == name or k.startswith(name + "{"))

    def rss(self):
        return self.process.rss()

    def get(self, path, headers=None, method="GET", body=None):
        return request(self.port, method, path, body, headers)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def raw(self, data, half_close=False):
        """Sends bytes and reads until the gateway closes."""
        with self.connect() as s:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            return read_all(s)


class Node(DataPlane):
    """A data plane that joins a control plane and serves what it sends."""

    def __init__(self, cp, environment, folder, name, args=(), env=None, preexec_fn=None):
        super().__init__(folder, name, args, env, preexec_fn)
        self.cp, self.environment = cp, environment

    def start(self, ready=True):
        self.folder.mkdir(parents=True, exist_ok=True)
        token = self.folder / "join-token"
        if not self.state.exists():
            token.write_text(self.cp.join_token(self.environment))
            token.chmod(0o600)
        self.launch("--control-plane", self.cp.push, "--join-token-file", token, "--node-id", self.name)
        if ready:
            self.wait_ready()
        return self

    def wait_connected(self):
        wait_for(f"{self.name} to connect", lambda: [n for n in self.cp.api("GET", "/v1/nodes")[1] if n["id"] == self.name and n["connected"]])

    def __enter__(self):
        """Connected, so that what is applied from now on waits for it; ready only when there is something to serve."""
        self.start(ready=False)
        try:
            self.wait_connected()
        except BaseException:
            self.__exit__()
            raise
        return self


class ControlPlane:
    def __init__(self, folder, args=(), env=None):
        self.folder = pathlib.Path(folder) / "controlplane"
        self.state, self.args, self.env, self.ports = self.folder / "state", list(args), dict(env or {}), None
        self.nodes = 0

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            (self.state / "addresses.json").unlink()
        admin, push = self.ports or (0, 0)
        self.process = Process("controlplane", [
            BIN / "sluice-controlplane", "--state-dir", self.state, "--admin-listen", f"127.0.0.1:{admin}",
            "--push-listen", f"127.0.0.1:{push}", *self.args], self.folder, self.env)
        addresses = read_addresses(self.process, self.state)
        self.admin, self.push = addresses["admin"], addresses["push"]
        self.ports = port_of(self.admin), port_of(self.push)
        self.token = (self.state / "admin.token").read_text().strip()
        self.tls = ssl.create_default_context(cafile=str(self.state / "ca.crt"))
        try:
            wait_for("the control plane to be ready", lambda: self.api("GET", "/readyz", check=False)[0] == 200)
        except BaseException:
            self.process.stop()
            raise
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.process.stop()

    def raw(self):
        """A TLS connection to the admin port, without an HTTP library."""
        plain = socket.create_connection(("127.0.0.1", self.ports[0]), PATIENCE)
        return self.tls.wrap_socket(plain, server_hostname="127.0.0.1")

    def api(self, method, path, body=None, check=True, token=None, timeout=None):
        """One call of the admin API: (status, parsed JSON). check: a status of 400 or more fails the test."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.ports[0], context=self.tls, timeout=timeout or PATIENCE)
        try:
            headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        try:
            value = json.loads(text) if text else None
        except ValueError:
            value = text.decode(errors="replace")
        assert not check or answer.status < 400, f"{method} {path}: {answer.status} {value}"
        return answer.status, value

    def apply(self, text, wait=True, check=True):
        """Applies one document text and waits until every environment it changed is live."""
        status, answer = self.api("POST", "/v1/apply", {"files": [{"name": "test.yaml", "text": text}]}, check=check)
        if status == 200 and wait:
            for environment in answer["environments"]:
                self.wait_live(environment["name"], environment["revision"])
        return answer

    def rollout(self, environment, revision=0, timeout_ms=0):
        path = f"/v1/rollouts/{environment}"
        if revision:
            path += f"?waitRevision={revision}&timeoutMillis={timeout_ms}"
        return self.api("GET", path)[1]

    def wait_live(self, environment, revision):
        answer = self.rollout(environment, revision, int(PATIENCE * 1000))
        assert answer["state"] == "live", answer
        return answer

    def make_token(self, role, **options):
        return self.api("POST", "/v1/tokens", {"kind": "api", "role": role, **options})[1]

    def join_token(self, environment):
        return self.api("POST", "/v1/tokens", {"kind": "join", "environment": environment, "ttlSeconds": 600, "uses": 1})[1]["token"]

    def node(self, environment, name=None, **options):
        self.nodes += 1
        name = name or f"node-{self.nodes}"
        return Node(self, environment, self.folder.parent / name, name, **options)

    def cpctl(self, *args, stdin=None, check=True, env=None):
        """Runs cpctl with the admin context: the finished process."""
        done = subprocess.run([str(BIN / "cpctl"), "--config", str(self.state / "cpctl.yaml"), *[str(a) for a in args]],
                              input=stdin, capture_output=True, text=True, timeout=PATIENCE * 4, env={**os.environ, **(env or {})})
        assert not check or done.returncode == 0, f"cpctl {args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


def api_spec(name, environment, uri, stage=None, extra=""):
    """The smallest useful pair of documents: an Api with one proxied route, and its Stage."""
    stage = stage or environment
    return f"""apiVersion: sluice/v1
kind: Api
metadata: {{name: {name}}}
spec:
  routes:
    - {{path: "/{{proxy+}}", method: ANY, integration: {{type: http_proxy, uri: "{uri}"}}}}
{extra}---
apiVersion: sluice/v1
kind: Stage
metadata: {{name: {stage}}}
spec: {{api: {name}, environment: {environment}}}
"""


def have(program):
    return shutil.which(program) is not None
