#!/usr/bin/python3
"""`make run`: a whole Sluice on this machine, in the foreground until Ctrl-C.

A control plane on SQLite, two data planes for the environment prod and one for dev, HAProxy before them, two sample
backends, and deploy/examples/ applied. Everything listens on loopback and keeps its files below the state folder.
"""
import argparse
import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_S = 60
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    pass


class Interrupted(Exception):
    pass


def die_with_parent():
    """In the child: should this script be killed with -9, its children must not stay behind. Ctrl-C goes to the script alone."""
    os.setsid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def default_state_dir(offset):
    """Two that were told to use different ports can run side by side."""
    return ROOT / "build" / (f"run-{offset}" if offset else "run")


class Stack:
    def __init__(self, options):
        self.state, self.bin = pathlib.Path(options.state_dir or default_state_dir(options.port_offset)).resolve(), pathlib.Path(options.bin).resolve()
        self.children, self.stopped, self.lock, offset = [], [], None, options.port_offset
        self.port = {name: number + offset for name, number in
                     {"proxy": 8080, "node-1": 8081, "node-2": 8082, "node-3": 8083, "blue": 8091, "green": 8092,
                      "admin": 9901, "push": 9902, "node-1-admin": 9911, "node-2-admin": 9912, "node-3-admin": 9913}.items()}
        self.offset = offset

    def check_ports(self):
        for name, port in self.port.items():
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                except OSError as e:
                    raise Failure(f"port {port} ({name}) is taken: {e.strerror}; stop what uses it, or try other ports: "
                                  'make run RUN_ARGS="--port-offset 10000"') from e

    def take_state(self):
        """The folder is emptied: nobody may be living there. The lock stands beside it and ends with this process."""
        try:
            self.state.parent.mkdir(parents=True, exist_ok=True)
            self.lock = open(f"{self.state}.lock", "ab")
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.state.exists():
                shutil.rmtree(self.state)
            self.state.mkdir(mode=0o700)
        except BlockingIOError as e:
            raise Failure(f"{self.state} is in use by another `make run`; stop that one, or give this one a --state-dir of its own") from e
        except OSError as e:
            raise Failure(f"{e.filename}: {e.strerror}; everything is kept below {self.state}, see --state-dir") from e

    def start(self, name, *command, env=None):
        log = open(self.state / f"{name}.log", "wb")
        child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 env={**os.environ, **(env or {})}, preexec_fn=die_with_parent)
        log.close()
        self.children.append((name, child))
        return child

    def stop(self):
        for _, child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + 10
        for name, child in reversed(self.children):
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                print(f"{name} did not stop; killing it", file=sys.stderr)
                child.kill()
                child.wait()

    def check_alive(self):
        for name, child in self.children:
            if child.poll() is not None:
                tail = (self.state / f"{name}.log").read_text(errors="replace")[-2000:]
                raise Failure(f"{name} ended with {child.returncode}; the end of {self.state}/{name}.log:\n{tail}")

    def wait(self, what, probe):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.check_alive()
            if self.stopped:
                raise Interrupted
            try:
                value = probe()
                if value:
                    return value
            except (OSError, ValueError):
                pass
            time.sleep(0.05)
        raise Failure(f"waited {PATIENCE_S} s for {what} in vain; logs are in {self.state}")

    def cpctl(self, *args):
        done = subprocess.run([str(self.bin / "cpctl"), *args], capture_output=True, text=True, check=False,
                              env={**os.environ, "SLUICE_CONFIG": str(self.state / "controlplane" / "cpctl.yaml")})
        if done.returncode != 0:
            raise Failure(f"cpctl {' '.join(args)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def control_plane(self):
        folder = self.state / "controlplane"
        self.start("controlplane", self.bin / "sluice-controlplane", "--state-dir", folder,
                   "--admin-listen", f"127.0.0.1:{self.port['admin']}", "--push-listen", f"127.0.0.1:{self.port['push']}")
        self.wait("the control plane", lambda: (folder / "addresses.json").exists() and (folder / "cpctl.yaml").exists()
                  and self.cpctl("nodes", "-o", "json"))

    def node(self, name, environment):
        folder = self.state / name
        folder.mkdir(mode=0o700)
        token = json.loads(self.cpctl("token", "create", "--join", "--environment", environment, "-o", "json"))["token"]
        path = folder / "join-token"
        path.touch(mode=0o600)
        path.write_text(token)
        self.start(name, self.bin / "sluice-dataplane", "--node-id", name, "--state-dir", folder / "state",
                   "--listen", f"127.0.0.1:{self.port[name]}", "--admin-listen", f"127.0.0.1:{self.port[name + '-admin']}",
                   "--control-plane", f"127.0.0.1:{self.port['push']}", "--join-token-file", path, "--workers", "1", "--drain-delay-ms", "1500")

    def haproxy(self):
        check = "check port {} inter 500ms fall 2 rise 1"
        lines = ["global", "    maxconn 4096", "defaults", "    mode http", "    timeout connect 5s", "    timeout client 60s",
                 "    timeout server 60s", "    option httpchk GET /readyz",
                 "frontend http", f"    bind 127.0.0.1:{self.port['proxy']}", "    use_backend dev if { path_beg /dev/ }",
                 "    default_backend prod", "backend prod", "    balance roundrobin"]
        lines += [f"    server {n} 127.0.0.1:{self.port[n]} {check.format(self.port[n + '-admin'])}" for n in ("node-1", "node-2")]
        lines += ["backend dev", f"    server node-3 127.0.0.1:{self.port['node-3']} {check.format(self.port['node-3-admin'])}"]
        config = self.state / "haproxy.cfg"
        config.write_text("\n".join(lines) + "\n")
        self.start("haproxy", shutil.which("haproxy") or "/usr/sbin/haproxy", "-f", config, "-db")

    def examples(self):
        """A copy when the ports were moved: the examples name the sample backends."""
        source = ROOT / "deploy" / "examples"
        if not self.offset:
            return source
        folder = self.state / "examples"
        folder.mkdir()
        for path in sorted(source.glob("*.yaml")):
            text = path.read_text()
            for name in ("blue", "green"):
                text = text.replace(f"127.0.0.1:{self.port[name] - self.offset}", f"127.0.0.1:{self.port[name]}")
            (folder / path.name).write_text(text)
        return folder

    def answers(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port['proxy']}{path}", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def up(self):
        self.check_ports()
        self.take_state()
        for name in ("blue", "green"):
            self.start(name, "/usr/bin/python3", ROOT / "deploy" / "run" / "backend.py", name, self.port[name])
        self.control_plane()
        for name, environment in (("node-1", "prod"), ("node-2", "prod"), ("node-3", "dev")):
            self.node(name, environment)
        self.wait("three nodes to connect", lambda: len([n for n in json.loads(self.cpctl("nodes", "-o", "json")) if n.get("connected", True)]) >= 3)
        print(self.cpctl("apply", "-f", str(self.examples()), "--wait"), end="", flush=True)
        self.haproxy()
        for path in ("/v1/ping", "/dev/ping"):
            self.wait(f"{path} through HAProxy", lambda p=path: self.answers(p))

    def invite(self):
        proxy, config = self.port["proxy"], self.state / "controlplane" / "cpctl.yaml"
        cpctl = os.path.relpath(self.bin / "cpctl")
        print(f"""
Sluice is running. Try, in another terminal:

  curl http://127.0.0.1:{proxy}/v1/users/42         # prod: two nodes behind HAProxy, backend blue
  curl http://127.0.0.1:{proxy}/dev/users/42        # dev: one node
  curl http://127.0.0.1:{proxy}/v1/ping             # answered by the gateway itself
  curl http://127.0.0.1:{proxy}/orders/prod/orders/7

Move only dev to the green backend, and look again:

  export SLUICE_CONFIG={config}
  {cpctl} stage set shop/dev backend=127.0.0.1:{self.port['green']}
  {cpctl} nodes
  {cpctl} history

Admin API: https://127.0.0.1:{self.port['admin']}/v1/openapi.json (CA and token: {config.parent})
Node metrics: http://127.0.0.1:{self.port['node-1-admin']}/metrics
Logs: {self.state}/*.log          Stop: Ctrl-C
""", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state-dir", help="emptied first (default: build/run, or build/run-N with --port-offset N)")
    parser.add_argument("--bin", default=str(ROOT / "build" / "bin"))
    parser.add_argument("--port-offset", type=int, default=0, help="added to every port")
    stack = Stack(parser.parse_args())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: stack.stopped.append(n))
    try:
        stack.up()
        stack.invite()
        while not stack.stopped:
            stack.check_alive()
            time.sleep(0.2)
        print("stopping", flush=True)
        return 0
    except Interrupted:
        print("stopping", flush=True)
        return 0
    except Failure as e:
        print(f"error: {e}", file=sys.stderr)
        return 1
    finally:
        stack.stop()


if __name__ == "__main__":
    sys.exit(main())
