"""Who may do what: tokens, roles, wrong tokens, what is kept of them."""
import json

import pytest
from admin_lib import files, mock, schemas_ok
from harness import wait_for

RANK = {"none": 0, "viewer": 1, "editor": 2, "admin": 3}


def operations(cp):
    document = cp.api("GET", "/v1/openapi.json")[1]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            concrete = path
            for part in [p for p in path.split("/") if p.startswith("{")]:
                concrete = concrete.replace(part, "1")
            yield method.upper(), concrete, operation["x-sluice-role"], operation


def call(cp, method, path, token):
    body = {} if method in ("POST", "PATCH") else None
    return cp.api(method, path, body, check=False, token=token)[0]


def test_every_operation_asks_for_its_role(cp):
    tokens = {role: cp.make_token(role)["token"] for role in ("viewer", "editor")}
    seen = set()
    for method, path, role, _ in operations(cp):
        seen.add(path)
        if role == "none":
            assert call(cp, method, path, "slc_no_such") in (200, 503), (method, path)
            continue
        for have, token in tokens.items():
            status = call(cp, method, path, token)
            if RANK[have] < RANK[role]:
                assert status == 403, (method, path, have, status)
            else:
                assert status not in (401, 403, 405, 500), (method, path, have, status)
    assert {"/v1/apply", "/v1/nodes", "/v1/tokens", "/v1/audit", "/healthz", "/metrics"} <= seen


def test_without_a_token(cp):
    import http.client
    for method, path, role, _ in operations(cp):
        connection = http.client.HTTPSConnection("127.0.0.1", cp.ports[0], context=cp.tls)
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (401 if role != "none" else 200), (method, path)
        if role != "none":
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.headers["Content-Type"] == "application/problem+json"
        connection.close()


def test_openapi_is_whole(cp):
    document = cp.api("GET", "/v1/openapi.json")[1]
    assert document["openapi"].startswith("3.1")
    schemas_ok(document)
    ids = [o["operationId"] for _, _, _, o in operations(cp)]
    assert len(ids) == len(set(ids))


def test_wrong_tokens_are_put_off_and_right_ones_are_not(cp):
    good = cp.make_token("viewer")["token"]
    statuses = [call(cp, "GET", "/v1/documents", good[:-1] + ("0" if good[-1] != "0" else "1")) for _ in range(15)]
    assert statuses[:5] == [401] * 5 and statuses[-1] == 429, statuses
    assert call(cp, "GET", "/v1/documents", good) == 200
    assert 'sluice_admin_auth_throttled_total' in cp.api("GET", "/metrics")[1]


@pytest.mark.parametrize("token", ["", "x", "slc_", "slc__", "slc_a_b", "slc_" + "a" * 300 + "_b"])
def test_malformed_tokens(cp, token):
    assert call(cp, "GET", "/v1/documents", token or " ") == 401


def test_tokens_end(cp):
    short = cp.make_token("viewer", ttlSeconds=1)
    assert short["expiresAt"]
    wait_for("the token to expire", lambda: call(cp, "GET", "/v1/documents", short["token"]) == 401)
    gone = cp.make_token("viewer", name="bob")
    assert call(cp, "GET", "/v1/documents", gone["token"]) == 200
    assert cp.api("DELETE", f"/v1/tokens/{gone['id']}")[0] == 204
    assert call(cp, "GET", "/v1/documents", gone["token"]) == 401
    assert cp.api("DELETE", f"/v1/tokens/{gone['id']}", check=False)[0] == 404
    listed = {t["id"]: t for t in cp.api("GET", "/v1/tokens")[1]}
    assert listed[gone["id"]]["revokedAt"] and listed[gone["id"]]["name"] == "bob"
    cp.process.stop()
    cp.start()
    assert call(cp, "GET", "/v1/documents", gone["token"]) == 401
    assert call(cp, "GET", "/v1/documents", cp.token) == 200


@pytest.mark.parametrize("body", [
    {}, {"kind": "api"}, {"kind": "api", "role": "root"}, {"kind": "join"}, {"kind": "join", "environment": "a b"},
    {"kind": "join", "environment": ""}, {"kind": "join", "environment": "dev", "role": "viewer"},
    {"kind": "api", "role": "viewer", "environment": "dev"}, {"kind": "api", "role": "viewer", "uses": 2},
    {"kind": "join", "environment": "dev", "uses": 1000000}, {"kind": "join", "environment": "dev", "uses": -1},
    {"kind": "join", "environment": "dev", "ttlSeconds": 10**9}, {"kind": "api", "role": "viewer", "name": "a\nb"},
    {"kind": "api", "role": "viewer", "name": "x" * 101}, {"kind": "other"}, {"kind": 1}, {"kind": "api", "role": "viewer", "x": 1}])
def test_bad_token_requests(cp, body):
    status, problem = cp.api("POST", "/v1/tokens", body, check=False)
    assert status == 400 and problem["detail"], (status, problem)


def test_secrets_stay_secret(cp):
    api = cp.make_token("editor", name="ci")
    join = cp.api("POST", "/v1/tokens", {"kind": "join", "environment": "dev", "uses": 3})[1]
    assert len(join["token"].split(".")) == 3 and len(join["token"].split(".")[2]) == 64
    cp.api("POST", "/v1/apply", files(mock("a")), token=api["token"])
    answers = json.dumps([cp.api("GET", p)[1] for p in ("/v1/tokens", "/v1/audit", "/v1/revisions")])
    kept = b"".join(p.read_bytes() for p in cp.state.iterdir() if p.name.startswith("sluice.db"))
    for secret in (api["token"].split("_")[2], join["token"].split(".")[1], cp.token.split("_")[2]):
        assert secret not in answers
        assert secret not in cp.process.text()
        assert secret.encode() not in kept


def test_audit_says_who_did_what(cp):
    ann = cp.make_token("editor", name="ann")
    cp.api("POST", "/v1/apply", files(mock("a")), token=ann["token"])
    cp.api("POST", "/v1/apply", files("kind: [nonsense"), token=ann["token"], check=False)
    rows = cp.api("GET", "/v1/audit")[1]
    assert [(r["action"], r["status"]) for r in rows[:3]] == [("apply", 422), ("apply", 200), ("createToken", 201)]
    assert rows[1]["who"].startswith("ann (") and rows[1]["peer"].startswith("127.0.0.1:") and rows[1]["requestId"]
    assert [r["id"] for r in cp.api("GET", f"/v1/audit?before={rows[0]['id']}&limit=1")[1]] == [rows[1]["id"]]
    assert cp.api("GET", "/v1/revisions")[1][0]["who"] == rows[1]["who"]
