"""What the tests of the admin API and of the control plane's state send: documents, and bodies of POST /v1/apply."""

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


def head(cp, method, path, *lines):
    """The head of a request with the admin's token, as bytes."""
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
