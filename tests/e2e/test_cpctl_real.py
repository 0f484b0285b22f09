"""cpctl against the real control plane: every command, as a table and as JSON, by exit status."""
import json

import pytest
import yaml

from harness import api_spec, wait_for

SHOP = api_spec("shop", "dev", "http://${stageVariables.backend}/{proxy}").replace(
    "environment: dev}", "environment: dev, variables: {backend: '127.0.0.1:1'}}")
ORDERS = "apiVersion: sluice/v1\nkind: Upstream\nmetadata: {name: orders}\nspec: {endpoints: [{address: '127.0.0.1:1'}]}\n"


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    return path


def data(cp, *args, check=True):
    return json.loads(cp.cpctl(*args, "-o", "json", check=check).stdout)


def test_apply_diff_and_what_is_there(cp, spec):
    done = cp.cpctl("diff", "-f", spec, check=False)
    assert done.returncode == 1 and "+  routes:" in done.stdout
    done = cp.cpctl("apply", "-f", spec, "--dry-run")
    assert "api/shop created" in done.stdout and "(dry run)" in done.stdout
    assert data(cp, "get", "apis") == []
    done = cp.cpctl("apply", "-f", spec, "-m", "first", "--wait")
    assert done.stdout.splitlines()[:3] == ["api/shop created (1 route added)", "stage/shop/dev created", "revision 1"], done.stdout
    assert cp.cpctl("diff", "-f", spec).stdout == ""
    answer = data(cp, "apply", "-f", spec)
    assert answer["changed"] is False and answer["revision"] == 1
    assert cp.cpctl("get", "apis").stdout.splitlines()[1].split() == ["shop", "1", "1"]
    assert cp.cpctl("get", "stages").stdout.splitlines()[1].split()[:2] == ["shop/dev", "dev"]
    assert cp.cpctl("get", "stages", "-o", "name").stdout == "shop/dev\n"
    assert yaml.safe_load(cp.cpctl("get", "api", "shop", "-o", "yaml").stdout)["metadata"] == {"name": "shop"}
    assert data(cp, "get", "routes")[0]["path"] == "/{proxy+}"
    assert "lastChange: revision 1" in cp.cpctl("describe", "api", "shop").stdout
    assert data(cp, "describe", "stage", "shop/dev")["kind"] == "Stage"


def test_a_bad_spec_changes_nothing(cp, spec):
    cp.cpctl("apply", "-f", spec)
    spec.write_text(SHOP.replace("http_proxy", "http_prxy"))
    for command in ("apply", "validate", "diff"):
        done = cp.cpctl(command, "-f", spec, check=False)
        assert done.returncode == (2 if command == "diff" else 1)
        assert f"{spec}:6:" in done.stderr and "error[SL" in done.stderr and "^" in done.stderr, done.stderr
    done = cp.cpctl("apply", "-f", spec, "-o", "json", check=False)
    problem = json.loads(done.stdout)
    assert problem["status"] == 422 and problem["diagnostics"][0]["line"] == 6
    assert len(data(cp, "history")) == 1


def test_history_rollback_and_stage_set(cp, spec):
    cp.cpctl("apply", "-f", spec, "-m", "first")
    done = cp.cpctl("stage", "set", "shop/dev", "backend=127.0.0.1:2", "-m", "second")
    assert "stage/shop/dev updated" in done.stdout and "revision 2" in done.stdout
    assert "api" not in done.stdout
    done = cp.cpctl("stage", "set", "shop/dev", "backend-", check=False)
    assert done.returncode == 1 and "backend" in done.stderr
    assert cp.cpctl("stage", "set", "shop/none", "a=b", check=False).returncode == 1
    history = data(cp, "history")
    assert [(r["revision"], r["message"]) for r in history] == [(2, "second"), (1, "first")]
    assert "shop/dev updated" in cp.cpctl("history").stdout
    shown = cp.cpctl("history", "2").stdout
    assert "-  variables" not in shown and "127.0.0.1:2" in shown and "message: second" in shown
    assert "revision 3" in cp.cpctl("rollback", "-m", "back").stdout
    assert data(cp, "get", "stage", "shop/dev")["spec"]["spec"]["variables"] == {"backend": "127.0.0.1:1"}
    assert data(cp, "rollback", "--to", "2")["revision"] == 4
    assert data(cp, "rollback", "2", "--dry-run")["changed"] is False
    assert cp.cpctl("rollback", "99", check=False).returncode == 1


def test_delete(cp, spec, tmp_path):
    (tmp_path / "orders.yaml").write_text(ORDERS)
    cp.cpctl("apply", "-f", spec, "-f", tmp_path / "orders.yaml")
    assert cp.cpctl("delete", "api", "none", check=False).returncode == 1
    done = cp.cpctl("delete", "api", "shop", check=False)
    assert done.returncode == 1 and "shop" in done.stderr  # its stage still needs it
    assert "upstream/orders deleted (dry run)" in cp.cpctl("delete", "up", "orders", "--dry-run").stdout
    assert "upstream/orders deleted" in cp.cpctl("delete", "up", "orders").stdout
    done = cp.cpctl("delete", "-f", spec, "-m", "all gone")
    assert "api/shop deleted" in done.stdout and "stage/shop/dev deleted" in done.stdout
    assert cp.cpctl("get", "apis", "-o", "name").stdout == ""
    assert data(cp, "history")[0]["message"] == "all gone"
    assert cp.cpctl("delete", "-f", spec, check=False).returncode == 1


def test_files_and_deletes_are_one_revision(cp, spec):
    cp.cpctl("apply", "-f", spec)
    status, answer = cp.api("POST", "/v1/apply", {"files": [{"name": "x", "text": SHOP.replace("shop", "store")}], "deletes": [
        {"kind": "Api", "name": "shop"}, {"kind": "Stage", "name": "shop/dev"}]})
    assert status == 200 and answer["revision"] == 2
    assert sorted((c["kind"], c["name"], c["op"]) for c in answer["changes"]) == [
        ("Api", "shop", "deleted"), ("Api", "store", "created"), ("Stage", "shop/dev", "deleted"), ("Stage", "store/dev", "created")]
    for wrong in ({"deletes": 7}, {"deletes": [7]}, {"deletes": [{"kind": "Api"}]}, {"deletes": [{"kind": "Api", "name": "x", "z": 1}]}, {}):
        assert cp.api("POST", "/v1/apply", wrong, check=False)[0] == 400, wrong


def test_tokens(cp):
    token = data(cp, "token", "create", "--role", "viewer", "--name", "reader", "--ttl", "1h")
    assert token["token"].startswith("slc_")
    env = {"SLUICE_TOKEN": token["token"]}
    assert cp.cpctl("get", "apis", env=env).returncode == 0
    done = cp.cpctl("token", "create", "--role", "admin", env=env, check=False)
    assert done.returncode == 1 and "role does not allow" in done.stderr
    rows = data(cp, "token", "list")
    mine = next(r for r in rows if r["id"] == token["id"])
    assert mine["role"] == "viewer" and mine["name"] == "reader" and token["token"] not in json.dumps(rows)
    assert "reader" in cp.cpctl("token", "list").stdout
    assert cp.cpctl("get", "tokens", "-o", "name").stdout.split().count(token["id"]) == 1
    cp.cpctl("token", "revoke", token["id"])
    done = cp.cpctl("get", "apis", env=env, check=False)
    assert done.returncode == 1 and "SLUICE_TOKEN" in done.stderr
    secret = cp.cpctl("token", "create", "--join", "--environment", "dev").stdout.strip()
    assert len(secret.split(".")) == 3


def test_the_version_of_both(cp):
    answer = data(cp, "version")
    assert answer["cpctl"] == answer["controlplane"]["version"]


def test_nodes_and_rollouts(cp, spec, backend):
    spec.write_text(SHOP.replace("127.0.0.1:1", backend.address))
    with cp.node("dev", "edge-1") as node:
        wait_for("the node to be connected", lambda: [n["connected"] for n in data(cp, "nodes")] == [True])
        done = cp.cpctl("apply", "-f", spec, "--wait")
        assert done.stdout.endswith("dev: 1/1 nodes at revision 1\n")
        node.wait_ready()
        assert node.get("/shop/dev/x")[0] == 200
        line = cp.cpctl("nodes").stdout.splitlines()[1].split()
        assert line[:5] == ["edge-1", "dev", "current", "1", "yes"]
        assert data(cp, "nodes") == data(cp, "get", "nodes")
        assert yaml.safe_load(cp.cpctl("describe", "node", "edge-1").stdout)["environment"] == "dev"
        status = cp.cpctl("rollout", "status", "dev", "--wait").stdout
        assert status.startswith("dev: 1/1 nodes at revision 1\n") and "edge-1" in status
        rollouts = data(cp, "rollout", "status")
        assert [(r["environment"], r["state"]) for r in rollouts] == [("dev", "live")]
        answer = data(cp, "stage", "set", "shop/dev", "other=1", "--wait")
        assert answer["rollouts"][0]["live"]["revision"] == 2
        assert cp.cpctl("rollout", "status", "nowhere", check=False).returncode == 1
