"""cpctl against a stand-in for the admin API: what it asks, what it prints, and what it makes of answers that are no good."""
import json
import socket
import ssl
import threading

import pytest
import yaml

from fake_admin import FakeAdmin, make_certificates, run_cpctl

VERSION = {"epoch": 1, "revision": 7, "root": "ab"}


def node(name, state="current", **more):
    return {"id": name, "environment": "prod", "state": state, "connected": True, "active": VERSION, "address": "10.0.0.1:5",
            "version": "0.1.0", **more}


def rollout(state="live", revision=7, live=7, nodes=(), **more):
    return {"environment": "prod", "state": state, "live": {"epoch": 1, "revision": live, "root": "ab"},
            "head": {"epoch": 1, "revision": revision, "root": "ab"}, "connected": 2, "built": 2, "active": 2,
            "lagging": 0, "refused": 0, "failure": None, "nodes": list(nodes), **more}


APPLIED = {"revision": 7, "changed": True, "dryRun": False, "changes": [
    {"kind": "Api", "name": "shop", "op": "updated", "summary": "1 route changed"},
    {"kind": "Stage", "name": "shop/prod", "op": "unchanged"}],
    "environments": [{"name": "prod", "revision": 7, "root": "ab"}], "diagnostics": []}
DIAGNOSTIC = {"severity": "error", "code": "SL2107", "file": "shop.yaml", "line": 3, "column": 5, "width": 4,
              "path": "spec.routes[0]", "message": "authorizer \"jwt\" is not defined", "hint": "did you mean \"jwt2\"?",
              "excerpt": [{"line": 3, "text": "    jwt: x"}], "caret": 5}


@pytest.fixture
def fake(tmp_path):
    with FakeAdmin(tmp_path) as f:
        yield f


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "shop.yaml").write_text("kind: Api\nmetadata: {name: shop}\n")
    return tmp_path / "shop.yaml"


# ---- apply ----

def test_apply(fake, spec):
    fake.answers["POST", "/v1/apply"] = (200, APPLIED)
    done = fake.cpctl("apply", "-f", spec, "-m", "why")
    assert done.stdout == "api/shop updated (1 route changed)\nstage/shop/prod unchanged\nrevision 7\n"
    assert done.stderr == ""
    assert fake.requests[0][2] == {"files": [{"name": str(spec), "text": spec.read_text()}], "message": "why"}
    assert fake.json("apply", "-f", spec) == APPLIED
    assert yaml.safe_load(fake.cpctl("apply", "-f", spec, "-o", "yaml").stdout) == APPLIED
    assert fake.cpctl("apply", "-f", spec, "-o", "name").stdout == "api/shop\nstage/shop/prod\n"


def test_apply_of_what_is_there(fake, spec):
    fake.answers["POST", "/v1/apply"] = (200, {**APPLIED, "changed": False, "changes": APPLIED["changes"][1:], "environments": []})
    assert fake.cpctl("apply", "-f", spec, "--wait").stdout == "stage/shop/prod unchanged\nunchanged (revision 7)\n"


def test_apply_dry_run(fake, spec):
    fake.answers["POST", "/v1/apply"] = (200, {**APPLIED, "dryRun": True})
    done = fake.cpctl("apply", "-f", spec, "--dry-run", "--wait")
    assert "api/shop updated (1 route changed) (dry run)\n" in done.stdout and "nothing was applied" in done.stdout
    assert fake.requests[0][2]["dryRun"] is True and len(fake.requests) == 1


def test_apply_from_standard_input(fake):
    fake.answers["POST", "/v1/apply"] = (200, APPLIED)
    fake.cpctl("apply", "-f", "-", stdin="kind: Api\n")
    assert fake.requests[0][2]["files"] == [{"name": "stdin", "text": "kind: Api\n"}]


def test_apply_refused_with_diagnostics(fake, spec):
    problem = {"title": "Unprocessable Content", "status": 422, "detail": "1 error; nothing was applied", "diagnostics": [DIAGNOSTIC]}
    fake.answers["POST", "/v1/apply"] = (422, problem)
    done = fake.cpctl("apply", "-f", spec, expect=1)
    assert done.stdout == ""
    assert 'shop.yaml:3:5: error[SL2107]: authorizer "jwt" is not defined' in done.stderr
    assert "^^^^ did you mean" in done.stderr
    assert done.stderr.endswith("error: 1 error; nothing was applied\n")
    done = fake.cpctl("apply", "-f", spec, "-o", "json", expect=1)
    assert json.loads(done.stdout) == problem and "error: 1 error" in done.stderr


def test_apply_with_warnings(fake, spec):
    fake.answers["POST", "/v1/apply"] = (200, {**APPLIED, "diagnostics": [{**DIAGNOSTIC, "severity": "warning"}]})
    done = fake.cpctl("apply", "-f", spec)
    assert "warning[SL2107]" in done.stderr and "revision 7" in done.stdout


def test_wait_until_live(fake, spec):
    calls = []

    def answer(handler, _):
        calls.append(handler.path)
        return 200, rollout() if len(calls) > 2 else rollout("pending", live=6)
    fake.answers["POST", "/v1/apply"] = (200, APPLIED)
    fake.answers["GET", "/v1/rollouts/prod"] = answer
    done = fake.cpctl("apply", "-f", spec, "--wait", "--timeout", "20s")
    assert done.stdout.endswith("revision 7\nprod: 2/2 nodes at revision 7\n") and done.stderr == ""
    assert len(calls) == 3 and "waitRevision=7" in calls[0] and "timeoutMillis=" in calls[0]
    assert fake.connections == 1
    data = fake.json("apply", "-f", spec, "--wait")
    assert data == {**APPLIED, "rollouts": [rollout()]}


def test_a_later_revision_counts(fake, spec):
    fake.answers["POST", "/v1/apply"] = (200, APPLIED)
    fake.answers["GET", "/v1/rollouts/prod"] = (200, rollout(revision=9, live=9))
    assert "nodes at revision 9" in fake.cpctl("apply", "-f", spec, "--wait").stdout


def test_wait_and_a_node_refuses(fake, spec):
    error = {"code": "unknown_integration", "type": "route", "key": "shop/prod GET /x", "field": "integration",
             "message": "no integration soap", "retryable": False}
    fake.answers["POST", "/v1/apply"] = (200, APPLIED)
    fake.answers["GET", "/v1/rollouts/prod"] = (200, rollout("failed", live=6, failure={"node": "edge-1", "error": error}))
    done = fake.cpctl("apply", "-f", spec, "--wait", expect=1)
    assert "error: prod: revision 7 failed: refused by node edge-1: route shop/prod GET /x: integration: no integration soap" in done.stderr
    assert "hint: revision 6 is still live" in done.stderr
    data = fake.json("apply", "-f", spec, "--wait", expect=1)
    assert data["rollouts"][0]["failure"]["node"] == "edge-1"


def test_wait_in_vain(fake, spec):
    fake.answers["POST", "/v1/apply"] = (200, APPLIED)
    fake.answers["GET", "/v1/rollouts/prod"] = (200, rollout("pending", live=6, built=1, nodes=[node("a"), node("b", "offered")]))
    done = fake.cpctl("apply", "-f", spec, "--wait", "--timeout", "10ms", expect=1)
    assert "error: prod: revision 7 is not live after 0 s: pending, 1 of 2 nodes have built it" in done.stderr
    assert "  node b: offered\n" in done.stderr and "node a" not in done.stderr


@pytest.mark.parametrize("text", ["", "x", "1", "5 s", "-1s", "1y", "99999999999999999999s"])
def test_timeouts_that_are_none(fake, spec, text):
    if text == "1":
        fake.answers["POST", "/v1/apply"] = (200, {**APPLIED, "environments": []})
    fake.cpctl("apply", "-f", spec, "--wait", "--timeout", text, expect=0 if text == "1" else 2)


# ---- diff ----

def test_diff(fake, spec):
    changes = [{"kind": "Api", "name": "shop", "op": "updated", "diff": "@@ -1 +1 @@\n-a: 1\n+a: 2\n"},
               {"kind": "Stage", "name": "shop/prod", "op": "unchanged", "diff": ""}]
    fake.answers["POST", "/v1/diff"] = (200, {"changes": changes})
    done = fake.cpctl("diff", "-f", spec, expect=1)
    assert done.stdout == "api/shop updated\n@@ -1 +1 @@\n-a: 1\n+a: 2\n"
    assert fake.json("diff", "-f", spec, expect=1) == {"changes": changes}
    fake.answers["POST", "/v1/diff"] = (200, {"changes": changes[1:]})
    assert fake.cpctl("diff", "-f", spec).stdout == ""


def test_diff_tells_errors_from_differences(fake, spec):
    fake.answers["POST", "/v1/diff"] = (422, {"title": "x", "status": 422, "detail": "1 error", "diagnostics": [DIAGNOSTIC]})
    fake.cpctl("diff", "-f", spec, expect=2)
    fake.cpctl("diff", "-f", "/nonexistent.yaml", expect=2)
    assert run_cpctl("diff", "-f", spec, "--server", "https://127.0.0.1:1", "--ca", fake.ca).returncode == 2


# ---- looking ----

def documents(fake):
    api = {"apiVersion": "sluice/v1", "kind": "Api", "metadata": {"name": "shop"}, "spec": {
        "integrations": {"users": {"type": "http_proxy", "uri": "http://users"}},
        "routes": [{"path": "/users/{id}", "method": "GET", "integration": "users"},
                   {"path": "/ping", "method": "ANY", "integration": {"type": "mock"}}]}}
    stage = {"kind": "Stage", "metadata": {"name": "prod"}, "spec": {"api": "shop", "environment": "prod", "variables": {"a": "b"}}}
    docs = [{"kind": "Api", "name": "shop", "revision": 7, "file": "shop.yaml", "line": 1},
            {"kind": "Stage", "name": "shop/prod", "revision": 7, "file": "shop.yaml", "line": 9}]
    fake.answers["GET", "/v1/documents?kind=Api"] = (200, docs[:1])
    fake.answers["GET", "/v1/documents?kind=Stage"] = (200, docs[1:])
    fake.answers["GET", "/v1/documents?kind=Upstream"] = (200, [])
    fake.answers["GET", "/v1/documents/Api/shop"] = (200, {**docs[0], "text": "kind: Api # mine\n", "spec": api})
    fake.answers["GET", "/v1/documents/Stage/shop/prod"] = (200, {**docs[1], "text": "kind: Stage\n", "spec": stage})
    fake.answers["GET", "/v1/documents/Api/none"] = 404
    fake.answers["GET", "/v1/revisions/7"] = (200, {"revision": 7, "at": "2026-11-20T13:20:00.000Z", "who": "admin", "message": "why"})


@pytest.mark.parametrize("kind", ["apis", "api", "API"])
def test_get_apis(fake, kind):
    documents(fake)
    lines = fake.cpctl("get", kind).stdout.splitlines()
    assert [line.split() for line in lines] == [["NAME", "ROUTES", "REVISION"], ["shop", "2", "7"]]
    assert fake.json("get", kind)[0]["spec"]["metadata"]["name"] == "shop"
    assert fake.cpctl("get", kind, "-o", "name").stdout == "shop\n"


@pytest.mark.parametrize("kind", ["stages", "stage", "st"])
def test_get_stages(fake, kind):
    documents(fake)
    lines = fake.cpctl("get", kind).stdout.splitlines()
    assert lines[1].split() == ["shop/prod", "prod", "*", "-", "1", "7"]


def test_get_one(fake):
    documents(fake)
    assert fake.cpctl("get", "api", "shop").stdout == "kind: Api # mine\n"
    assert fake.cpctl("get", "api", "shop", "-o", "yaml").stdout == "kind: Api # mine\n"
    assert fake.json("get", "stage", "shop/prod")["spec"]["spec"]["api"] == "shop"
    done = fake.cpctl("get", "api", "none", expect=1)
    assert done.stderr == "error: there is no api 'none'\nhint: `cpctl get apis` lists them\n"


def test_get_routes(fake):
    documents(fake)
    lines = [line.split() for line in fake.cpctl("get", "routes").stdout.splitlines()]
    assert lines == [["API", "METHOD", "PATH", "INTEGRATION"], ["shop", "GET", "/users/{id}", "http_proxy", "http://users"],
                     ["shop", "ANY", "/ping", "mock"]]
    assert fake.json("get", "rt", "shop")[0] == {"api": "shop", "path": "/users/{id}", "method": "GET", "integration": "users"}
    assert fake.cpctl("get", "routes", "-o", "name").stdout == "shop GET /users/{id}\nshop ANY /ping\n"


def test_nothing_to_list(fake):
    documents(fake)
    assert fake.cpctl("get", "up").stdout.split() == ["NAME", "ENDPOINTS", "REVISION"]
    assert fake.json("get", "upstreams") == []


def test_describe(fake):
    documents(fake)
    done = fake.cpctl("describe", "api", "shop")
    assert done.stdout.startswith("api: shop\nlastChange: revision 7, ") and "by admin: why" in done.stdout
    assert "stage: shop/prod, environment prod\n" in done.stdout and done.stdout.endswith("kind: Api # mine\n")
    assert fake.json("describe", "api", "shop")["name"] == "shop"


def test_nodes(fake):
    fake.answers["GET", "/v1/nodes"] = (200, [node("edge-1"), node("edge-2", "offline", connected=False, active=None,
                                                                   error={"message": "went\x1b[31m away\u009b"})])
    for args in (["nodes"], ["get", "nodes"], ["get", "no"]):
        lines = fake.cpctl(*args).stdout.splitlines()
        assert lines[1].split() == ["edge-1", "prod", "current", "7", "yes", "10.0.0.1:5", "0.1.0", "-"]
        assert lines[2].split()[:5] == ["edge-2", "prod", "offline", "-", "no"]
        assert "\x1b" not in lines[2] and "\u009b" not in lines[2] and "went?[31m away" in lines[2]
    assert fake.json("nodes")[0]["id"] == "edge-1"
    assert yaml.safe_load(fake.cpctl("describe", "node", "edge-1").stdout) == node("edge-1")
    assert "there is no node 'x'" in fake.cpctl("get", "node", "x", expect=1).stderr


def test_history(fake):
    revisions = [{"revision": 2, "epoch": 1, "at": "2026-11-20T13:20:00.123Z", "who": "ci", "action": "apply", "message": "m",
                  "changes": [{"kind": "Api", "name": "shop", "op": "updated"}]},
                 {"revision": 1, "epoch": 1, "at": "2026-11-20T13:00:00.123Z", "who": "admin", "action": "apply", "message": "", "changes": []}]
    fake.answers["GET", "/v1/revisions"] = (200, revisions)
    fake.answers["GET", "/v1/revisions/2"] = (200, {**revisions[0], "documents": [{"text": "long"}]})
    fake.answers["GET", "/v1/revisions/1/diff/2"] = (200, {"changes": [{"kind": "Api", "name": "shop", "op": "updated", "diff": "-a\n+b\n"}]})
    done = fake.cpctl("history", "--limit", "5")
    assert fake.requests[-1][1] == "/v1/revisions?limit=5"
    assert done.stdout.splitlines()[0].split() == ["REVISION", "AGE", "WHO", "ACTION", "CHANGES", "MESSAGE"]
    assert "shop updated" in done.stdout
    assert fake.json("history") == revisions == fake.json("get", "revisions")
    assert fake.cpctl("get", "rev", "-o", "name").stdout == "2\n1\n"
    done = fake.cpctl("history", "2")
    assert "who: ci" in done.stdout and "long" not in done.stdout and done.stdout.endswith("api/shop updated\n-a\n+b\n")
    fake.cpctl("history", "two", expect=2)


def test_rollback(fake):
    fake.answers["GET", "/v1/revisions"] = (200, [{"revision": 9}, {"revision": 8}])
    for n in (8, 3):
        fake.answers["POST", f"/v1/revisions/{n}/restore"] = (200, APPLIED)
    assert "revision 7" in fake.cpctl("rollback", "-m", "oops").stdout
    assert fake.requests[-1][1:3] == ("/v1/revisions/8/restore", {"message": "oops"})
    for args in (["r3"], ["--to", "3"]):
        fake.cpctl("rollback", *args, "--dry-run")
        assert fake.requests[-1][1:3] == ("/v1/revisions/3/restore", {"dryRun": True})
    fake.answers["GET", "/v1/revisions"] = (200, [{"revision": 1}])
    assert "no earlier revision" in fake.cpctl("rollback", expect=1).stderr


def test_rollout_status(fake):
    fake.answers["GET", "/v1/rollouts"] = (200, [rollout(nodes=[node("edge-1")])])
    fake.answers["GET", "/v1/rollouts/prod"] = (200, rollout(nodes=[node("edge-1")]))
    for args in ([], ["prod"], ["prod", "--wait"], ["--wait"]):
        done = fake.cpctl("rollout", "status", *args)
        assert done.stdout.startswith("prod: 2/2 nodes at revision 7\n") and "edge-1" in done.stdout, args
    assert fake.json("rollout", "status") == [rollout(nodes=[node("edge-1")])] == fake.json("get", "rollouts")
    assert fake.cpctl("get", "ro", "-o", "name").stdout == "prod\n"
    fake.answers["GET", "/v1/rollouts"] = (200, [rollout("failed", live=6, failure={"node": "a", "error": {"message": "no"}})])
    done = fake.cpctl("rollout", "status", expect=1)
    assert "refused by node a: no" in done.stderr


# ---- changing one thing ----

def test_stage_set(fake):
    fake.answers["PATCH", "/v1/stages/shop/prod/variables"] = (200, APPLIED)
    fake.cpctl("stage", "set", "shop/prod", "backend=api:80", "empty=", "a=b=c", "debug-")
    assert fake.requests[-1][2] == {"set": {"backend": "api:80", "empty": "", "a": "b=c"}, "unset": ["debug"]}


def test_delete(fake, tmp_path):
    fake.answers["DELETE", "/v1/documents/Api/shop"] = (200, {**APPLIED, "changes": [{"kind": "Api", "name": "shop", "op": "deleted"}]})
    assert "api/shop deleted\n" in fake.cpctl("delete", "api", "shop", "-m", "bye").stdout
    assert fake.requests[-1][2] == {"message": "bye"}
    (tmp_path / "x.yaml").write_text("kind: Api\nmetadata: {name: shop}\n---\nkind: Stage\nmetadata: {name: prod}\nspec: {api: shop}\n")
    fake.answers["POST", "/v1/apply"] = (200, APPLIED)
    fake.cpctl("delete", "-f", tmp_path / "x.yaml", "--dry-run")
    assert fake.requests[-1][2] == {"deletes": [{"kind": "Api", "name": "shop"}, {"kind": "Stage", "name": "shop/prod"}], "dryRun": True}
    (tmp_path / "x.yaml").write_text("a: b\n")
    assert "a kind and a metadata.name" in fake.cpctl("delete", "-f", tmp_path / "x.yaml", expect=1).stderr
    (tmp_path / "x.yaml").write_text("a: [\n")
    assert "cannot be read" in fake.cpctl("delete", "-f", tmp_path / "x.yaml", expect=1).stderr


def test_tokens(fake):
    token = {"id": "7f", "token": "7f.secret.hash", "kind": "join", "expiresAt": "2026-11-20T14:00:00.000Z"}
    fake.answers["POST", "/v1/tokens"] = (201, token)
    done = fake.cpctl("token", "create", "--join", "--environment", "prod")
    assert done.stdout == "7f.secret.hash\n" and "until 2026-11-20T14:00:00.000Z" in done.stderr and "secret" not in done.stderr
    assert fake.requests[-1][2] == {"kind": "join", "environment": "prod", "uses": 1, "ttlSeconds": 600}
    assert fake.json("token", "create", "--role", "editor", "--name", "ci", "--ttl", "90d") == token
    assert fake.requests[-1][2] == {"kind": "api", "role": "editor", "ttlSeconds": 90 * 86400, "name": "ci"}
    fake.answers["GET", "/v1/tokens"] = (200, [{"id": "7f", "kind": "api", "name": "ci", "role": "editor"}])
    assert fake.cpctl("token", "list").stdout.splitlines()[1].split()[:4] == ["7f", "api", "ci", "editor"]
    assert fake.json("get", "tokens")[0]["id"] == "7f"
    fake.answers["DELETE", "/v1/tokens/7f"] = (200, {})
    assert fake.cpctl("token", "revoke", "7f").stdout == "token 7f revoked\n"
    assert fake.json("token", "revoke", "7f") == {"id": "7f", "revoked": True}
    fake.answers["DELETE", "/v1/tokens/7f"] = 404
    assert "error: there is nothing at" in fake.cpctl("token", "revoke", "7f", expect=1).stderr


def test_names_are_quoted_in_paths(fake):
    fake.answers["GET", "/v1/documents/Api/a%20b%3F%2Fc".replace("%2F", "/")] = (200, {"text": "x\n"})
    assert fake.cpctl("get", "api", "a b?/c").stdout == "x\n"


def test_version(fake):
    fake.answers["GET", "/v1/version"] = (200, {"version": "9.9"})
    assert "sluice-controlplane 9.9" in fake.cpctl("version").stdout
    assert fake.json("version")["controlplane"] == {"version": "9.9"}


# ---- whom to trust ----

def test_tokens_from_everywhere(fake, tmp_path):
    fake.answers["GET", "/v1/nodes"] = (200, [])
    alone = ["--server", fake.url, "--ca", fake.ca]
    assert run_cpctl("nodes", *alone, env={"SLUICE_TOKEN": fake.token}).returncode == 0
    assert run_cpctl("nodes", *alone, "--token-file", fake.folder / "token").returncode == 0
    assert run_cpctl("nodes", *alone, "--token-file", "-", stdin=fake.token + "\n").returncode == 0
    assert run_cpctl("nodes", env={"SLUICE_SERVER": fake.url, "SLUICE_CA": str(fake.ca), "SLUICE_TOKEN": fake.token}).returncode == 0
    assert run_cpctl("nodes", env={"SLUICE_CONFIG": str(fake.config), "SLUICE_CONTEXT": "fake"}).returncode == 0
    done = run_cpctl("nodes", *alone, env={"SLUICE_TOKEN": "wrong"})
    assert done.returncode == 1 and done.stderr.startswith("error: no such token\nhint: ")
    assert "wrong" not in done.stderr and fake.token not in done.stderr
    assert run_cpctl("nodes", *alone).returncode == 1


def test_nothing_of_a_context_goes_to_another_server(fake):
    done = run_cpctl("--config", fake.config, "nodes", "--server", fake.url, "--ca", fake.ca)
    assert done.returncode == 1 and "Authorization" not in fake.requests[-1][3]
    fake.answers["GET", "/v1/nodes"] = (200, [])
    assert run_cpctl("--config", fake.config, "--context", "fake", "nodes", "--server", fake.url).returncode == 0


def test_another_ca_is_not_trusted(fake, tmp_path):
    other, _, _ = make_certificates(tmp_path / "other")
    done = run_cpctl("nodes", "--server", fake.url, "--ca", other, env={"SLUICE_TOKEN": fake.token})
    assert done.returncode == 1 and "TLS" in done.stderr and "hint: the certificate is checked" in done.stderr
    assert fake.requests == []


def test_what_is_wrong_is_named(fake, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("no certificate")
    done = run_cpctl("--config", fake.config, "nodes", "--ca", plain)
    assert f"error: {plain}: no TLS root certificate" in done.stderr and "hint" not in done.stderr
    done = run_cpctl("--config", fake.config, "nodes", "--token-file", tmp_path / "none")
    assert f"error: {tmp_path / 'none'}: no such file" in done.stderr and "hint" not in done.stderr


def test_a_port_that_speaks_no_tls(fake):
    with socket.create_server(("127.0.0.1", 0)) as server:
        def answer():
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        done = run_cpctl("nodes", "--server", f"https://127.0.0.1:{port}", "--ca", fake.ca)
        thread.join()
    assert done.returncode == 1 and f"hint: is 127.0.0.1:{port} the admin port of a sluice-controlplane?" in done.stderr, done.stderr


@pytest.mark.parametrize("names, good", [("DNS:elsewhere.example", False), ("IP:127.0.0.2", False), ("IP:127.0.0.1", True)])
def test_the_certificate_must_name_the_host(tmp_path, names, good):
    with FakeAdmin(tmp_path, names) as fake:
        fake.answers["GET", "/v1/nodes"] = (200, [])
        fake.cpctl("nodes", expect=0 if good else 1)
        assert len(fake.requests) == int(good)


def test_nobody_listens(fake):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{s.getsockname()[1]}"
        done = run_cpctl("nodes", "--server", url, "--ca", fake.ca)
    assert done.returncode == 1 and "Connection refused" in done.stderr and "is sluice-controlplane running" in done.stderr


# ---- answers that are no good ----

def raw(data, close=True):
    def answer(handler, _):
        handler.wfile.write(data)
        handler.close_connection = close
    return answer


@pytest.mark.parametrize("data, error", [
    (b"", "without an answer"),
    (b"SSH-2.0-x\r\n\r\n", "the answer is not HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: application/json\r\n\r\n[]", "cut short"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]", "the answer is not HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "larger than"),
    (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n[]", "no control plane of Sluice"),
    (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n[1,", "no control plane of Sluice"),
    (b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n", "status 302"),
    (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "answered with status 500"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n", "the answer is not HTTP"),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * 20, "too many interim answers"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "the answer is not HTTP"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n", "cut short"),
    (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + str(2 * 300).encode() + b"\r\n\r\n" +
     b"[" * 300 + b"]" * 300, "no control plane of Sluice"),
])
def test_bad_answers(fake, data, error):
    fake.answers["GET", "/v1/nodes"] = raw(data)
    done = fake.cpctl("nodes", expect=1)
    assert done.stdout == "" and done.stderr.startswith("error: ") and error in done.stderr, done.stderr


@pytest.mark.parametrize("data", [
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[]",
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
    b"HTTP/1.0 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n[]",
])
def test_good_answers_of_every_shape(fake, data):
    fake.answers["GET", "/v1/nodes"] = raw(data)
    assert fake.json("nodes") == []


def test_a_kept_connection_that_was_closed_is_opened_again(fake, spec):
    def applied(handler, _):
        handler.close_connection = True
        return 200, APPLIED
    fake.answers["POST", "/v1/apply"] = applied
    fake.answers["GET", "/v1/rollouts/prod"] = (200, rollout())
    fake.cpctl("apply", "-f", spec, "--wait")
    assert fake.connections == 2 and len(fake.requests) == 2


def test_a_refusal_before_the_body_is_read(tmp_path):
    """413 while the client still sends: the answer counts, not the broken pipe."""
    ca, cert, key = make_certificates(tmp_path / "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    (tmp_path / "big.yaml").write_text("# " + "x" * (8 << 20) + "\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as s:
                s.recv(4096)
                s.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/problem+json\r\nContent-Length: 27\r\n"
                          b"Connection: close\r\n\r\n" + b'{"detail": "it is too big"}')
                s.settimeout(5)
                try:
                    while s.recv(1 << 20):
                        pass
                except OSError:
                    pass
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        done = run_cpctl("apply", "-f", tmp_path / "big.yaml", "--ca", ca, "--server", f"https://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert done.returncode == 1 and "it is too big" in done.stderr, done.stderr
