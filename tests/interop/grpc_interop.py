#!/usr/bin/python3
"""Stock clients against our gRPC server: Debian's python3-grpcio for the calls, python3-h2 for what no honest client sends."""
import os
import queue
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

import grpc
import h2.connection
import h2.events
import h2.exceptions

HERE = os.path.dirname(os.path.abspath(__file__))


class Server:
    def __init__(self, program, folder):
        descriptors = os.path.join(folder, "echo.bin")
        subprocess.run(["protoc", f"--proto_path={HERE}", "--include_imports", f"--descriptor_set_out={descriptors}",
                        os.path.join(HERE, "echo.proto")], check=True)
        subprocess.run(["protoc", f"--proto_path={HERE}", f"--python_out={folder}", os.path.join(HERE, "services.proto")],
                       check=True)
        sys.path.insert(0, folder)
        self.process = subprocess.Popen([program, folder, descriptors], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.address = f"localhost:{self.port}"
        self.ca, self.cert, self.key = (open(os.path.join(folder, n), "rb").read() for n in ("ca.pem", "node.pem", "node.key"))

    def channel(self, certificate=False):
        credentials = grpc.ssl_channel_credentials(self.ca, *((self.key, self.cert) if certificate else (None, None)))
        return grpc.secure_channel(self.address, credentials, options=[("grpc.max_receive_message_length", 64 << 20)])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        rest = self.process.stdout.read()
        return self.process.wait(30), rest


def raw(channel, kind, method, service="test.Echo"):
    return getattr(channel, kind)(f"/{service}/{method}", request_serializer=bytes, response_deserializer=bytes)


def code_of(call):
    try:
        call()
    except grpc.RpcError as e:
        return e.code(), e.details()
    return grpc.StatusCode.OK, ""


# ---- calls -------------------------------------------------------------------------------------------------------------------

def test_unary(s, ch):
    unary = raw(ch, "unary_unary", "Unary")
    assert unary(b"hello") == b"hello"
    assert unary(b"") == b""
    assert unary(b"x" * 500000) == b"x" * 500000


def test_status_in_trailers_only(s, ch):
    assert code_of(lambda: raw(ch, "unary_unary", "Unary")(b"fail")) == (grpc.StatusCode.FAILED_PRECONDITION, "50% fail: é")
    assert code_of(lambda: raw(ch, "unary_unary", "Nothing")(b"x")) == (grpc.StatusCode.UNIMPLEMENTED, "unknown method")


def test_server_stream_in_order(s, ch):
    n = 0
    for message in raw(ch, "unary_stream", "Count")(b"20000 100"):
        assert int(message.split(b" ")[0]) == n and len(message) == 100
        n += 1
    assert n == 20000


def test_large_messages(s, ch):
    assert sum(len(m) for m in raw(ch, "unary_stream", "Count")(b"64 524288")) == 64 * 524288


def test_client_stream(s, ch):
    assert raw(ch, "stream_unary", "Sum")(iter([b"y" * 100000] * 300)) == b"300 30000000"
    assert raw(ch, "stream_unary", "Sum")(iter([])) == b"0 0"


def test_bidi(s, ch):
    answers = raw(ch, "stream_stream", "Bidi")(iter(str(i).encode() for i in range(20000)))
    assert [int(a) for a in answers] == list(range(20000))


def test_too_large(s, ch):
    code, _ = code_of(lambda: raw(ch, "unary_unary", "Unary")(b"x" * 600000))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_compressed_is_unimplemented(s, ch):
    unary = raw(ch, "unary_unary", "Unary")
    code, _ = code_of(lambda: unary(b"z" * 10000, compression=grpc.Compression.Gzip))
    assert code == grpc.StatusCode.UNIMPLEMENTED


def test_deadline(s, ch):
    code, _ = code_of(lambda: raw(ch, "unary_unary", "Unary")(b"hang", timeout=0.1))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED


def test_cancel(s, ch):
    call = raw(ch, "unary_stream", "Count")(b"1000000 100")
    next(call)
    call.cancel()
    assert code_of(lambda: next(call))[0] == grpc.StatusCode.CANCELLED
    assert raw(ch, "unary_unary", "Unary")(b"alive") == b"alive"


def test_many_at_once(s, ch):
    unary = raw(ch, "unary_unary", "Unary")
    calls = [unary.future(str(i).encode()) for i in range(2000)]
    assert [c.result(60) for c in calls] == [str(i).encode() for i in range(2000)]


def test_sleeping_reader_is_bounded(s, ch):
    call = raw(ch, "unary_stream", "Count")(b"30000 1000")
    next(call)
    unary = raw(ch, "unary_unary", "Unary")
    for _ in range(200):  # others pass while nobody reads
        assert unary(b"quick") == b"quick"
    assert sum(1 for _ in call) == 29999


def test_client_certificate(s, ch):
    assert code_of(lambda: raw(ch, "unary_unary", "Who")(b""))[0] == grpc.StatusCode.UNAUTHENTICATED
    with s.channel(certificate=True) as mine:
        assert raw(mine, "unary_unary", "Who")(b"") == b"spiffe://c/dp/prod/py"


# ---- health and reflection ---------------------------------------------------------------------------------------------------

def test_health(s, ch):
    import services_pb2 as pb
    check = ch.unary_unary("/grpc.health.v1.Health/Check", pb.HealthCheckRequest.SerializeToString,
                           pb.HealthCheckResponse.FromString)
    watch = ch.unary_stream("/grpc.health.v1.Health/Watch", pb.HealthCheckRequest.SerializeToString,
                            pb.HealthCheckResponse.FromString)
    assert check(pb.HealthCheckRequest()).status == 1
    assert check(pb.HealthCheckRequest(service="test.Echo")).status == 1
    assert code_of(lambda: check(pb.HealthCheckRequest(service="none")))[0] == grpc.StatusCode.NOT_FOUND
    unknown = watch(pb.HealthCheckRequest(service="none"))
    assert next(unknown).status == 3
    unknown.cancel()
    known = watch(pb.HealthCheckRequest(service="test.Echo"))
    assert next(known).status == 1
    s.process.send_signal(signal.SIGUSR1)
    assert next(known).status == 2
    known.cancel()


def test_reflection(s, ch):
    import services_pb2 as pb
    from google.protobuf import descriptor_pb2
    for version in ("v1", "v1alpha"):
        stream = ch.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                                  pb.ReflectionRequest.SerializeToString, pb.ReflectionResponse.FromString)
        asked = [pb.ReflectionRequest(list_services="*", host="h")]
        asked += [pb.ReflectionRequest(file_by_filename=n) for n in ("echo.proto", "none.proto")]
        asked += [pb.ReflectionRequest(file_containing_symbol=n) for n in (
            "test.Echo", "test.Echo.Unary", "test.Request.Inner.Color", "test.Request.body", "google.protobuf.Empty",
            "test.Reques", "test", "test.Echo.Unary.x", "")]
        asked.append(pb.ReflectionRequest(all_extension_numbers_of_type="test.Request"))
        answers = list(stream(iter(asked)))
        assert len(answers) == len(asked)
        assert answers[0].valid_host == "h" and answers[0].original_request == asked[0]
        names = {x.name for x in answers[0].list_services_response.service}
        assert names == {"test.Echo", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                         "grpc.reflection.v1alpha.ServerReflection"}, names
        for i, first in ((1, "echo.proto"), (3, "echo.proto"), (4, "echo.proto"), (5, "echo.proto"), (6, "echo.proto"),
                         (7, "google/protobuf/empty.proto")):
            files = [descriptor_pb2.FileDescriptorProto.FromString(b)
                     for b in answers[i].file_descriptor_response.file_descriptor_proto]
            assert files[0].name == first, (i, files)
            assert len(files) == (2 if first == "echo.proto" else 1)
        for i in (2, 8, 9, 10, 11, 12):
            assert answers[i].error_response.error_code == 5, (i, answers[i])


# ---- what no honest client sends ------------------------------------------------------------------------------------------

class Raw:
    """One HTTP/2 connection by hand."""

    def __init__(self, s, alpn=("h2",)):
        context = ssl.create_default_context(cadata=s.ca.decode())
        if alpn:
            context.set_alpn_protocols(list(alpn))
        self.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", s.port), 20), server_hostname="localhost")
        self.h2 = h2.connection.H2Connection()
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def request(self, headers, body=None):
        base = {":method": "POST", ":scheme": "https", ":path": "/test.Echo/Unary", ":authority": "localhost",
                "te": "trailers", "content-type": "application/grpc"}
        base.update(headers)
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [(k, v) for k, v in base.items() if v is not None], end_stream=body is None)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    def until(self, wanted, stream=None):
        seen = []
        while True:
            data = self.sock.recv(65536)
            if not data:
                return seen, None
            for event in self.h2.receive_data(data):
                seen.append(event)
                if isinstance(event, wanted) and (stream is None or event.stream_id == stream):
                    return seen, event
            self.flush()

    def answer(self, headers, body=None):
        stream = self.request(headers, body)
        seen, end = self.until((h2.events.StreamEnded, h2.events.StreamReset), stream)
        assert end is not None
        out = {}
        for e in seen:
            if isinstance(e, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                out.update((k.decode() if isinstance(k, bytes) else k, v.decode() if isinstance(v, bytes) else v)
                           for k, v in e.headers)
        if isinstance(end, h2.events.StreamReset):
            out["reset"] = end.error_code
        return out

    def flooded(self, chunk, n):
        """Sends chunk n times; True when the server ends the connection."""
        try:
            for _ in range(n):
                self.sock.sendall(chunk)
            while self.sock.recv(65536):
                pass
            return True
        except (ConnectionError, ssl.SSLError, BrokenPipeError):
            return True
        except TimeoutError:
            return False


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def test_alpn_is_needed(s, ch):
    for alpn in ((), ("http/1.1",)):
        try:
            Raw(s, alpn).until(h2.events.RemoteSettingsChanged)
        except (ssl.SSLError, ConnectionError):
            continue
        raise AssertionError(f"ALPN {alpn} was accepted")


def test_http_answers(s, ch):
    c = Raw(s)
    assert c.answer({"content-type": "text/plain"}, b"x")[":status"] == "415"
    assert c.answer({"content-type": "application/grpcx"}, b"x")[":status"] == "415"
    assert c.answer({":method": "GET"})[":status"] == "405"
    hello = b"\0\0\0\0\2hi"
    assert c.answer({"content-type": "application/grpc+proto"}, hello)["grpc-status"] == "0"
    gzip = c.answer({"grpc-encoding": "gzip"}, b"\1\0\0\0\2hi")
    assert gzip["grpc-status"] == "12" and gzip["grpc-accept-encoding"] == "identity"
    assert c.answer({}, b"\1\0\0\0\2hi")["grpc-status"] == "12"
    assert c.answer({}, b"\7\0\0\0\2hi")["grpc-status"] == "13"
    assert c.answer({}, b"\0\0\0\0\5hi")["grpc-status"] == "13"
    assert c.answer({}, b"\0\xff\xff\xff\xff")["grpc-status"] == "8"
    assert c.answer({"grpc-timeout": "banana"}, hello)["grpc-status"] == "13"
    assert c.answer({"grpc-timeout": "0n"}, b"\0\0\0\0\4hang")["grpc-status"] == "4"
    assert c.answer({":path": "/"}, hello)["grpc-status"] == "12"


def test_split_and_joined_messages(s, ch):
    c = Raw(s)
    stream = c.h2.get_next_available_stream_id()
    c.h2.send_headers(stream, [(":method", "POST"), (":scheme", "https"), (":path", "/test.Echo/Sum"), (":authority", "l"),
                               ("te", "trailers"), ("content-type", "application/grpc")])
    for byte in b"\0\0\0\0\3abc\0\0\0\0\0":  # a byte a frame
        c.h2.send_data(stream, bytes([byte]))
    c.h2.send_data(stream, b"\0\0\0\0\1a" * 100, end_stream=True)  # a hundred in one
    c.flush()
    seen, _ = c.until(h2.events.StreamEnded, stream)
    body = b"".join(e.data for e in seen if isinstance(e, h2.events.DataReceived))
    assert body[5:] == b"102 103", body


def test_large_header_list(s, ch):
    c = Raw(s)
    assert "reset" in c.answer({f"x-{i}": "v" * 1000 for i in range(30)}, b"")
    assert c.answer({}, b"\0\0\0\0\2hi")["grpc-status"] == "0"  # the connection lives


def test_floods_end_the_connection(s, ch):
    for chunk in (frame(6, 0, 0, b"12345678") * 100,                 # PING
                  frame(2, 0, 1, b"\0\0\0\3\1") * 100,               # PRIORITY
                  frame(8, 0, 0, b"\0\0\0\1") * 100,                 # WINDOW_UPDATE
                  frame(4, 0, 0) * 100):                             # SETTINGS
        assert Raw(s).flooded(chunk, 300)
    c = Raw(s)
    stream = c.h2.get_next_available_stream_id()
    c.h2.send_headers(stream, [(":method", "POST"), (":scheme", "https"), (":path", "/test.Echo/Sum"), (":authority", "l"),
                               ("te", "trailers"), ("content-type", "application/grpc")])
    c.flush()
    assert c.flooded(frame(0, 0, stream) * 100, 300)                 # empty DATA
    assert raw(ch, "unary_unary", "Unary")(b"alive") == b"alive"


def test_killed_client(s, ch):
    c = Raw(s)
    c.request({}, b"\0\0\0\0\4hang")
    c.until(h2.events.RemoteSettingsChanged)
    c.sock.close()
    assert raw(ch, "unary_unary", "Unary")(b"alive") == b"alive"


# ---- our client against grpcio's server --------------------------------------------------------------------------------------

def echo_handlers():
    def unary(request, context):
        if request == b"fail":
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "50% fail: é")
        if request == b"hang":
            threading.Event().wait(2)
        return request

    def count(request, context):
        n, size = (int(x) for x in request.split())
        for i in range(n):
            yield (b"%d " % i).ljust(size, b"\0")

    def total(requests, context):
        sizes = [len(r) for r in requests]
        return b"%d %d" % (len(sizes), sum(sizes))

    def bidi(requests, context):
        yield from requests
    return grpc.method_handlers_generic_handler("test.Echo", {
        "Unary": grpc.unary_unary_rpc_method_handler(unary), "Count": grpc.unary_stream_rpc_method_handler(count),
        "Sum": grpc.stream_unary_rpc_method_handler(total), "Bidi": grpc.stream_stream_rpc_method_handler(bidi)})


def test_our_client(s, ch):
    from concurrent import futures
    pair = [open(os.path.join(s.folder, n), "rb").read() for n in ("server.key", "server.pem")]
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((echo_handlers(),))
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([tuple(pair)]))
    server.start()
    done = subprocess.run([s.client, f"localhost:{port}", os.path.join(s.folder, "ca.pem")], capture_output=True, text=True,
                          timeout=100)
    server.stop(None)
    want = ["unary 0 1 5 last=hello message=", "fail 9 0 0 last= message=50% fail: é", "nothing 12 0 0 last= message=",
            "count 0 20000 2000000 last= message=", "large 0 40 20971520 last= message=",
            "sum 0 1 12 last=200 20000000 message=", "bidi 0 5000 250000 last= message=", "late 4 0 0 last= message=",
            "cancel 1 0 0 last= message=", "toolarge 8 0 0 last= message=", "alive 0 1 5 last=alive message="]
    assert done.returncode == 0 and done.stdout.splitlines() == want, (done.returncode, done.stdout, done.stderr)


def main():
    with tempfile.TemporaryDirectory(prefix="sluice-interop-") as folder:
        s = Server(sys.argv[1], folder)
        s.folder, s.client = folder, sys.argv[2]
        failed = 0
        with s.channel() as ch:
            for name, test in list(globals().items()):
                if not name.startswith("test_"):
                    continue
                outcome = queue.Queue()

                def run(test=test):
                    try:
                        test(s, ch)
                        outcome.put("")
                    except BaseException as e:  # told below, with its place
                        import traceback
                        outcome.put("".join(traceback.format_exception(type(e), e, e.__traceback__)))
                threading.Thread(target=run, daemon=True).start()
                try:
                    text = outcome.get(timeout=120)
                except queue.Empty:
                    text = "hangs"
                failed += text != ""
                print(f"{'FAIL' if text else 'ok  '} {name}\n{text}" if text else f"ok   {name}", flush=True)
        code, rest = s.stop()
        print(rest.strip())
        if code != 0 or "open=0" not in rest:
            print(f"FAIL the server ended with {code}")
            failed += 1
        sys.stdout.flush()
        os._exit(1 if failed else 0)


if __name__ == "__main__":
    main()
