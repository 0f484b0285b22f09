"""A stand-in for the control plane's admin API: says what a test tells it to say, over HTTPS, and keeps what it was asked.

    with FakeAdmin(tmp_path) as fake:
        fake.answers["GET", "/v1/nodes"] = (200, [])
        done = fake.cpctl("nodes")
"""
import http.server
import json
import os
import pathlib
import ssl
import subprocess
import threading

from harness import BIN, PATIENCE


def make_certificates(folder, names="DNS:localhost,IP:127.0.0.1"):
    """A CA and a server certificate for these names, made with openssl: (ca, certificate, key)."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key, cert, key = (folder / n for n in ("ca.crt", "ca.key", "server.crt", "server.key"))

    def openssl(*args):
        subprocess.run(["openssl", *[str(a) for a in args]], check=True, capture_output=True)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", ca_key, "-out", ca, "-subj", "/CN=test CA", "-days", "2",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-x509", *curve, "-keyout", key, "-out", cert, "-subj", "/CN=server", "-days", "2",
            "-CA", ca, "-CAkey", ca_key, "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE")
    return ca, cert, key


class FakeAdmin:
    token = "slc_test_secret"

    def __init__(self, folder, names="DNS:localhost,IP:127.0.0.1"):
        fake = self
        self.folder = pathlib.Path(folder) / "fake"
        self.ca, cert, key = make_certificates(self.folder, names)
        self.answers, self.requests, self.connections = {}, [], 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                fake.connections += 1
                super().setup()

            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else b""
                path = self.path.split("?")[0]
                fake.requests.append((self.command, self.path, json.loads(body) if body else None, dict(self.headers)))
                if self.headers.get("authorization") != f"Bearer {fake.token}":
                    return self.send(401, {"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "no such token"})
                answer = fake.answers.get((self.command, self.path)) or fake.answers.get((self.command, path))
                if callable(answer):
                    answer = answer(self, json.loads(body) if body else None)
                if answer is None:
                    return None
                if answer == 404:
                    answer = (404, {"title": "Not Found", "status": 404, "detail": f"there is nothing at {path}"})
                return self.send(*answer)

            def send(self, status, value, headers=None):
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                kind = "application/problem+json" if status >= 400 else "application/json"
                self.send_response(status)
                self.send_header("Content-Type", kind)
                for k, v in (headers or {}).items():
                    self.send_header(k, v)
                if not headers or "Transfer-Encoding" not in headers:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

            def finish_request(self, request, client_address):
                with context.wrap_socket(request, server_side=True) as secure:
                    super().finish_request(secure, client_address)

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.config = self.folder / "config.yaml"
        (self.folder / "token").write_text(self.token + "\n")
        self.config.write_text(f"currentContext: fake\ncontexts:\n  - name: fake\n    server: {self.url}\n"
                               "    certificateAuthority: ca.crt\n    tokenFile: token\n")

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def cpctl(self, *args, expect=0, stdin=None, env=None):
        done = run_cpctl("--config", self.config, *args, stdin=stdin, env=env)
        assert done.returncode == expect, f"cpctl {args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *args, expect=0, **more):
        return json.loads(self.cpctl(*args, "-o", "json", expect=expect, **more).stdout)


def run_cpctl(*args, stdin=None, env=None, cwd=None):
    """cpctl with nothing of this machine's own configuration: the finished process."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
    return subprocess.run([str(BIN / "cpctl"), *[str(a) for a in args]], input=stdin, capture_output=True, text=True, cwd=cwd,
                          timeout=PATIENCE * 4, env={**clean, **(env or {})}, stdin=subprocess.DEVNULL if stdin is None else None)
