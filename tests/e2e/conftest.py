"""Shared fixtures. Run with Debian's python: /usr/bin/python3 -m pytest tests/e2e"""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402


@pytest.fixture
def cp(tmp_path):
    with harness.ControlPlane(tmp_path) as control_plane:
        yield control_plane


@pytest.fixture
def backend():
    with harness.Backend() as b:
        yield b
