"""The push protocol in Python, written from proto/ alone: a control plane and a node to hold against the real ones.

Hashes follow proto/push.proto and common/bundle: leaf = SHA-256(0x00 bytes), node = SHA-256(0x01 64 hashes),
root = SHA-256(0x02 64 nodes), an empty leaf counts as 32 zero bytes.
"""
import concurrent.futures
import datetime
import hashlib
import importlib
import ipaddress
import os
import queue
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness import PATIENCE, ROOT, free_port

LEAVES = 4096


def _messages():
    folder = tempfile.mkdtemp(prefix="sluice-proto-")
    subprocess.run(["protoc", f"--proto_path={ROOT}/proto", f"--python_out={folder}", "push.proto", "bundle.proto"], check=True)
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("push_pb2"), importlib.import_module("bundle_pb2")
    finally:
        sys.path.remove(folder)


push, bundle = _messages()


def leaf_index(kind, key):
    digest = hashlib.sha256(kind.encode() + b"\0" + key.encode()).digest()
    return digest[0] << 4 | digest[1] >> 4


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest() if data else bytes(32)


def root_hash(leaves):
    """leaves: index -> bytes."""
    all_hashes = [leaf_hash(leaves.get(i, b"")) for i in range(LEAVES)]
    nodes = [hashlib.sha256(b"\1" + b"".join(all_hashes[i:i + 64])).digest() for i in range(0, LEAVES, 64)]
    return hashlib.sha256(b"\2" + b"".join(nodes)).digest()


def resource(kind, key, body, part):
    return bundle.Resource(type=kind, key=key, body=body.SerializeToString(deterministic=True), part=part)


def leaves_of(resources):
    table = {}
    for r in sorted(resources, key=lambda r: (r.type, r.key)):
        table.setdefault(leaf_index(r.type, r.key), bundle.Leaf()).resources.append(r)
    return {i: leaf.SerializeToString(deterministic=True) for i, leaf in table.items()}


def mock_stage(text, api="shop", stage="prod", path="/ping", kind=1):
    """The resources of a stage with one mock route that answers with text."""
    part, prefix = f"stage/{api}/{stage}", f"{api}/{stage}"
    integration = bundle.Integration(
        type=kind, request_templates=[bundle.Template(content_type="application/json", text='{"statusCode": 200}')],
        responses=[bundle.IntegrationResponse(status_code="200", response_templates=[
            bundle.Template(content_type="application/json", text=text)])])
    return [resource("stage", prefix, bundle.Stage(api=api, name=stage, base_path=f"/{stage}"), part),
            resource("route", f"{prefix}/GET {path}", bundle.Route(path=path, method="GET", integration=f"{prefix}/ping"), part),
            resource("integration", f"{prefix}/ping", integration, part)]


class Authority:
    """A CA on P-256."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
        self.certificate = self._sign(self.name, self.key.public_key(), [(x509.BasicConstraints(True, None), True)])

    def _sign(self, subject, key, extensions):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=5))
                   .not_valid_after(now + datetime.timedelta(days=1)))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def server(self):
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        return key, self._sign(name, key.public_key(), [(names, False), (usage, False)])

    def node(self, csr_der, uri):
        request = x509.load_der_x509_csr(csr_der)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
        return self._sign(name, request.public_key(), [
            (x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)])

    def fingerprint(self):
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def pem(thing):
    if hasattr(thing, "private_bytes"):
        return thing.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return thing.public_bytes(serialization.Encoding.PEM)


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


class FakeControlPlane:
    """One node's control plane, played by the test: it sees every message and decides every answer."""

    cluster, environment = "test-cluster", "prod"

    def __init__(self):
        self.authority = Authority()
        self.inbox, self.outbox, self.hellos = queue.Queue(), None, 0
        self.leaves, self.fetches, self.on_fetch = {}, [], None
        self.head, self.lock = None, threading.Lock()
        key, certificate = self.authority.server()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("sluice.push.v1.EnrollService", {
            "Enroll": grpc.unary_unary_rpc_method_handler(self.enroll, push.EnrollRequest.FromString, push.EnrollResponse.SerializeToString)}),
            grpc.method_handlers_generic_handler("sluice.push.v1.ConfigService", {
                "Sync": grpc.stream_stream_rpc_method_handler(self.sync, push.DpMessage.FromString, push.CpMessage.SerializeToString),
                "FetchChunks": grpc.unary_stream_rpc_method_handler(self.fetch, push.FetchChunksRequest.FromString,
                                                                     push.Chunk.SerializeToString)})))
        self.port = free_port()
        self.server.add_secure_port(f"127.0.0.1:{self.port}", grpc.ssl_server_credentials([(pem(key), pem(certificate) + pem(self.authority.certificate))]))
        self.push = f"127.0.0.1:{self.port}"

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        if self.outbox:
            self.outbox.put(None)
        self.server.stop(0).wait()

    def join_token(self, _environment):
        return f"id.secret.{self.authority.fingerprint()}"

    def enroll(self, request, _context):
        uri = f"spiffe://{self.cluster}/dp/{self.environment}/{request.node_id}"
        certificate = self.authority.node(request.csr_der, uri)
        return push.EnrollResponse(chain_der=[der(certificate)], trust_roots_der=[der(self.authority.certificate)], node_id=request.node_id,
                                   environment=self.environment, cluster_id=self.cluster,
                                   renew_after_unix=int(datetime.datetime.now().timestamp()) + 40000)

    def sync(self, messages, context):
        outbox = self.outbox = queue.Queue()

        def read():
            try:
                for message in messages:
                    self.inbox.put(message)
            except Exception:  # the stream's end is for the test to see, in whichever way it came
                pass
            self.inbox.put(None)
            outbox.put(None)
        threading.Thread(target=read, daemon=True).start()
        sequence = 0
        while True:
            message = outbox.get()
            if message is None:
                return
            sequence += 1
            message.seq = sequence
            yield message

    def fetch(self, request, context):
        self.fetches.append(request)
        if self.on_fetch is not None:
            yield from self.on_fetch(request, context)
            return
        by_hash = {leaf_hash(data): data for data in self.leaves.values()}
        for want in request.want:
            yield from pieces(want, by_hash[want])

    def receive(self, kind):
        """The next message of this kind; statuses are passed over unless asked for."""
        while True:
            message = self.inbox.get(timeout=PATIENCE)
            assert message is not None, f"the stream ended while waiting for {kind}"
            have = message.WhichOneof("body")
            if have == kind:
                return getattr(message, have)
            assert have == "status", f"{have} came instead of {kind}: {message}"

    def wait_end(self):
        while self.inbox.get(timeout=PATIENCE) is not None:
            pass

    def ack(self, phase):
        message = self.receive("ack")
        assert push.Ack.Phase.Name(message.phase) == phase, message
        return message

    def send(self, **body):
        self.outbox.put(push.CpMessage(**body))

    def welcome(self):
        hello = self.receive("hello")
        self.send(welcome=push.Welcome(cluster_id=self.cluster, cp_instance="fake", schema_max=1, status_interval_ms=10000, dead_after_ms=30000,
                                       backoff_base_ms=100, backoff_cap_ms=500, head=self.head))
        return hello

    def offer(self, revision, leaves, hold=True, inline=False, **changes):
        """Offers leaves (index -> bytes) in full. changes: fields of the header to falsify."""
        self.leaves = leaves
        version = push.Version(epoch=1, revision=revision, root=root_hash(leaves))
        header = push.BundleHeader(cluster_id=self.cluster, environment=self.environment, version=version, schema=1, leaf_count=LEAVES,
                                   resource_count=sum(len(bundle.Leaf.FromString(d).resources) for d in leaves.values() if d),
                                   total_bytes=sum(len(d) for d in leaves.values()), empty_is_intended=not leaves,
                                   routes=sum(1 for d in leaves.values() for r in bundle.Leaf.FromString(d).resources if r.type == "route"))
        for name, value in changes.items():
            if name == "version":
                header.version.CopyFrom(value)
            else:
                setattr(header, name, value)
        nonce = os.urandom(16)
        offer = push.Offer(nonce=nonce, header=push.SignedHeader(header=header.SerializeToString(deterministic=True)), hold=hold,
                           leaves=[push.LeafRef(index=i, hash=leaf_hash(d), size=len(d)) for i, d in sorted(leaves.items())],
                           total_bytes=header.total_bytes, apply_deadline_ms=60000)
        if inline:
            offer.inline_encoding = "identity"
            offer.inline_leaves.extend(push.InlineLeaf(index=i, data=d, raw_size=len(d)) for i, d in sorted(leaves.items()))
        self.send(offer=offer)
        return nonce, header.version


def pieces(want, data, size=256 * 1024):
    for at in range(0, len(data), size):
        piece = data[at:at + size]
        yield push.Chunk(hash=want, encoding="identity", raw_size=len(data), data=piece, offset=at, piece_size=len(piece))


class FakeNode:
    """A data plane played by the test: enrols with its own key, subscribes, verifies what it fetches, answers as told."""

    def __init__(self, cp, environment, name):
        self.cp, self.name, self.environment = cp, name, environment
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.enrolled = self.enroll(cp.join_token(environment))
        self.leaves = {}

    def csr(self, key=None):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever it says")])
        return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key or self.key, hashes.SHA256()).public_bytes(
            serialization.Encoding.DER)

    def roots(self):
        return (self.cp.state / "ca.crt").read_bytes()

    def target(self):
        return f"localhost:{self.cp.push.rsplit(':', 1)[1]}"

    def enroll(self, token, name=None):
        with grpc.secure_channel(self.target(), grpc.ssl_channel_credentials(self.roots())) as channel:
            call = channel.unary_unary("/sluice.push.v1.EnrollService/Enroll", push.EnrollRequest.SerializeToString,
                                       push.EnrollResponse.FromString)
            return call(push.EnrollRequest(join_token=token, csr_der=self.csr(), node_id=name or self.name), timeout=PATIENCE)

    def renew(self):
        """Over the certificate that it has; the new one in the answer."""
        with self.channel() as channel:
            call = channel.unary_unary("/sluice.push.v1.IdentityService/Renew", push.RenewRequest.SerializeToString,
                                       push.EnrollResponse.FromString)
            return call(push.RenewRequest(csr_der=self.csr()), timeout=PATIENCE)

    def channel(self):
        chain = b"".join(pem(x509.load_der_x509_certificate(c)) for c in self.enrolled.chain_der)
        return grpc.secure_channel(self.target(), grpc.ssl_channel_credentials(self.roots(), pem(self.key), chain))

    def __enter__(self):
        # Of their own for each stream: the one before may still wait for a message to send.
        self.inbox, self.outbox, self.sequence = queue.Queue(), queue.Queue(), 0
        self.connection = self.channel()
        sync = self.connection.stream_stream("/sluice.push.v1.ConfigService/Sync", push.DpMessage.SerializeToString, push.CpMessage.FromString)
        self.stream = sync(iter(self.outbox.get, None))

        def read():
            try:
                for message in self.stream:
                    self.inbox.put(message)
                self.inbox.put(None)
            except grpc.RpcError as e:
                self.inbox.put(e)
        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.outbox.put(None)
        self.connection.close()
        self.reader.join(PATIENCE)

    def send(self, **body):
        self.sequence += 1
        self.outbox.put(push.DpMessage(seq=self.sequence, **body))

    def hello_message(self, active=None, **changes):
        fields = {"cluster_id": self.enrolled.cluster_id, "node_id": self.enrolled.node_id, "instance_id": os.urandom(16),
                  "environment": self.enrolled.environment, "software_version": "0.1.0", "schema_min": 1, "schema_max": 1,
                  "capabilities": ["delta.v1", "zstd"], "workers": 1, "active": active,
                  "limits": push.Limits(max_bundle_bytes=1 << 30, max_chunk_bytes=262144, max_routes=1000000), **changes}
        return push.Hello(**fields)

    def hello(self, active=None, **changes):
        self.send(hello=self.hello_message(active, **changes))

    def receive(self, kind):
        while True:
            message = self.inbox.get(timeout=PATIENCE)
            if isinstance(message, grpc.RpcError):
                raise message
            assert message is not None, f"the stream ended while waiting for {kind}"
            have = message.WhichOneof("body")
            if have == kind:
                return getattr(message, have)
            assert have == "ping", f"{have} came instead of {kind}: {message}"

    def ack(self, offer, phase):
        self.send(ack=push.Ack(nonce=offer.nonce, version=header(offer).version, phase=phase, workers_active=1))

    def nack(self, offer, code, kind="", key="", message="", retryable=False):
        self.send(nack=push.Nack(nonce=offer.nonce, rejected=header(offer).version, status=push.Status(code=3, message=message),
                                 errors=[push.ConfigError(code=code, resource_type=kind, resource_key=key, message=message, retryable=retryable)]))

    def fetch(self, version, want):
        """Missing leaves by hash, each proven."""
        call = self.connection.unary_stream("/sluice.push.v1.ConfigService/FetchChunks", push.FetchChunksRequest.SerializeToString,
                                            push.Chunk.FromString)
        found = {}
        for chunk in call(push.FetchChunksRequest(version=version, want=want, accept_encoding=["identity"]), timeout=PATIENCE):
            assert chunk.encoding == "identity" and len(chunk.data) == chunk.piece_size <= 262144
            assert chunk.offset == len(found.get(chunk.hash, b""))
            found[chunk.hash] = found.get(chunk.hash, b"") + chunk.data
        for hash_, data in found.items():
            assert leaf_hash(data) == hash_
        return found

    def take(self, offer):
        """Brings self.leaves to the offered root, fetching only what is missing; the root must come out right."""
        leaves = dict(self.leaves) if offer.HasField("base_version") else {}
        held = {leaf_hash(d): d for d in self.leaves.values()}
        inline = {i.index: i.data for i in offer.inline_leaves} if offer.inline_encoding == "identity" else {}
        want = [r.hash for r in offer.leaves if r.hash and r.hash not in held and r.index not in inline]
        held.update(self.fetch(header(offer).version, want) if want else {})
        for ref in offer.leaves:
            if ref.hash:
                leaves[ref.index] = inline.get(ref.index) or held[ref.hash]
                assert leaf_hash(leaves[ref.index]) == ref.hash and len(leaves[ref.index]) == ref.size
            else:
                leaves.pop(ref.index, None)
        assert root_hash(leaves) == header(offer).version.root
        self.leaves = leaves
        return len(want)


def header(offer):
    return push.BundleHeader.FromString(offer.header.header)


class DeafStream:
    """HTTP/2 by hand: opens a stream with a window of a few bytes, says one message, and takes nothing of what comes back."""

    WINDOW = 16

    def __init__(self, node, path, message, half_close=False):
        host, port = node.target().rsplit(":", 1)
        context = ssl.create_default_context(cadata=node.roots().decode())
        context.set_alpn_protocols(["h2"])
        with tempfile.NamedTemporaryFile() as file:
            file.write(pem(node.key) + b"".join(pem(x509.load_der_x509_certificate(c)) for c in node.enrolled.chain_der))
            file.flush()
            context.load_cert_chain(file.name)
        self.socket = context.wrap_socket(socket.create_connection((host, int(port)), PATIENCE), server_hostname=host)
        self.input, self.opened, self.data = b"", time.monotonic(), b""
        fields = ((":method", "POST"), (":scheme", "https"), (":path", path), (":authority", host), ("te", "trailers"),
                  ("content-type", "application/grpc"))
        block = b"".join(b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode() for k, v in fields)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.frame(4, 0, 0, struct.pack(">HI", 4, self.WINDOW))
        self.frame(1, 4, 1, block)
        self.say(message, half_close)

    def frame(self, kind, flags, stream, payload=b""):
        self.socket.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload)

    def say(self, message, half_close=False):
        data = message.SerializeToString()
        self.frame(0, 1 if half_close else 0, 1, b"\0" + struct.pack(">I", len(data)) + data)

    def read_frame(self, timeout):
        self.socket.settimeout(timeout)
        while len(self.input) < 9 or len(self.input) < 9 + int.from_bytes(self.input[:3], "big"):
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.input += more
        end = 9 + int.from_bytes(self.input[:3], "big")
        frame, self.input = self.input[:end], self.input[end:]
        return frame[3], frame[4], int.from_bytes(frame[5:9], "big"), frame[9:]

    def wait_cut(self, timeout=None):
        """Seconds until the stream was reset or the connection closed; window updates are never sent."""
        until = time.monotonic() + (timeout or PATIENCE)
        while time.monotonic() < until:
            try:
                kind, flags, stream, payload = self.read_frame(until - time.monotonic())
            except (EOFError, ConnectionError, ssl.SSLEOFError):
                break
            if kind == 4 and not flags & 1:
                self.frame(4, 1, 0)
            elif kind == 0:
                self.data += payload
            elif kind == 3 and stream == 1:
                break
        else:
            raise AssertionError("the stream was not cut")
        return time.monotonic() - self.opened

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
