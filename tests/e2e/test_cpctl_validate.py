"""cpctl validate: offline, the control plane's own code."""
import json

import pytest

from fake_admin import run_cpctl
from harness import api_spec

GOOD = api_spec("shop", "prod", "http://127.0.0.1:1/x")
BAD = GOOD.replace("type: http_proxy", "type: http_prxy")


def test_a_good_file(tmp_path):
    (tmp_path / "shop.yaml").write_text(GOOD)
    done = run_cpctl("validate", "-f", tmp_path / "shop.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 documents in 1 file: valid\n", "")
    data = json.loads(run_cpctl("validate", "-f", tmp_path / "shop.yaml", "-o", "json").stdout)
    assert data == {"valid": True, "files": 1, "documents": 2, "errors": 0, "warnings": 0, "diagnostics": []}


def test_a_bad_file(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(BAD)
    done = run_cpctl("validate", "-f", path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"{path}:6:") and "error[SL" in done.stderr and "http_proxy" in done.stderr
    assert "1 error" in done.stderr and "\033" not in done.stderr
    done = run_cpctl("validate", "-f", path, "-o", "json")
    data = json.loads(done.stdout)
    assert done.returncode == 1 and data["valid"] is False and data["errors"] == 1
    assert data["diagnostics"][0]["file"] == str(path) and data["diagnostics"][0]["line"] == 6


def test_standard_input():
    assert run_cpctl("validate", "-f", "-", stdin=GOOD).returncode == 0
    assert run_cpctl("validate", "-f", "-", stdin=BAD).stderr.startswith("stdin:6:")


def test_a_folder(tmp_path):
    api, stage = GOOD.split("---\n")
    (tmp_path / "b.yaml").write_text(api)
    (tmp_path / "a.yml").write_text(stage)
    (tmp_path / "c.json").write_text('{"apiVersion": "sluice/v1", "kind": "Upstream", "metadata": {"name": "o"}, '
                                     '"spec": {"endpoints": [{"address": "127.0.0.1:1"}]}}')
    (tmp_path / ".hidden.yaml").write_text("[")
    (tmp_path / "notes.txt").write_text("[")
    (tmp_path / "folder.yaml").mkdir()
    done = run_cpctl("validate", "-f", tmp_path)
    assert (done.returncode, done.stdout) == (0, "3 documents in 3 files: valid\n"), done.stderr


@pytest.mark.parametrize("make, error", [
    (lambda p: None, "no such file"),
    (lambda p: p.mkdir(), "the folder has no *.yaml"),
    (lambda p: p.write_bytes(b"kind: \xff\n"), "error"),
])
def test_what_cannot_be_read(tmp_path, make, error):
    make(tmp_path / "x.yaml")
    done = run_cpctl("validate", "-f", tmp_path / "x.yaml")
    assert done.returncode == 1 and error in done.stderr


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n---\n"])
def test_a_file_without_a_document_is_told(tmp_path, text):
    path = tmp_path / "empty.yaml"
    path.write_text(text)
    done = run_cpctl("validate", "-f", path)
    assert done.returncode == 0 and done.stderr.startswith(f"{path}: warning[SL2604]: the file holds no document")
