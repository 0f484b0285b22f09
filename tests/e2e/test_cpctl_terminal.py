"""cpctl on a terminal: colours, unless they are not wanted, and progress for what takes long."""
import os
import pty
import subprocess
import time

import pytest

from fake_admin import FakeAdmin
from harness import BIN
from test_cpctl_api import APPLIED, rollout


@pytest.fixture
def fake(tmp_path):
    with FakeAdmin(tmp_path) as f:
        yield f


def on_terminal(fake, *args, env=None):
    """Both streams on one terminal: (exit status, what it shows)."""
    parent, child = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR",)}
    process = subprocess.Popen([str(BIN / "cpctl"), "--config", str(fake.config), *[str(a) for a in args]], stdin=child, stdout=child,
                               stderr=child, env={**clean, "TERM": "xterm", **(env or {})})
    os.close(child)
    shown = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(parent)
    return process.wait(), shown.decode().replace("\r\n", "\n")


def test_a_diff_in_colours(fake, tmp_path):
    (tmp_path / "x.yaml").write_text("a: b\n")
    fake.answers["POST", "/v1/diff"] = (200, {"changes": [{"kind": "Api", "name": "shop", "op": "updated", "diff": "@@ -1 +1 @@\n-a\n+b\n c\n"}]})
    status, shown = on_terminal(fake, "diff", "-f", tmp_path / "x.yaml")
    assert status == 1
    assert shown == "\033[1mapi/shop updated\033[0m\n\033[36m@@ -1 +1 @@\033[0m\n\033[31m-a\033[0m\n\033[32m+b\033[0m\n c\n"
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\033" not in on_terminal(fake, "diff", "-f", tmp_path / "x.yaml", env=env)[1]


def test_errors_in_colours(fake):
    assert on_terminal(fake, "aply")[1].startswith("\033[31merror:\033[0m unknown command 'aply'\n\033[36mhint:\033[0m ")
    assert "\033" not in on_terminal(fake, "aply", env={"NO_COLOR": "1"})[1]


def test_progress_only_for_what_takes_long(fake, tmp_path):
    (tmp_path / "x.yaml").write_text("a: b\n")
    began = []

    def answer(*_):
        began.append(time.monotonic())
        if began[-1] - began[0] > 1.5:
            return 200, rollout()
        time.sleep(0.1)
        return 200, rollout("pending", live=6, built=1)
    fake.answers["POST", "/v1/apply"] = (200, APPLIED)
    fake.answers["GET", "/v1/rollouts/prod"] = answer
    status, shown = on_terminal(fake, "apply", "-f", tmp_path / "x.yaml", "--wait")
    assert status == 0 and "\r\033[Kprod: pending, 1/2 nodes built, 2 active" in shown
    assert shown.endswith("\r\033[Kprod: 2/2 nodes at revision 7\n")
    fake.answers["GET", "/v1/rollouts/prod"] = (200, rollout())
    assert "\033[K" not in on_terminal(fake, "apply", "-f", tmp_path / "x.yaml", "--wait")[1]
