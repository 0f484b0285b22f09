"""What the tests of the admin API share."""
import contextlib
import json
import os
import socket
import ssl

from harness import BIN, PATIENCE, ControlPlane

API = """apiVersion: sluice/v1
kind: Api
metadata: {name: shop}
spec:
  routes:
    - {path: "/users/{id}", method: GET, integration: {type: http_proxy, uri: "http://${stageVariables.backend}/users/{id}"}}
"""
STAGE = """apiVersion: sluice/v1
kind: Stage
metadata: {name: %s}
spec:
  api: shop
  environment: %s
  variables: {backend: "127.0.0.1:9"}
"""
SHOP = API + "---\n" + STAGE % ("dev", "dev")


def mock(name, text="hello"):
    """An Api without a Stage: it changes no environment."""
    return (f'apiVersion: sluice/v1\nkind: Api\nmetadata: {{name: {name}}}\nspec:\n  routes:\n    - path: /{text}\n      method: GET\n'
            '      integration: {type: mock, requestTemplates: {application/json: \'{"statusCode": 200}\'}, '
            'responses: {default: {statusCode: "200"}}}\n')


def files(*texts, **options):
    return {"files": [{"name": f"f{i}.yaml", "text": t} for i, t in enumerate(texts)], **options}


def make_token(cp, role, **options):
    return cp.api("POST", "/v1/tokens", {"kind": "api", "role": role, **options})[1]


@contextlib.contextmanager
def raw(cp, timeout=None):
    """A TLS connection to the admin port, without an HTTP library."""
    plain = socket.create_connection(("127.0.0.1", cp.ports[0]), timeout or PATIENCE)
    with cp.tls.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        yield tls


def read_all(tls):
    """Everything until the peer closes."""
    data = b""
    while True:
        try:
            piece = tls.recv(65536)
        except (ssl.SSLError, ConnectionResetError):
            return data
        if not piece:
            return data
        data += piece


def read_answer(tls, buffered=b""):
    """One answer: (status, headers, body, what came behind it)."""
    while b"\r\n\r\n" not in buffered:
        piece = tls.recv(65536)
        if not piece:
            raise AssertionError(f"closed after {buffered!r}")
        buffered += piece
    head, rest = buffered.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
    length = int(headers.get("content-length", 0))
    while len(rest) < length:
        rest += tls.recv(65536)
    return int(lines[0].split()[1]), headers, rest[:length], rest[length:]


def head(cp, method, path, *lines):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {cp.token}", *lines, "", ""]).encode()


def script(folder, name, text):
    """A program in place of sluice-dataplane --check-bundle."""
    path = folder / name
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)
    return path


def schemas_ok(document):
    """Every $ref of an OpenAPI document leads somewhere."""
    def walk(value):
        if isinstance(value, dict):
            ref = value.get("$ref")
            if ref is not None:
                at = document
                for part in ref.lstrip("#/").split("/"):
                    at = at[part]
            for v in value.values():
                walk(v)
        elif isinstance(value, list):
            for v in value:
                walk(v)
    walk(document)


__all__ = ["API", "BIN", "STAGE", "SHOP", "ControlPlane", "files", "head", "json", "make_token", "mock", "os", "raw", "read_all",
           "read_answer", "schemas_ok", "script"]
