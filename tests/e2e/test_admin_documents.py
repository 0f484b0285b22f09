"""Applying, looking, going back."""
import json
import threading

import pytest
from admin_lib import API, SHOP, STAGE, files, mock
from harness import PATIENCE, wait_for


def names(cp, kind=None):
    return [(d["kind"], d["name"], d["revision"]) for d in cp.api("GET", "/v1/documents" + (f"?kind={kind}" if kind else ""))[1]]


def test_apply_is_atomic_and_idempotent(cp):
    answer = cp.api("POST", "/v1/apply", files(SHOP, message="the first"))[1]
    assert answer["revision"] == 1 and answer["changed"] is True
    assert [(c["kind"], c["name"], c["op"]) for c in answer["changes"]] == [("Api", "shop", "created"), ("Stage", "shop/dev", "created")]
    assert [(e["name"], e["revision"], len(e["root"])) for e in answer["environments"]] == [("dev", 1, 64)]
    again = cp.api("POST", "/v1/apply", files(SHOP))[1]
    assert again["changed"] is False and again["revision"] == 1 and again["environments"] == []
    assert {c["op"] for c in again["changes"]} == {"unchanged"}
    status, problem = cp.api("POST", "/v1/apply", files(mock("other"), SHOP.replace("GET", "FETCH IT")), check=False)
    assert status == 422 and problem["diagnostics"], problem
    assert problem["diagnostics"][0]["file"] == "f1.yaml" and problem["diagnostics"][0]["line"] == 6
    assert problem["diagnostics"][0]["code"].startswith("SL")
    assert names(cp) == [("Api", "shop", 1), ("Stage", "shop/dev", 1)]


def test_dry_run_and_diff_change_nothing(cp):
    cp.api("POST", "/v1/apply", files(SHOP))
    changed = SHOP.replace("/users/{id}", "/people/{id}")
    answer = cp.api("POST", "/v1/apply", files(changed, dryRun=True))[1]
    assert answer["changed"] is True and answer["dryRun"] is True and answer["revision"] == 1
    assert [e["name"] for e in answer["environments"]] == ["dev"]
    diff = cp.api("POST", "/v1/diff", files(changed))[1]["changes"]
    api = next(c for c in diff if c["kind"] == "Api")
    assert api["op"] == "updated" and "-" in api["diff"] and "/people/{id}" in api["diff"]
    assert next(c for c in diff if c["kind"] == "Stage")["op"] == "unchanged"
    assert len(cp.api("GET", "/v1/revisions")[1]) == 1
    assert cp.api("POST", "/v1/diff", files("kind: ["), check=False)[0] == 422


def test_documents(cp):
    cp.api("POST", "/v1/apply", files(SHOP, mock("zoo")))
    assert names(cp, "Api") == [("Api", "shop", 1), ("Api", "zoo", 1)]
    assert names(cp, "Nothing") == []
    stage = cp.api("GET", "/v1/documents/Stage/shop/dev")[1]
    assert stage["kind"] == "Stage" and stage["name"] == "shop/dev" and stage["file"] == "f0.yaml" and stage["line"] == 7
    assert "127.0.0.1:9" in stage["text"] and "backend" in json.dumps(stage["spec"])
    cp.api("POST", "/v1/apply", files(mock("zoo", "lions")))
    assert ("Api", "zoo", 2) in names(cp) and ("Api", "shop", 1) in names(cp)


def test_delete(cp):
    cp.api("POST", "/v1/apply", files(SHOP))
    status, problem = cp.api("DELETE", "/v1/documents/Api/shop", check=False)
    assert status == 422, problem                          # its stage still needs it
    gone = cp.api("DELETE", "/v1/documents/Stage/shop/dev", {"message": "not needed"})[1]
    assert gone["revision"] == 2 and [e["name"] for e in gone["environments"]] == ["dev"]   # now serves nothing
    assert cp.api("DELETE", "/v1/documents/Api/shop")[1]["environments"] == []
    assert cp.api("DELETE", "/v1/documents/Api/shop", check=False)[0] == 404
    assert names(cp) == []
    cp.process.stop()
    cp.start()                                             # an environment that has nothing any more loads too
    assert names(cp) == []
    back = cp.api("POST", "/v1/revisions/1/restore", {})[1]
    assert back["revision"] == 4 and len(back["environments"]) == 1
    assert names(cp) == [("Api", "shop", 4), ("Stage", "shop/dev", 4)]


def test_history(cp):
    for i in range(5):
        cp.api("POST", "/v1/apply", files(mock("a", f"v{i}"), message=f"change {i}"))
    rows = cp.api("GET", "/v1/revisions")[1]
    assert [r["revision"] for r in rows] == [5, 4, 3, 2, 1]
    assert rows[0]["message"] == "change 4" and rows[0]["action"] == "apply" and rows[0]["epoch"] == 1 and rows[0]["at"].endswith("Z")
    assert [(c["kind"], c["name"], c["op"]) for c in rows[0]["changes"]] == [("Api", "a", "updated")]
    assert [r["revision"] for r in cp.api("GET", "/v1/revisions?limit=2&before=4")[1]] == [3, 2]
    one = cp.api("GET", "/v1/revisions/2")[1]
    assert one["revision"] == 2 and "/v1" in one["documents"][0]["text"] and one["documents"][0]["op"] == "updated"
    diff = cp.api("GET", "/v1/revisions/1/diff/5")[1]["changes"]
    assert len(diff) == 1 and "-    - path: /v0" in diff[0]["diff"] and "+    - path: /v4" in diff[0]["diff"]
    assert cp.api("GET", "/v1/revisions/0/diff/1")[1]["changes"][0]["op"] == "created"
    assert cp.api("GET", "/v1/revisions/1/diff/0")[1]["changes"][0]["op"] == "deleted"
    assert cp.api("GET", "/v1/revisions/3/diff/3")[1]["changes"] == []


def test_restore_is_a_new_revision(cp):
    cp.api("POST", "/v1/apply", files(mock("a", "one")))
    cp.api("POST", "/v1/apply", files(mock("a", "two"), mock("b")))
    cp.api("POST", "/v1/apply", files(mock("c")))
    tried = cp.api("POST", "/v1/revisions/1/restore", {"dryRun": True})[1]
    assert tried["changed"] is True and tried["revision"] == 3
    answer = cp.api("POST", "/v1/revisions/1/restore", {"message": "back"})[1]
    assert answer["revision"] == 4
    assert {(c["name"], c["op"]) for c in answer["changes"]} == {("a", "updated"), ("b", "deleted"), ("c", "deleted")}
    assert names(cp) == [("Api", "a", 4)]
    newest = cp.api("GET", "/v1/revisions?limit=1")[1][0]
    assert newest["restores"] == 1 and newest["action"] == "restore" and newest["message"] == "back"
    assert cp.api("POST", "/v1/revisions/4/restore")[1]["changed"] is False
    assert cp.api("POST", "/v1/revisions/9/restore", {}, check=False)[0] == 404


def test_stage_variables_move_one_environment(cp):
    cp.api("POST", "/v1/apply", files(API, STAGE % ("dev", "dev"), STAGE % ("prod", "prod")))
    answer = cp.api("PATCH", "/v1/stages/shop/prod/variables", {"set": {"backend": "10.0.0.9:80", "colour": "blue"}})[1]
    assert [e["name"] for e in answer["environments"]] == ["prod"]
    spec = cp.api("GET", "/v1/documents/Stage/shop/prod")[1]["spec"]
    assert spec["spec"]["variables"] == {"backend": "10.0.0.9:80", "colour": "blue"}
    answer = cp.api("PATCH", "/v1/stages/shop/prod/variables", {"unset": ["colour"]})[1]
    assert answer["changed"] is True
    status, problem = cp.api("PATCH", "/v1/stages/shop/prod/variables", {"unset": ["backend"]}, check=False)
    assert status == 422 and "backend" in json.dumps(problem)   # the Api uses it
    assert cp.api("PATCH", "/v1/stages/shop/none/variables", {"set": {"a": "b"}}, check=False)[0] == 404
    for body in ({}, {"set": {}}, {"set": {"a": 1}}, {"set": []}, {"unset": "a"}, {"unset": [1]}, {"put": {}}):
        assert cp.api("PATCH", "/v1/stages/shop/prod/variables", body, check=False)[0] == 400, body


def test_conflict(cp):
    cp.api("POST", "/v1/apply", files(mock("a")))
    cp.api("POST", "/v1/apply", files(mock("b")))
    status, problem = cp.api("POST", "/v1/apply", files(mock("c"), baseRevision=1), check=False)
    assert status == 409 and "revision 2" in problem["detail"]
    assert cp.api("POST", "/v1/apply", files(mock("c"), baseRevision=2))[1]["revision"] == 3


def test_many_at_once(cp):
    """Each of them is applied, one after the other, and no number is given twice."""
    answers = []
    threads = [threading.Thread(target=lambda i=i: answers.append(cp.api("POST", "/v1/apply", files(mock(f"api{i}")))[1]))
               for i in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(a["revision"] for a in answers) == list(range(1, 13))
    assert len(names(cp)) == 12


def test_rollouts_and_long_poll(cp):
    answer = cp.api("POST", "/v1/apply", files(SHOP))[1]
    live = cp.api("GET", f"/v1/rollouts/dev?waitRevision={answer['revision']}&timeoutMillis={PATIENCE * 1000:.0f}")[1]
    assert live["state"] == "live" and live["live"]["revision"] == 1 and live["live"]["root"] == answer["environments"][0]["root"]
    assert [r["environment"] for r in cp.api("GET", "/v1/rollouts")[1]] == ["dev"]
    # A revision that never comes: answered when the time is over, with what there is.
    assert cp.api("GET", "/v1/rollouts/dev?waitRevision=99&timeoutMillis=50")[1]["live"]["revision"] == 1
    assert cp.api("GET", "/v1/rollouts/none?waitRevision=1", check=False)[0] == 404


def test_a_long_poll_is_answered_when_the_server_stops(cp):
    cp.apply(SHOP)
    done = []
    waiter = threading.Thread(target=lambda: done.append(cp.api("GET", "/v1/rollouts/dev?waitRevision=99&timeoutMillis=300000")[1]))
    waiter.start()
    wait_for("the poll to be parked", lambda: "sluice_admin_long_polls 1\n" in cp.api("GET", "/metrics")[1])
    cp.process.stop()
    waiter.join(PATIENCE)
    assert done and done[0]["live"]["revision"] == 1


@pytest.mark.parametrize("count", [2000])
def test_a_large_api(cp, count):
    routes = "".join(f'    - {{path: "/r{i}/{{id}}", method: GET, integration: {{type: http_proxy, uri: "http://127.0.0.1:9/{i}"}}}}\n'
                     for i in range(count))
    text = f"apiVersion: sluice/v1\nkind: Api\nmetadata: {{name: shop}}\nspec:\n  routes:\n{routes}---\n" + STAGE % ("dev", "dev")
    assert cp.api("POST", "/v1/apply", files(text))[1]["revision"] == 1
    changed = cp.api("POST", "/v1/apply", files(text.replace("9/77\"", "9/new\"")))[1]
    assert changed["revision"] == 2 and "1 route changed" in json.dumps(changed["changes"])


def test_a_bad_stage_variable_is_not_blamed_on_the_file(cp):
    cp.api("POST", "/v1/apply", files(SHOP))
    status, answer = cp.api("PATCH", "/v1/stages/shop/dev/variables", {"set": {"backend": "no spaces allowed"}}, check=False)
    assert status == 422 and {d["file"] for d in answer["diagnostics"]} == {"stage/shop/dev"}, answer
