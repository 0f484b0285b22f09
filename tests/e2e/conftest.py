"""Shared fixtures. Run with Debian's python: /usr/bin/python3 -m pytest tests/e2e"""
import os
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402

# Sanitizers write what they find into files here: exit statuses alone say nothing of a process that was killed, or of a child whose
# status another program took.
REPORTS = pathlib.Path(tempfile.mkdtemp(prefix="sluice-reports-"))
for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
    os.environ[name] = ":".join(filter(None, (os.environ.get(name), f"log_path={REPORTS}/report")))


@pytest.fixture(autouse=True)
def nothing_found():
    yield
    found = []
    for path in sorted(REPORTS.iterdir()):
        found.append(path.read_text(errors="replace"))
        path.unlink()
    assert not found, "\n".join(found)[:20000]


def pytest_unconfigure():
    REPORTS.rmdir()


@pytest.fixture
def cp(tmp_path):
    with harness.ControlPlane(tmp_path) as control_plane:
        yield control_plane


@pytest.fixture
def backend():
    with harness.Backend() as b:
        yield b
