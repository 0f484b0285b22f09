"""make install: everything in its place, and units that systemd takes."""
import subprocess

import pytest

from harness import ROOT, have


pytestmark = pytest.mark.release_only


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    done = subprocess.run(["make", "-s", "install", f"DESTDIR={root}", "PREFIX=/usr"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_the_files(installed):
    found = {str(p.relative_to(installed)): p.stat().st_mode & 0o777 for p in installed.rglob("*") if p.is_file()}
    programs = {"usr/bin/cpctl", "usr/sbin/sluice-controlplane", "usr/sbin/sluice-dataplane"}
    others = {"usr/share/man/man1/cpctl.1", "usr/share/man/man5/sluice-spec.5", "usr/share/man/man8/sluice-controlplane.8",
              "usr/share/man/man8/sluice-dataplane.8", "usr/share/bash-completion/completions/cpctl",
              "usr/share/zsh/site-functions/_cpctl", "usr/share/fish/vendor_completions.d/cpctl.fish",
              "usr/lib/systemd/system/sluice-controlplane.service", "usr/lib/systemd/system/sluice-dataplane.service",
              "usr/share/doc/sluice/examples/shop.yaml"}
    assert {k for k in found if not k.startswith("usr/share/doc")} == programs | {o for o in others if "/doc/" not in o}
    assert others <= set(found)
    assert all(found[p] == 0o755 for p in programs) and all(found[o] == 0o644 for o in others)


def test_the_programs_run(installed):
    for program in ("bin/cpctl", "sbin/sluice-controlplane", "sbin/sluice-dataplane"):
        assert subprocess.run([installed / "usr" / program, "--version"], capture_output=True, check=True).stdout


def test_the_completion_is_the_programs_own(installed):
    made = subprocess.run([installed / "usr/bin/cpctl", "completion", "bash"], capture_output=True, check=True).stdout
    assert (installed / "usr/share/bash-completion/completions/cpctl").read_bytes() == made


@pytest.mark.parametrize("unit", ["sluice-controlplane.service", "sluice-dataplane.service"])
def test_the_units(installed, unit, tmp_path):
    path = installed / "usr/lib/systemd/system" / unit
    text = path.read_text()
    assert "@" not in text.replace("@system-service", "") and "ExecStart=/usr/sbin/sluice-" in text
    if not have("systemd-analyze"):
        # systemd is not among the packages that the tests install: a container has no use for it. What stands above was checked.
        pytest.skip("systemd-analyze is not installed")
    here = tmp_path / unit  # the paths that it names must exist on this machine
    here.write_text(text.replace("/usr/sbin/", f"{installed}/usr/sbin/"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if unit in line] == []
