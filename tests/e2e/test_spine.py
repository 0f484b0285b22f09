"""The whole line: apply -> compile -> push -> swap -> serve, and what must hold when parts of it die."""
import contextlib
import json
import pathlib
import random
import re
import resource
import socket
import subprocess
import threading

import pytest

from harness import BIN, PATIENCE, ROOT, ControlPlane, Haproxy, Nginx, api_spec, request, wait_for

pytestmark = pytest.mark.threads

TAGS = pathlib.Path(__file__).with_name("tags.lua")
ECHO = '        location / { return 200 "$uri $arg_tag\\n"; }'


def tagged(address, tag, stage="prod", environment="prod"):
    """Two places change together: an answer that mixes revisions shows two different tags."""
    return f"""apiVersion: sluice/v1
kind: Api
metadata: {{name: shop}}
spec:
  routes:
    - {{path: "/x/{{id}}", method: GET, integration: {{type: http_proxy, uri: "http://{address}/${{stageVariables.tag}}/{{id}}?tag={tag}"}}}}
---
apiVersion: sluice/v1
kind: Stage
metadata: {{name: {stage}}}
spec: {{api: shop, environment: {environment}, basePath: /v1, variables: {{tag: {tag}}}}}
"""


class Wrk:
    """wrk in the background until stop(): 64 connections, each answer checked."""

    def __init__(self, port, path, connections=64, seconds=600):
        self.child = subprocess.Popen(["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(TAGS),
                                       f"http://127.0.0.1:{port}{path}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def stop(self):
        self.child.send_signal(2)
        text = self.child.communicate(timeout=PATIENCE * 2)[0]
        found = re.search(r"RESULT good=(\d+) torn=(\d+) bad=(\d+) connect=(\d+) read=(\d+) write=(\d+) timeout=(\d+) example=(.*)", text)
        assert found, text
        keys = ("good", "torn", "bad", "connect", "read", "write", "timeout")
        return dict(zip(keys, (int(n) for n in found.groups()[:7]))), found.group(8)


def swap_under_load(tmp_path, cp, revisions, memory_from=None):
    with Nginx(tmp_path, ECHO) as origin, cp.node("prod") as one, cp.node("prod") as two:
        cp.apply(tagged(origin.address, "t0"))
        for node in (one, two):
            node.wait_ready()
        with Haproxy(tmp_path, [one, two]) as balancer:
            wait_for("HAProxy to see the nodes", lambda: request(balancer.port, "GET", "/v1/x/1")[0] == 200)
            if memory_from:
                # More connections at once than the load will ever have on one node: pools and buffers are as large as they get, and
                # what grows from here on grows with revisions.
                for node in (one, two):
                    with Wrk(node.port, "/v1/x/1", connections=128) as warm:
                        wait_for("128 connections", lambda n=node: n.metric("sluice_upstream_connections_open") >= 110)
                        warm.stop()
            rss = {}
            with Wrk(balancer.port, "/v1/x/7") as load:
                for number in range(1, revisions + 1):
                    cp.apply(tagged(origin.address, f"t{number}"))
                    if number in (memory_from, revisions):
                        rss[number] = [n.rss() for n in (one, two)]
                result, example = load.stop()
            last = request(balancer.port, "GET", "/v1/x/7")[2].decode()
        assert last.startswith(f"/t{revisions}/7 t{revisions}")
        assert result["good"] > 1000, result
        assert {k: v for k, v in result.items() if k != "good" and v} == {}, (result, example)
        return rss


@pytest.mark.release_only
def test_300_revisions_under_load_lose_nothing(tmp_path, cp):
    rss = swap_under_load(tmp_path, cp, 300, memory_from=30)
    for before, after in zip(rss[30], rss[300]):
        assert after <= before * 1.05, f"memory grew from {before} to {after} bytes"


def test_swaps_under_load(tmp_path, cp):
    swap_under_load(tmp_path, cp, 25)


def test_control_plane_dies_and_traffic_goes_on(tmp_path, cp, backend):
    with cp.node("prod") as stays, cp.node("prod") as restarts:
        answer = cp.apply(api_spec("shop", "prod", f"http://{backend.address}/{{proxy}}"))
        revision = answer["revision"]
        cp.process.kill()
        for node in (stays, restarts):
            assert node.get("/shop/prod/a")[0] == 200
        restarts.process.stop()
        restarts.start()
        assert restarts.get("/shop/prod/a")[0] == 200
        assert restarts.config()["version"]["revision"] == revision
        received = {n.name: n.metric("sluice_config_received_bytes_total") for n in (stays, restarts)}
        cp.start()
        for node in (stays, restarts):
            wait_for(f"{node.name} to resume", lambda n=node: n.metric("sluice_controlplane_connected") == 1)
            wait_for("the control plane to list it", lambda n=node: [
                x for x in cp.api("GET", "/v1/nodes")[1] if x["id"] == n.name and x["connected"]])
            assert node.metric("sluice_config_received_bytes_total") == received[node.name]
            assert node.get("/shop/prod/a")[0] == 200
        cp.apply(api_spec("shop", "prod", f"http://{backend.address}/moved/{{proxy}}"))
        for node in (stays, restarts):
            assert json.loads(node.get("/shop/prod/a")[2])["path"] == "/moved/a"


def test_nodes_are_sent_away_before_the_control_plane_stops(cp, backend):
    """An orderly stop is no lost connection: nodes spread their return, and traffic does not notice."""
    with cp.node("prod") as node:
        cp.apply(api_spec("shop", "prod", f"http://{backend.address}/{{proxy}}"))
        cp.process.stop()
        wait_for("the node to say so", lambda: "sent away: the control plane stops" in node.process.text())
        assert node.get("/shop/prod/a")[0] == 200
        cp.start()
        node.wait_connected()


def test_a_node_crashing_on_a_bundle_does_not_try_it_a_third_time(tmp_path, cp, backend):
    """-9 within the soak twice: the bundle counts as poison and the next older one is served."""
    with cp.node("prod") as node:
        cp.apply(api_spec("shop", "prod", f"http://{backend.address}/one/{{proxy}}"))
        good = node.config()["version"]["revision"]
        node.process.stop()
        node.start()
        cp.apply(api_spec("shop", "prod", f"http://{backend.address}/two/{{proxy}}"))
        wait_for("the second bundle", lambda: node.config()["version"]["revision"] > good)
        wait_for("it to be on disk", lambda: len(list((node.folder / "state").glob("gen-*.bundle"))) >= 2)
        cp.process.kill()
        node.process.kill()
        for _ in range(2):
            node.start()
            node.process.kill()
        node.start()
        assert json.loads(node.get("/shop/prod/a")[2])["path"] == "/one/a"
        cp.start()


def disk_is_full(process, full):
    """No file of the process may grow: every write of it fails, as on a full disk."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (10 if full else resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_full_disk_under_a_node_stops_nothing(cp, backend):
    """It serves and takes what is new, says DEGRADED, and keeps bundles again once there is room."""
    def health():
        return cp.rollout("prod")["nodes"][0]["health"]
    with cp.node("prod") as node:
        cp.apply(api_spec("shop", "prod", f"http://{backend.address}/one/{{proxy}}"))
        disk_is_full(node.process, True)
        cp.apply(api_spec("shop", "prod", f"http://{backend.address}/two/{{proxy}}"))
        assert json.loads(node.get("/shop/prod/a")[2])["path"] == "/two/a"
        wait_for("it to say so", lambda: health() == "degraded")
        disk_is_full(node.process, False)
        revision = cp.apply(api_spec("shop", "prod", f"http://{backend.address}/three/{{proxy}}"))["revision"]
        wait_for("it to be well", lambda: health() == "ready")
        assert (node.folder / "state" / f"gen-1-{revision}.bundle").exists()


def test_a_full_disk_under_the_control_plane_loses_nothing(cp, backend):
    """What cannot be written is refused, and what was accepted stays; when there is room again, it goes on."""
    first = cp.apply(api_spec("shop", "prod", f"http://{backend.address}/one/{{proxy}}"), wait=False)["revision"]
    disk_is_full(cp.process, True)
    status, _ = cp.api("POST", "/v1/apply", {"files": [{"name": "a.yaml", "text": api_spec("shop", "prod", f"http://{backend.address}/two/{{proxy}}")}]},
                       check=False)
    assert status >= 500
    assert [r["revision"] for r in cp.api("GET", "/v1/revisions")[1]] == [first]
    disk_is_full(cp.process, False)
    assert cp.apply(api_spec("shop", "prod", f"http://{backend.address}/two/{{proxy}}"), wait=False)["revision"] == first + 1


def test_environments_are_apart(cp, backend):
    """Rolling a variable of one environment changes nothing of the other: same root, same answers."""
    spec = f"""apiVersion: sluice/v1
kind: Api
metadata: {{name: shop}}
spec: {{routes: [{{path: "/{{proxy+}}", method: ANY, integration: {{type: http_proxy, uri: "http://{backend.address}/${{stageVariables.color}}/{{proxy}}"}}}}]}}
---
apiVersion: sluice/v1
kind: Stage
metadata: {{name: dev}}
spec: {{api: shop, environment: dev, variables: {{color: blue}}}}
---
apiVersion: sluice/v1
kind: Stage
metadata: {{name: prod}}
spec: {{api: shop, environment: prod, variables: {{color: blue}}}}
"""
    with cp.node("dev") as dev, cp.node("prod") as prod:
        cp.apply(spec)
        before = prod.config()["version"]
        cp.cpctl("stage", "set", "shop/dev", "color=green")
        wait_for("dev to move", lambda: json.loads(dev.get("/shop/dev/a")[2])["path"] == "/green/a")
        assert json.loads(prod.get("/shop/prod/a")[2])["path"] == "/blue/a"
        assert prod.config()["version"] == before


def test_a_new_node_starts_from_what_is_live(cp, backend):
    cp.apply(api_spec("shop", "prod", f"http://{backend.address}/{{proxy}}"))
    with cp.node("prod") as node:
        node.wait_ready()
        assert node.get("/shop/prod/a")[0] == 200


def test_ready_says_why_not(cp):
    with cp.node("prod") as node:
        status, _, body = request(node.admin_port, "GET", "/readyz")
        assert status == 503 and body.strip()
        assert request(node.admin_port, "GET", "/healthz")[0] == 200


def test_drain_ends_what_runs_and_refuses_nothing_before(tmp_path, cp):
    origin = '        location / { return 200 "ok\\n"; }\n        location /slow { limit_rate 20k; root %s; }'
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "slow").write_bytes(b"x" * 40000)
    with Nginx(tmp_path, origin % (tmp_path / "files")) as nginx, cp.node("prod") as node:
        cp.apply(api_spec("shop", "prod", f"http://{nginx.address}/{{proxy}}"))
        answer = {}

        def slow():
            answer["slow"] = node.get("/shop/prod/slow")
        thread = threading.Thread(target=slow)
        thread.start()
        wait_for("the slow request to run", lambda: node.metric("sluice_requests_running") >= 1)
        node.process.stop()
        thread.join()
        assert answer["slow"][0] == 200 and len(answer["slow"][2]) == 40000


def free_row():
    """The stack's ports stand in one row, from its proxy's to that plus 2000; the kernel's own choices begin above it."""
    first = random.randrange(10000, 30000)
    with contextlib.ExitStack() as held:
        for offset in (0, 1, 2, 3, 11, 12, 1821, 1822, 1831, 1832, 1833):
            held.enter_context(socket.socket()).bind(("127.0.0.1", first + offset))
    return first


def test_no_process_stays_behind(tmp_path):
    """The stack of `make run`: comes up, serves, and Ctrl-C ends every process that it started."""
    port = wait_for("a row of free ports", free_row)
    run = subprocess.Popen(["/usr/bin/python3", str(ROOT / "deploy/run/run.py"), "--state-dir", str(tmp_path / "run"), "--port-offset", str(port - 8080),
                            "--bin", str(BIN)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        text = ""
        for line in run.stdout:
            text += line
            if "Stop: Ctrl-C" in line:
                break
        assert "Sluice is running" in text, text
        status, _, body = request(port, "GET", "/v1/users/42")
        assert status == 200 and json.loads(body)["path"] == "/users/42"
        assert json.loads(request(port, "GET", "/dev/users/42")[2])["backend"] == "blue"
        # A second one on other ports must not empty the folder that the first one lives in.
        second = subprocess.run(["/usr/bin/python3", str(ROOT / "deploy/run/run.py"), "--state-dir", str(tmp_path / "run"), "--port-offset",
                                 str(wait_for("another row of free ports", free_row) - 8080), "--bin", str(BIN)],
                                capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert second.returncode == 1 and f"{tmp_path / 'run'} is in use" in second.stderr, second.stderr
        assert (tmp_path / "run" / "controlplane" / "cpctl.yaml").exists()
    finally:
        run.send_signal(2)
        run.wait(PATIENCE * 2)
    assert run.returncode == 0
    left = subprocess.run(["pgrep", "-f", str(tmp_path / "run")], capture_output=True, text=True, check=False).stdout
    assert left == "", left


def test_control_plane_keeps_everything_over_a_restart(tmp_path, backend):
    with ControlPlane(tmp_path) as cp, cp.node("prod") as node:
        first = cp.apply(api_spec("shop", "prod", f"http://{backend.address}/{{proxy}}"))
        cp.process.stop()
        cp.start()
        assert cp.api("GET", "/v1/revisions")[1][0]["revision"] == first["revision"]
        again = cp.apply(api_spec("shop", "prod", f"http://{backend.address}/{{proxy}}"))
        assert again["changed"] is False and again["revision"] == first["revision"]
        assert node.get("/shop/prod/a")[0] == 200
