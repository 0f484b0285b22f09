"""Nodes as the control plane keeps them: joining, what is told of them, throwing one out, failed heads over a restart."""
import grpc
import pytest
import wire
from admin_lib import SHOP, files
from harness import PATIENCE, wait_for
from wire import push

pytestmark = pytest.mark.threads


def listed(cp):
    return {n["id"]: n for n in cp.api("GET", "/v1/nodes")[1]}


def refused(call):
    with pytest.raises(grpc.RpcError) as e:
        call()
    return e.value.code()


def serve(node, offer, last=push.Ack.ACTIVE):
    node.take(offer)
    for phase in (push.Ack.RECEIVED, push.Ack.VERIFIED, push.Ack.BUILT):
        node.ack(offer, phase)
    if last == push.Ack.ACTIVE:
        if offer.hold:
            node.receive("activate")
        node.ack(offer, push.Ack.ACTIVE)


def test_a_join_token_is_used_up(cp):
    node = wire.FakeNode(cp, "dev", "a")                      # burns its token
    token = cp.join_token("dev")
    assert node.enroll(token, "a").environment == "dev"
    assert node.enroll(token, "renamed").node_id == "a"       # a lost answer: the same key, the same name, no second use
    other = wire.FakeNode(cp, "dev", "b")
    assert refused(lambda: other.enroll(token)) in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
    wrong = token.split(".")
    wrong[1] = wrong[1][::-1]
    assert refused(lambda: other.enroll(".".join(wrong))) in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
    uses = [t["usesLeft"] for t in cp.api("GET", "/v1/tokens")[1] if t["kind"] == "join"]
    assert uses == [0, 0, 0]
    assert set(listed(cp)) == {"a", "b"} and not any(n["connected"] for n in listed(cp).values())
    foreign = cp.join_token("prod")                           # a name belongs to one environment
    assert refused(lambda: other.enroll(foreign, "a")) is not None
    cp.process.kill()
    cp.start()
    assert refused(lambda: other.enroll(token)) is not None
    assert set(listed(cp)) == {"a", "b"}


def test_what_is_told_of_a_node(cp):
    cp.apply(SHOP)
    with wire.FakeNode(cp, "dev", "a") as node:
        node.hello()
        node.receive("welcome")
        serve(node, node.receive("offer"))
        wait_for("the node to be current", lambda: listed(cp)["a"]["state"] == "current")
        told = listed(cp)["a"]
        assert told["connected"] and told["active"]["revision"] == 1 and told["certificateNotAfter"] and told["firstSeen"]
        rollout = cp.rollout("dev")
        assert rollout["connected"] == 1 and rollout["active"] == 1 and rollout["nodes"][0]["id"] == "a"
        assert 'sluice_environment_nodes{environment="dev",state="connected"} 1' in cp.api("GET", "/metrics")[1]
    wait_for("it to be offline", lambda: not listed(cp)["a"]["connected"])
    assert listed(cp)["a"]["lastSeen"]


def test_a_node_is_thrown_out(cp):
    cp.apply(SHOP)
    with wire.FakeNode(cp, "dev", "a") as node:
        node.hello()
        node.receive("welcome")
        assert cp.api("DELETE", "/v1/nodes/prod/a", check=False)[0] == 404
        assert cp.api("DELETE", "/v1/nodes/dev/a")[0] == 204
        with pytest.raises((grpc.RpcError, AssertionError)):
            while True:
                node.receive("activate")
    assert "a" not in listed(cp) and cp.rollout("dev")["nodes"] == []
    for _ in range(2):                                        # also after a restart
        with node:
            node.hello()
            with pytest.raises((grpc.RpcError, AssertionError)):
                node.receive("offer")
        assert cp.api("DELETE", "/v1/nodes/dev/a", check=False)[0] == 404
        cp.process.stop()
        cp.start()
    node.enrolled = node.enroll(cp.join_token("dev"))         # a new token brings it back
    welcome(node)


def all_refused(node):
    """Sync, FetchChunks and Renew."""
    with node:
        assert refused(lambda: node.receive("welcome")) == grpc.StatusCode.PERMISSION_DENIED
        some = push.Version(epoch=1, revision=1, root=bytes(32))
        assert refused(lambda: node.fetch(some, [bytes(32)])) == grpc.StatusCode.PERMISSION_DENIED
    assert refused(node.renew) == grpc.StatusCode.PERMISSION_DENIED


def welcome(node):
    with node:
        node.hello()
        node.receive("welcome")


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_name_that_comes_back_does_not_bring_its_old_certificates(cp, environment):
    cp.apply(SHOP)
    old = wire.FakeNode(cp, "dev", "a")
    welcome(old)
    renewed = old.renew()
    first = old.enrolled
    for old.enrolled in (renewed, first):                     # a renewal ends nothing
        welcome(old)
    assert cp.api("DELETE", "/v1/nodes/dev/a")[0] == 204
    new = wire.FakeNode(cp, environment, "a")
    assert new.enrolled.environment == environment and new.enrolled.node_id == "a"
    for _ in range(2):                                        # also after a restart
        for old.enrolled in (first, renewed):
            all_refused(old)
        joined = new.enrolled
        welcome(new)
        new.enrolled = new.renew()
        for new.enrolled in (joined, new.enrolled):
            welcome(new)
        cp.process.stop()
        cp.start()
    assert cp.api("DELETE", f"/v1/nodes/{environment}/a")[0] == 204
    all_refused(new)
    newest = wire.FakeNode(cp, "dev", "a")
    welcome(newest)
    all_refused(new)
    all_refused(old)


def test_a_failed_head_stays_failed_over_a_restart(cp):
    with wire.FakeNode(cp, "dev", "a") as node:
        node.hello()
        node.receive("welcome")
        first = cp.api("POST", "/v1/apply", files(SHOP))[1]
        serve(node, node.receive("offer"))
        cp.wait_live("dev", first["revision"])
        bad = cp.api("POST", "/v1/apply", files(SHOP.replace("/users/{id}", "/people/{id}")))[1]
        node.nack(node.receive("offer"), push.ConfigError.INVALID_RESOURCE, "route", "GET /people/{id}", "I do not like it")
        answer = cp.rollout("dev", bad["revision"], int(PATIENCE * 1000))
        assert answer["state"] == "failed" and answer["live"]["revision"] == 1, answer
        assert answer["failure"]["node"] == "a" and answer["failure"]["error"]["message"] == "I do not like it"
    cp.process.stop()
    cp.start()
    again = cp.rollout("dev")
    assert again["state"] == "failed" and again["live"] == answer["live"] and again["head"] == answer["head"], again
    assert again["failure"] == answer["failure"]
    # Going back makes a revision that becomes live; what was live needs no leaf to be sent.
    back = cp.api("POST", "/v1/revisions/1/restore", {})[1]
    assert cp.wait_live("dev", back["revision"])["live"]["root"] == answer["live"]["root"]
