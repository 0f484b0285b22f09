"""The daemon: what it makes, what it keeps, what it refuses, and that nothing brings it out of step with what it said."""
import json
import os
import random
import socket
import stat
import subprocess
import threading

import pytest
from admin_lib import API, SHOP, STAGE, files, mock, script
from harness import BIN, PATIENCE, ControlPlane, wait_for

pytestmark = pytest.mark.threads

PROGRAM = BIN / "sluice-controlplane"


def run(*args, **options):
    return subprocess.run([str(PROGRAM), *[str(a) for a in args]], capture_output=True, text=True, timeout=PATIENCE, **options)


def test_words():
    assert run("--version").stdout.startswith("sluice-controlplane ")
    text = run("--help")
    assert text.returncode == 0 and "--state-dir" in text.stdout and "--push-listen" in text.stdout
    for args in (["--nonsense"], ["--admin-listen"], ["--admin-listen", "here"], ["--push-listen", "1.2.3.4:99999"], ["word"],
                 ["--log-level", "loud"], ["--log-format", "xml"], ["--dataplane-binary", "/nowhere"], ["--state-dir", ""],
                 ["--admin-connections", "0"]):
        done = run(*args)
        assert done.returncode == 2 and done.stderr.startswith("sluice-controlplane: "), (args, done)
    done = run("--check-config", "--dataplane-binary", "none", env={**os.environ, "SLUICE_ADMIN_LISTEN": "127.0.0.1:1234"})
    assert done.returncode == 0 and "admin-listen: 127.0.0.1:1234  # environment" in done.stdout, done


def test_first_start_and_the_next(tmp_path):
    with ControlPlane(tmp_path) as cp:
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in cp.state.iterdir()}
        assert stat.S_IMODE(cp.state.stat().st_mode) == 0o700
        for name in ("ca.key", "server.key", "admin.token", "cpctl.yaml", "sluice.db"):
            assert modes[name] == 0o600, name
        assert "tokenFile" in (cp.state / "cpctl.yaml").read_text()
        before = {n: (cp.state / n).read_bytes() for n in ("ca.crt", "ca.key", "server.crt", "admin.token")}
        cluster = cp.api("GET", "/v1/version")[1]["clusterId"]
        cp.process.stop()
        cp.start()
        assert before == {n: (cp.state / n).read_bytes() for n in before}
        assert cp.api("GET", "/v1/version")[1]["clusterId"] == cluster
        names = cp.tls.cert_store_stats()
        assert names["x509_ca"] == 1


def test_advertised_names(tmp_path):
    with ControlPlane(tmp_path, ["--advertise", "gate.example.com, 10.9.8.7"]) as cp:
        import ssl
        for name in ("localhost", "gate.example.com", "10.9.8.7"):
            with socket.create_connection(("127.0.0.1", cp.ports[0])) as s, cp.tls.wrap_socket(s, server_hostname=name) as tls:
                assert tls.version() in ("TLSv1.2", "TLSv1.3")
        with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("127.0.0.1", cp.ports[0])) as s:
            cp.tls.wrap_socket(s, server_hostname="evil.example.com")


def test_refusals(tmp_path):
    with ControlPlane(tmp_path) as cp:
        second = run("--state-dir", cp.state, "--admin-listen", "127.0.0.1:0", "--push-listen", "127.0.0.1:0")
        assert second.returncode == 1 and "in use by another control plane" in second.stderr
        taken = run("--state-dir", tmp_path / "other", "--admin-listen", cp.admin, "--push-listen", "127.0.0.1:0")
        assert taken.returncode == 1 and "--admin-listen" in taken.stderr
        taken = run("--state-dir", tmp_path / "other", "--admin-listen", "127.0.0.1:0", "--push-listen", cp.admin)
        assert taken.returncode == 1 and "--push-listen" in taken.stderr
        cp.api("POST", "/v1/apply", files(SHOP))
    database = cp.state / "sluice.db"
    good = database.read_bytes()
    database.write_bytes(b"\xee" * 3000)
    damaged = run("--state-dir", cp.state, "--admin-listen", "127.0.0.1:0", "--push-listen", "127.0.0.1:0")
    assert damaged.returncode == 1 and "damaged" in damaged.stderr and "backup" in damaged.stderr
    database.write_bytes(good)


def test_a_restart_keeps_all(tmp_path):
    with ControlPlane(tmp_path) as cp:
        first = cp.apply(SHOP)
        cp.apply(mock("zoo"), wait=False)
        editor = cp.make_token("editor", name="ci")
        before = {p: cp.api("GET", p)[1] for p in ("/v1/documents", "/v1/revisions", "/v1/documents/Api/shop")}
        root = cp.rollout("dev")["live"]["root"]
        for end in ("stop", "kill"):
            getattr(cp.process, end)()
            cp.start()
            assert before == {p: cp.api("GET", p)[1] for p in before}
            live = cp.rollout("dev")
            assert live["state"] == "live" and live["live"]["root"] == root and live["live"]["revision"] == first["revision"]
            assert cp.api("GET", "/v1/documents", token=editor["token"])[0] == 200
        assert cp.api("POST", "/v1/apply", files(SHOP))[1]["changed"] is False


def test_a_new_epoch(tmp_path):
    with ControlPlane(tmp_path) as cp:
        cp.apply(SHOP)
        cp.process.stop()
        cp.args.append("--new-epoch")
        cp.start()
        assert cp.rollout("dev")["live"]["epoch"] == 2
        answer = cp.apply(SHOP.replace("/users/{id}", "/people/{id}"))
        assert cp.api("GET", f"/v1/revisions/{answer['revision']}")[1]["epoch"] == 2


@pytest.mark.parametrize("text, words", [
    ("echo '{\"ok\":false,\"code\":7,\"type\":\"route\",\"key\":\"GET /x\",\"field\":\"\",\"message\":\"I will not\"}'; exit 1", "I will not"),
    ("kill -SEGV $$", "crashed"), ("exit 0", "no verdict")])
def test_what_the_node_would_refuse_is_refused(tmp_path, text, words):
    program = script(tmp_path, "checker", f"[ -e {tmp_path}/good ] && echo '{{\"ok\":true}}' && exit 0\n{text}")
    with ControlPlane(tmp_path, ["--dataplane-binary", program]) as cp:
        status, problem = cp.api("POST", "/v1/apply", files(SHOP), check=False)
        assert status == 422 and words in problem["detail"] and "dev" in problem["detail"], problem
        assert cp.api("GET", "/v1/documents")[1] == [] and cp.api("GET", "/v1/revisions")[1] == []
        assert cp.api("POST", "/v1/apply", files(SHOP, dryRun=True), check=False)[0] == 422
        (tmp_path / "good").touch()
        assert cp.apply(SHOP)["revision"] == 1


def test_killed_while_applying(tmp_path):
    """kill -9 at any moment: what was answered is there, what is there is whole, and the next start serves it."""
    with ControlPlane(tmp_path) as cp:
        told, number = 0, 0
        for _ in range(15):
            stop = threading.Event()

            def worker():
                nonlocal told, number
                while not stop.is_set():
                    number += 1
                    text = API.replace("/users/{id}\"", f"/v{number}/{{id}}\"", 1) + "---\n" + STAGE % ("dev", "dev")
                    try:
                        told = max(told, cp.api("POST", "/v1/apply", files(text))[1]["revision"])
                    except (OSError, AssertionError, ValueError, Exception):
                        return
            thread = threading.Thread(target=worker)
            thread.start()
            threading.Event().wait(random.random() * 0.15)
            cp.process.kill()
            stop.set()
            thread.join()
            cp.start()
            newest = cp.api("GET", "/v1/revisions?limit=1")[1]
            revision = newest[0]["revision"] if newest else 0
            assert told <= revision <= told + 1
            told = revision
            if revision:
                answer = cp.wait_live("dev", revision)
                assert answer["live"]["revision"] == revision
                documents = cp.api("GET", f"/v1/revisions/{revision}")[1]["documents"]
                assert cp.api("GET", "/v1/documents/Api/shop")[1]["text"] == next(d for d in documents if d["kind"] == "Api")["text"]
        assert told > 0


def test_stops_while_busy(tmp_path):
    program = script(tmp_path, "checker", f"touch {tmp_path}/running; sleep 1; echo '{{\"ok\":true}}'")
    with ControlPlane(tmp_path, ["--dataplane-binary", program]) as cp:
        done = []
        thread = threading.Thread(target=lambda: done.append(cp.api("POST", "/v1/apply", files(SHOP), check=False)))
        thread.start()
        wait_for("the check to run", lambda: (tmp_path / "running").exists())
        cp.process.stop()
        thread.join(PATIENCE)
        assert done[0][0] == 200, done            # what runs is brought to its end, and its answer is sent
        cp.start()
        assert json.dumps(cp.api("GET", "/v1/documents")[1]).count("shop") >= 2
