"""Every example is a spec that validates; what the README shows is what the programs do."""
import subprocess

import pytest

from harness import BIN, ROOT

EXAMPLES = sorted((ROOT / "deploy" / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_example_validates(path):
    done = subprocess.run([str(BIN / "cpctl"), "validate", "-f", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_examples_exist():
    assert len(EXAMPLES) >= 2
