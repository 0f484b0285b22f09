"""HTTP/1 by hand: what comes on a socket, cut into heads and bodies, for tests that no HTTP library would let happen."""
import ssl


def read_some(s, what):
    piece = s.recv(262144)
    if not piece:
        raise ConnectionError(f"closed inside {what}")
    return piece


def read_all(s):
    """Everything until the peer closes."""
    out = b""
    while True:
        try:
            piece = s.recv(65536)
        except (ssl.SSLError, ConnectionResetError):
            return out
        if not piece:
            return out
        out += piece


def read_head(s, rest=b""):
    """(head, what came behind it)"""
    while b"\r\n\r\n" not in rest:
        rest += read_some(s, f"a head: {rest!r}")
    head, rest = rest.split(b"\r\n\r\n", 1)
    return head, rest


def fields_of(lines):
    return {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}


def read_body(s, headers, rest):
    """(body, what came behind it), by length or in chunks."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        size = int(headers.get("content-length", 0))
        while len(rest) < size:
            rest += read_some(s, "a body")
        return rest[:size], rest[size:]
    body = b""
    while True:
        while b"\r\n" not in rest:
            rest += read_some(s, "the size of a chunk")
        size, rest = rest.split(b"\r\n", 1)
        size = int(size, 16)
        while len(rest) < size + 2:
            rest += read_some(s, "a chunk")
        body, rest = body + rest[:size], rest[size + 2:]
        if size == 0:
            return body, rest


def read_answer(s, rest=b"", head_only=False):
    """One answer: (status, headers, body, what came behind it)"""
    head, rest = read_head(s, rest)
    lines = head.decode("latin-1").split("\r\n")
    status, headers = int(lines[0].split()[1]), fields_of(lines[1:])
    if head_only or status in (204, 304):
        return status, headers, b"", rest
    assert headers.get("transfer-encoding") == "chunked" or "content-length" in headers, head
    body, rest = read_body(s, headers, rest)
    return status, headers, body, rest


def read_request(s, rest=b""):
    """One request: (head, body, what came behind it)"""
    head, rest = read_head(s, rest)
    body, rest = read_body(s, fields_of(head.decode("latin-1").split("\r\n")[1:]), rest)
    return head, body, rest
