"""A real node against a control plane that is wrong on purpose: nothing that it cannot prove ever goes live."""
import json

import grpc
import pytest

import wire
from harness import PATIENCE, Node, request, wait_for
from wire import push

pytestmark = pytest.mark.threads


class Driven:
    """A node that runs revision 1 (a mock that answers `one`) and whatever the test offers next."""

    def __init__(self, tmp_path):
        self.cp = wire.FakeControlPlane()
        self.node = Node(self.cp, "prod", tmp_path / "node", "node-a")

    def __enter__(self):
        self.cp.__enter__()
        self.node.start(ready=False)
        self.cp.welcome()
        nonce, _ = self.cp.offer(1, wire.leaves_of(wire.mock_stage('{"n": "one"}')))
        self.go_live(nonce)
        self.node.wait_ready()
        assert self.answer() == "one"
        return self

    def __exit__(self, *_):
        self.node.process.stop()
        self.cp.__exit__()

    def go_live(self, nonce):
        self.built()
        self.cp.send(activate=push.Activate(nonce=nonce))
        self.cp.ack("ACTIVE")
        self.cp.ack("DURABLE")

    def built(self):
        for phase in ("RECEIVED", "VERIFIED", "BUILT"):
            self.cp.ack(phase)

    def answer(self):
        status, _, body = self.node.get("/prod/ping")
        assert status == 200, (status, body)
        return json.loads(body)["n"]

    def nack(self, code):
        """The next word of the node, phases of the offer aside, must be a refusal with this code."""
        while True:
            message = self.cp.inbox.get(timeout=PATIENCE)
            assert message is not None, "the stream ended"
            kind = message.WhichOneof("body")
            if kind == "nack":
                break
            assert kind in ("ack", "status") and not (kind == "ack" and message.ack.phase >= push.Ack.BUILT), message
        nack = message.nack
        assert nack.errors and push.ConfigError.Code.Name(nack.errors[0].code) == code, nack
        assert nack.still_active.revision == 1
        assert self.answer() == "one"
        return nack


@pytest.fixture
def driven(tmp_path):
    with Driven(tmp_path) as d:
        yield d


TWO = wire.leaves_of(wire.mock_stage('{"n": "two"}'))


def test_held_until_activate(driven):
    nonce, _ = driven.cp.offer(2, TWO)
    driven.built()
    assert driven.answer() == "one"
    driven.cp.send(activate=push.Activate(nonce=nonce))
    driven.cp.ack("ACTIVE")
    assert driven.answer() == "two"
    driven.cp.ack("DURABLE")


def test_withdrawn_offer_is_forgotten(driven):
    nonce, _ = driven.cp.offer(2, TWO)
    driven.built()
    driven.cp.send(withdraw=push.Withdraw(nonce=nonce, reason="another node refused"))
    driven.cp.send(activate=push.Activate(nonce=nonce))
    nonce, _ = driven.cp.offer(3, wire.leaves_of(wire.mock_stage('{"n": "three"}')))
    driven.go_live(nonce)
    assert driven.answer() == "three"


def test_only_missing_leaves_are_fetched(driven):
    before = sum(len(f.want) for f in driven.cp.fetches)
    nonce, _ = driven.cp.offer(2, TWO)
    driven.go_live(nonce)
    assert sum(len(f.want) for f in driven.cp.fetches) - before == 1


def test_inline_leaves_need_no_fetch(driven):
    before = len(driven.cp.fetches)
    nonce, _ = driven.cp.offer(2, TWO, inline=True)
    driven.go_live(nonce)
    assert len(driven.cp.fetches) == before and driven.answer() == "two"


def test_a_leaf_with_a_wrong_hash(driven):
    def lie(wanted, _context):
        for want in wanted.want:
            data = next(d for d in TWO.values() if wire.leaf_hash(d) == want)
            yield from wire.pieces(want, data[:-1] + bytes([data[-1] ^ 1]))
    driven.cp.on_fetch = lie
    driven.cp.offer(2, TWO)
    driven.nack("HASH_MISMATCH")


def test_a_cut_stream_is_retryable_and_live_nowhere(driven):
    def cut(_wanted, context):
        yield from ()
        context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
    driven.cp.on_fetch = cut
    driven.cp.offer(2, TWO)
    while True:
        message = driven.cp.inbox.get(timeout=PATIENCE)
        if message is not None and message.WhichOneof("body") == "nack":
            assert message.nack.errors[0].retryable
            break
    assert driven.answer() == "one"
    driven.cp.on_fetch = None
    nonce, _ = driven.cp.offer(2, TWO)
    driven.go_live(nonce)
    assert driven.answer() == "two"


def test_an_unknown_integration(driven):
    driven.cp.offer(2, wire.leaves_of(wire.mock_stage('{"n": "two"}', kind=99)))
    nack = driven.nack("INVALID_RESOURCE")
    assert nack.errors[0].resource_type == "integration" and nack.errors[0].resource_key == "shop/prod/ping"


def test_a_dangling_reference(driven):
    resources = [r for r in wire.mock_stage('{"n": "two"}') if r.type != "integration"]
    driven.cp.offer(2, wire.leaves_of(resources))
    driven.nack("DANGLING_REFERENCE")


def test_an_unknown_resource_type(driven):
    resources = wire.mock_stage('{"n": "two"}') + [wire.bundle.Resource(type="spell", key="x", body=b"", part="stage/shop/prod")]
    driven.cp.offer(2, wire.leaves_of(resources))
    driven.nack("INVALID_RESOURCE")


def test_bytes_that_are_no_leaf(driven):
    index = next(iter(TWO))
    driven.cp.offer(2, {**TWO}, version=push.Version(epoch=1, revision=2, root=wire.root_hash({**TWO, index: b"\xff\xff\xff"})))
    driven.nack("HASH_MISMATCH")


@pytest.mark.parametrize("change,code", [
    ({"cluster_id": "other"}, "INVALID_RESOURCE"),
    ({"environment": "dev"}, "INVALID_RESOURCE"),
    ({"schema": 99}, "SCHEMA_UNSUPPORTED"),
    ({"leaf_count": 7}, "SCHEMA_UNSUPPORTED"),
    ({"total_bytes": 1 << 50}, "LIMIT_EXCEEDED"),
    ({"routes": 1 << 30}, "LIMIT_EXCEEDED"),
    ({"required_capabilities": ["plugin/x@9"]}, "CAPABILITY_MISSING"),
], ids=lambda v: str(v)[:40])
def test_headers_that_do_not_fit(driven, change, code):
    capabilities = change.pop("required_capabilities", None) if isinstance(change, dict) else None
    if capabilities:
        original = wire.push.BundleHeader
        wire.push.BundleHeader = lambda **k: original(required_capabilities=capabilities, **k)
        try:
            driven.cp.offer(2, TWO)
        finally:
            wire.push.BundleHeader = original
    else:
        driven.cp.offer(2, TWO, **change)
    message = driven.cp.inbox.get(timeout=PATIENCE)
    while message is not None and message.WhichOneof("body") in ("status", "ack"):
        assert message.WhichOneof("body") == "status" or message.ack.phase < push.Ack.BUILT
        message = driven.cp.inbox.get(timeout=PATIENCE)
    assert message is not None and message.WhichOneof("body") == "nack", message
    assert message.nack.errors, message
    if code not in ("INVALID_RESOURCE",):
        assert push.ConfigError.Code.Name(message.nack.errors[0].code) == code
    assert driven.answer() == "one"


def test_a_lower_revision_is_refused(driven):
    driven.cp.offer(1, TWO)
    driven.nack("STALE_VERSION")


def test_an_empty_bundle_must_be_meant(driven):
    driven.cp.offer(2, {}, empty_is_intended=False)
    message = driven.cp.inbox.get(timeout=PATIENCE)
    while message is not None and message.WhichOneof("body") in ("status",):
        message = driven.cp.inbox.get(timeout=PATIENCE)
    while message.WhichOneof("body") == "ack":
        assert message.ack.phase < push.Ack.BUILT
        message = driven.cp.inbox.get(timeout=PATIENCE)
    assert message.WhichOneof("body") == "nack"
    assert driven.answer() == "one"


def test_garbage_on_the_stream_does_not_touch_traffic(driven):
    driven.cp.send(activate=push.Activate(nonce=b"nobody knows it!"))
    driven.cp.send(withdraw=push.Withdraw(nonce=b"nor this one ..."))
    driven.cp.send()
    nonce, _ = driven.cp.offer(2, TWO)
    driven.go_live(nonce)
    assert driven.answer() == "two"


def test_losing_the_control_plane_loses_nothing(driven):
    driven.cp.outbox.put(None)
    driven.cp.wait_end()
    assert driven.answer() == "one"
    hello = driven.cp.welcome()
    assert hello.active.revision == 1 and hello.active.root == wire.root_hash(wire.leaves_of(wire.mock_stage('{"n": "one"}')))
    assert hello.restart_count == 1 and len(hello.instance_id) == 16


def test_starts_from_disk_without_a_control_plane(driven):
    driven.cp.server.stop(0).wait()
    driven.node.process.stop()
    driven.node.start()
    assert driven.answer() == "one"
    wait_for("healthz", lambda: request(driven.node.admin_port, "GET", "/healthz")[0] == 200)
