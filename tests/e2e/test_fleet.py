"""The real control plane with real nodes, and beside them nodes in Python that follow the protocol, or do not."""
import grpc
import pytest

import wire
from harness import PATIENCE, ControlPlane, wait_for
from wire import push

pytestmark = pytest.mark.threads


def mock_spec(text, stage="prod", environment="prod"):
    return f"""apiVersion: sluice/v1
kind: Api
metadata: {{name: shop}}
spec:
  routes:
    - path: /ping
      method: GET
      integration: {{type: mock, requestTemplates: {{application/json: '{{"statusCode": 200}}'}}, responses: {{default: {{statusCode: "200", responseTemplates: {{application/json: '{text}'}}}}}}}}
---
apiVersion: sluice/v1
kind: Stage
metadata: {{name: {stage}}}
spec: {{api: shop, environment: {environment}}}
"""


def test_a_stock_client_subscribes_fetches_and_acknowledges(cp):
    first = cp.apply(mock_spec("one"))
    with wire.FakeNode(cp, "prod", "snake") as node:
        node.hello()
        welcome = node.receive("welcome")
        assert welcome.head.revision == first["revision"]
        offer = node.receive("offer")
        node.ack(offer, push.Ack.RECEIVED)
        node.take(offer)
        texts = b"".join(node.leaves.values())
        assert b"one" in texts and b"/ping" in texts
        for phase in (push.Ack.VERIFIED, push.Ack.BUILT):
            node.ack(offer, phase)
        if offer.hold:
            node.receive("activate")
        node.ack(offer, push.Ack.ACTIVE)
        node.ack(offer, push.Ack.DURABLE)
        second = cp.apply(mock_spec("two"), wait=False)
        offer = node.receive("offer")
        assert offer.hold and offer.HasField("base_version")
        assert node.take(offer) <= 1
        for phase in (push.Ack.RECEIVED, push.Ack.VERIFIED, push.Ack.BUILT):
            node.ack(offer, phase)
        activate = node.receive("activate")
        assert activate.nonce == offer.nonce
        node.ack(offer, push.Ack.ACTIVE)
        cp.wait_live("prod", second["revision"])
        version = wire.header(offer).version
    with wire.FakeNode(cp, "prod", "snake-2") as node:
        node.hello(active=version)
        assert node.receive("welcome").head.root == version.root
        with pytest.raises(Exception):
            node.inbox.get(timeout=1.5)


@pytest.mark.parametrize("code,kind,key", [
    ("HASH_MISMATCH", "route", "shop/prod/GET /ping"), ("INVALID_RESOURCE", "integration", "shop/prod/x")])
def test_one_refusal_keeps_it_off_every_node(cp, code, kind, key):
    with cp.node("prod") as real, wire.FakeNode(cp, "prod", "sick") as sick:
        cp.apply(mock_spec("one"), wait=False)
        sick.hello()
        sick.receive("welcome")
        offer = sick.receive("offer")
        sick.take(offer)
        for phase in (push.Ack.RECEIVED, push.Ack.VERIFIED, push.Ack.BUILT):
            sick.ack(offer, phase)
        if offer.hold:
            sick.receive("activate")
        sick.ack(offer, push.Ack.ACTIVE)
        real.wait_ready()
        wait_for("revision one", lambda: real.get("/shop/prod/ping")[2] == b"one")
        bad = cp.apply(mock_spec("two"), wait=False)
        offer = sick.receive("offer")
        sick.nack(offer, push.ConfigError.Code.Value(code), kind, key, "the seeds of doubt")
        answer = cp.rollout("prod", bad["revision"], int(PATIENCE * 1000))
        assert answer["state"] == "failed", answer
        done = cp.cpctl("rollout", "status", "prod", check=False)
        for word in ("sick", key, "the seeds of doubt"):
            assert word in done.stdout + done.stderr, done.stdout + done.stderr
        assert real.get("/shop/prod/ping")[2] == b"one"
        waited = cp.cpctl("apply", "-f", "-", "--wait", stdin=mock_spec("two"), check=False)
        assert real.get("/shop/prod/ping")[2] == b"one", waited.stdout
        # The next good change goes past it: a refused root blocks nothing.
        good = cp.apply(mock_spec("three"), wait=False)
        while True:
            message = sick.inbox.get(timeout=PATIENCE)
            if message.WhichOneof("body") == "offer":
                break
        offer = message.offer
        for phase in (push.Ack.RECEIVED, push.Ack.VERIFIED, push.Ack.BUILT):
            sick.ack(offer, phase)
        sick.receive("activate")
        sick.ack(offer, push.Ack.ACTIVE)
        cp.wait_live("prod", good["revision"])
        assert real.get("/shop/prod/ping")[2] == b"three"


def test_identity_is_the_certificate(cp):
    with wire.FakeNode(cp, "prod", "honest") as node:
        node.hello(node_id="somebody-else")
        with pytest.raises(grpc.RpcError) as e:
            node.receive("welcome")
        assert e.value.code() == grpc.StatusCode.PERMISSION_DENIED
    with wire.FakeNode(cp, "prod", "honest-2") as node:
        node.hello(environment="dev")
        with pytest.raises(grpc.RpcError) as e:
            node.receive("welcome")
        assert e.value.code() == grpc.StatusCode.PERMISSION_DENIED
    with wire.FakeNode(cp, "prod", "old") as node:
        node.hello(schema_min=98, schema_max=99)
        with pytest.raises(grpc.RpcError) as e:
            node.receive("welcome")
        assert e.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_no_certificate_no_config(cp):
    node = wire.FakeNode(cp, "prod", "n")
    with grpc.secure_channel(node.target(), grpc.ssl_channel_credentials(node.roots())) as channel:
        sync = channel.stream_stream("/sluice.push.v1.ConfigService/Sync", push.DpMessage.SerializeToString, push.CpMessage.FromString)
        with pytest.raises(grpc.RpcError) as e:
            next(iter(sync(iter([push.DpMessage(hello=push.Hello(node_id="n"))]), timeout=PATIENCE)))
        assert e.value.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


def test_join_tokens_are_used_once_and_only_by_one_key(cp):
    node = wire.FakeNode(cp, "prod", "first")
    token = cp.join_token("prod")
    again = node.enroll(token)
    assert node.enroll(token).chain_der[0] and again.environment == "prod"  # a lost answer can be asked for again
    other = wire.FakeNode(cp, "prod", "second")
    with pytest.raises(grpc.RpcError) as e:
        other.enroll(token)
    assert e.value.code() in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
    with pytest.raises(grpc.RpcError):
        other.enroll("nonsense")


def test_renewal_keeps_the_identity(cp):
    node = wire.FakeNode(cp, "prod", "renews")
    with node.channel() as channel:
        renew = channel.unary_unary("/sluice.push.v1.IdentityService/Renew", push.RenewRequest.SerializeToString, push.EnrollResponse.FromString)
        node.key = wire.ec.generate_private_key(wire.ec.SECP256R1())
        fresh = renew(push.RenewRequest(csr_der=node.csr()), timeout=PATIENCE)
    assert fresh.node_id == "renews" and fresh.chain_der[0] != node.enrolled.chain_der[0]
    node.enrolled = fresh
    with node:
        node.hello()
        node.receive("welcome")


def test_a_silent_node_holds_nobody_up_forever(tmp_path):
    """It never says BUILT: the others go live when the deadline of the rollout has passed."""
    with ControlPlane(tmp_path, args=["--apply-deadline-ms", "1000"]) as cp, cp.node("prod") as real:
        cp.apply(mock_spec("one"))
        real.wait_ready()
        version = cp.rollout("prod")["live"]
        with wire.FakeNode(cp, "prod", "mute") as mute:
            mute.hello(active=push.Version(epoch=version["epoch"], revision=version["revision"], root=bytes.fromhex(version["root"])))
            mute.receive("welcome")
            answer = cp.apply(mock_spec("two"), wait=False)
            mute.receive("offer")
            cp.wait_live("prod", answer["revision"])
            assert real.get("/shop/prod/ping")[2] == b"two"


def test_health_and_reflection(cp):
    """As raw bytes, so that no generated code is needed: Check("") is SERVING; ListServices names ours; a symbol gives push.proto."""
    node = wire.FakeNode(cp, "prod", "curious")
    with node.channel() as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check(b"", timeout=PATIENCE) == b"\x08\x01"
        assert check(b"\x0a\x1csluice.push.v1.ConfigService", timeout=PATIENCE) == b"\x08\x01"
        for version in ("v1", "v1alpha"):
            ask = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
            symbol = b"sluice.push.v1.ConfigService"
            listed, found = ask(iter([b"\x3a\x01*", b"\x22" + bytes([len(symbol)]) + symbol]), timeout=PATIENCE)
            for service in ("ConfigService", "EnrollService", "IdentityService"):
                assert f"sluice.push.v1.{service}".encode() in listed
            assert b"push.proto" in found and b"FetchChunksRequest" in found
