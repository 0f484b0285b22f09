"""How streams to nodes end: by an orderly stop, by the certificate's end, because the node takes nothing."""
import concurrent.futures
import datetime
import time

import grpc
import pytest
from cryptography import x509

import wire
from harness import PATIENCE, ControlPlane, wait_for
from test_fleet import mock_spec
from wire import push

SYNC = "/sluice.push.v1.ConfigService/Sync"
FETCH = "/sluice.push.v1.ConfigService/FetchChunks"
SLOW = max(1, PATIENCE / 15)  # upper bounds are for order, not for speed: the machine may be busy


def not_after(node):
    end = x509.load_der_x509_certificate(node.enrolled.chain_der[0]).not_valid_after
    return end.replace(tzinfo=datetime.timezone.utc).timestamp()


def activate(node):
    """Plays the first offer through."""
    offer = node.receive("offer")
    for phase in (push.Ack.RECEIVED, push.Ack.VERIFIED, push.Ack.BUILT):
        node.ack(offer, phase)
    if offer.hold:
        node.receive("activate")
    node.ack(offer, push.Ack.ACTIVE)
    return offer


# ---- the orderly stop

def test_a_stop_sends_nodes_away_in_order(cp):
    with cp.node("prod") as real, wire.FakeNode(cp, "prod", "polite") as polite:
        cp.apply(mock_spec("one"), wait=False)
        polite.hello()
        polite.receive("welcome")
        activate(polite)
        real.wait_ready()
        cp.wait_live("prod", 1)
        began = time.monotonic()
        cp.process.stop()
        assert time.monotonic() - began < 4 * SLOW
        away = polite.receive("go_away")
        assert away.reason and away.spread_ms >= 2000 and away.reconnect_after_ms > 0
        with pytest.raises(grpc.RpcError) as e:
            polite.receive("nothing")
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE and "stops" in e.value.details()
        wait_for("the node to know why", lambda: "sent away: the control plane stops" in real.process.text())
        assert real.get("/shop/prod/ping")[2] == b"one"
        time.sleep(3)  # all of the spread: it has tried in vain and backs off
        assert real.process.running() and real.get("/shop/prod/ping")[2] == b"one"
        cp.start()
        real.wait_connected()
    with cp.node("prod", name="later") as later:
        cp.apply(mock_spec("two"))
        assert later.get("/shop/prod/ping")[2] == b"two"


def test_a_stop_decides_nothing_and_waits_for_no_deaf_node(cp):
    """One node has built what is pending, another has not: the stop must not make it live because the other one left."""
    with wire.FakeNode(cp, "prod", "fast") as fast, wire.FakeNode(cp, "prod", "slow") as slow:
        for node in (fast, slow):
            node.hello()
            node.receive("welcome")
        cp.apply(mock_spec("one"), wait=False)
        offer = fast.receive("offer")
        for phase in (push.Ack.RECEIVED, push.Ack.VERIFIED, push.Ack.BUILT):
            fast.ack(offer, phase)
        slow.receive("offer")
        deaf = wire.FakeNode(cp, "prod", "deaf")
        with wire.DeafStream(deaf, SYNC, push.DpMessage(seq=1, hello=deaf.hello_message())) as stream:
            wait_for("the deaf node", lambda: [n for n in cp.api("GET", "/v1/nodes")[1] if n["id"] == "deaf" and n["connected"]])
            began = time.monotonic()
            cp.process.stop()
            assert time.monotonic() - began < 5 * SLOW
            stream.wait_cut()
        fast.receive("go_away")
    cp.start()
    assert cp.rollout("prod")["state"] == "pending", cp.rollout("prod")


# ---- the certificate's end

def test_a_node_renews_by_itself_and_outlives_its_first_certificate(tmp_path):
    with ControlPlane(tmp_path, args=["--node-certificate-ttl-seconds", "10"]) as cp, cp.node("prod") as node:
        cp.apply(mock_spec("r0"))
        node.wait_ready()
        ends, revision, good = time.time() + 10 + 4, 0, 0
        renewals = lambda: node.process.text().count("certificate renewed")  # noqa: E731
        while time.time() < ends:
            assert node.get("/shop/prod/ping")[0] == 200
            good += 1
            time.sleep(0.05)
        assert good > 50 and 1 <= renewals() <= 4, renewals()
        # Each certificate is taken into use between two bundles, well before the control plane would have to cut the stream.
        wait_for("the last one to be in use", lambda: node.process.text().count("the certificate was renewed") == renewals())
        assert "the certificate has expired" not in cp.process.text()
        node.wait_connected()
        for revision in (1, 2):
            cp.apply(mock_spec(f"r{revision}"))
            wait_for("the change", lambda: node.get("/shop/prod/ping")[2] == f"r{revision}".encode())
        assert "not renewed" not in node.process.text()
        # It restarts with what it renewed, not with a token.
        node.process.stop()
        before = cp.process.text().count("node joins")
        node.start()
        node.wait_connected()
        assert cp.process.text().count("node joins") == before


def test_nothing_outlives_its_certificate(tmp_path):
    """Neither the stream, nor what else could still be called on the connection that the certificate opened."""
    with ControlPlane(tmp_path, args=["--node-certificate-ttl-seconds", "10"]) as cp, wire.FakeNode(cp, "prod", "stale") as node:
        assert not_after(node) - time.time() <= 10
        node.hello()
        node.receive("welcome")
        with pytest.raises(grpc.RpcError) as e:
            node.receive("nothing")
        assert -1 <= time.time() - not_after(node) < 2 * SLOW
        assert e.value.code() == grpc.StatusCode.UNAUTHENTICATED
        renew = node.connection.unary_unary("/sluice.push.v1.IdentityService/Renew", push.RenewRequest.SerializeToString,
                                            push.EnrollResponse.FromString)
        with pytest.raises(grpc.RpcError) as e:
            renew(push.RenewRequest(csr_der=node.csr()), timeout=10)
        assert e.value.code() == grpc.StatusCode.PERMISSION_DENIED and "expired" in e.value.details()
        with pytest.raises(grpc.RpcError) as e:
            node.fetch(push.Version(epoch=1, revision=1, root=bytes(32)), [bytes(32)])
        assert e.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_the_life_has_bounds(tmp_path):
    for value in ("0", "9", "2592001", "-1", "x"):
        cp = ControlPlane(tmp_path / value, args=["--node-certificate-ttl-seconds", value])
        with pytest.raises(AssertionError):
            cp.start()
        assert cp.process.wait() == 2 and "node-certificate-ttl-seconds" in cp.process.text()


# ---- nodes that take nothing

def test_a_node_that_takes_nothing_is_cut_and_blocks_nobody(tmp_path):
    with ControlPlane(tmp_path, args=["--node-stall-ms", "2000"]) as cp, cp.node("prod") as real:
        cp.apply(mock_spec("one"))
        real.wait_ready()
        fake = wire.FakeNode(cp, "prod", "deaf")
        with wire.DeafStream(fake, SYNC, push.DpMessage(seq=1, hello=fake.hello_message())) as deaf:
            wait_for("the deaf node", lambda: [n for n in cp.api("GET", "/v1/nodes")[1] if n["id"] == "deaf" and n["connected"]])
            assert real.get("/shop/prod/ping")[2] == b"one"
            # It goes on speaking: only what it does not take gives it away.
            deaf.say(push.DpMessage(seq=2, status=push.NodeStatus(uptime_s=1)))
            took = deaf.wait_cut()
            assert 2 <= took < 8 * SLOW and len(deaf.data) <= deaf.WINDOW
        assert "takes nothing of what it is sent" in cp.process.text()
        cp.apply(mock_spec("two"))
        assert real.get("/shop/prod/ping")[2] == b"two"
        # A node that is only idle is not slow.
        with wire.FakeNode(cp, "prod", "idle") as idle:
            idle.hello()
            idle.receive("welcome")
            activate(idle)
            time.sleep(5)
            cp.apply(mock_spec("three"), wait=False)
            idle.receive("offer")


def test_fetches_that_stand_still_give_their_places_back(tmp_path):
    """There are 32 places; all of them deaf, and still the next node gets its leaves."""
    with ControlPlane(tmp_path, args=["--node-stall-ms", "2000"]) as cp:
        cp.apply(mock_spec("one"))
        honest = wire.FakeNode(cp, "prod", "honest")
        with honest:
            honest.hello()
            honest.receive("welcome")
            offer = honest.receive("offer")
            version, want = wire.header(offer).version, [r.hash for r in offer.leaves if r.hash]
            ask = push.FetchChunksRequest(version=version, want=want, accept_encoding=["identity"])
            fakes = [wire.FakeNode(cp, "prod", f"deaf-{i}") for i in range(16)]
            streams = [wire.DeafStream(f, FETCH, ask, half_close=True) for f in fakes for _ in range(2)]
            try:
                with concurrent.futures.ThreadPoolExecutor(33) as pool:
                    cut = [pool.submit(s.wait_cut) for s in streams]
                    began = time.monotonic()
                    assert len(honest.fetch(version, want)) == len(set(want))
                    assert time.monotonic() - began < 15 * SLOW
                    assert all(c.result() >= 1.9 for c in cut)
            finally:
                for s in streams:
                    s.socket.close()
        assert cp.process.text().count("takes nothing of what it asked for") == 32
