"""What the control plane keeps in memory of revisions that nobody asks for."""
import http.client
import json

import pytest

from harness import ControlPlane
from test_fleet import mock_spec


@pytest.mark.release_only
def test_memory_does_not_grow_with_revisions(tmp_path):
    with ControlPlane(tmp_path, args=["--dataplane-binary", "none", "--log-level", "warn"]) as cp:
        connection = http.client.HTTPSConnection("127.0.0.1", cp.ports[0], context=cp.tls, timeout=60)
        headers = {"Authorization": f"Bearer {cp.token}", "Content-Type": "application/json"}
        seen = {}
        for revision in range(1, 1501):
            files = [{"name": "t.yaml", "text": mock_spec(f"r{revision}")}]
            connection.request("POST", "/v1/apply", json.dumps({"files": files}), headers)
            answer = connection.getresponse()
            assert json.loads(answer.read())["revision"] == revision
            if revision in (400, 1500):
                seen[revision] = cp.process.rss()
        connection.close()
        assert seen[1500] - seen[400] < 256 << 10, seen
