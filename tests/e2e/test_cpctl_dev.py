"""cpctl dev: one file, one gateway, for as long as it is looked at."""
import contextlib
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import time

import pytest

from fake_admin import run_cpctl
from harness import BIN, PATIENCE, free_port, request, wait_for


def spec(message, name="shop", path="/hello"):
    """An Api without a Stage: a mock that answers with a message."""
    return f"""apiVersion: sluice/v1
kind: Api
metadata: {{name: {name}}}
spec:
  routes:
    - path: {path}
      method: GET
      integration:
        type: mock
        requestTemplates: {{application/json: '{{"statusCode": 200}}'}}
        responses: {{default: {{statusCode: "200", responseTemplates: {{application/json: '{{"message": "{message}"}}'}}}}}}
"""


def children_of(pid):
    """All processes that descend from it: {pid: name}."""
    found, todo = {}, [pid]
    while todo:
        parent = todo.pop()
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{parent}/task").iterdir():
                for child in map(int, (task / "children").read_text().split()):
                    found[child] = pathlib.Path(f"/proc/{child}/comm").read_text().strip()
                    todo.append(child)
    return found


def is_gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class Dev:
    def __init__(self, folder, text, *args, preexec_fn=None, program=None):
        self.file, self.temp = folder / "spec.yaml", folder / "tmp"
        self.out, self.err = folder / "out", folder / "err"
        self.temp.mkdir(exist_ok=True)
        self.file.write_text(text)
        args = args or ("--listen", "127.0.0.1:0")
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen([str(program or BIN / "cpctl"), "dev", "-f", str(self.file), "--workers", "1", *args],
                                            stdout=out, stderr=err, stdin=subprocess.DEVNULL, preexec_fn=preexec_fn,
                                            env={**os.environ, "TMPDIR": str(self.temp), "SLUICE_LOG_LEVEL": "nonsense"})

    def ready(self):
        def probe():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.err.read_text()}"
            return re.fullmatch(r"ready http://127\.0\.0\.1:(\d+)\n", self.out.read_text())
        self.port = int(wait_for("cpctl dev to be ready", probe)[1])
        return self

    def get(self, path="/hello"):
        status, _, body = request(self.port, "GET", path)
        return json.loads(body)["message"] if status == 200 else status

    def wait_answer(self, expected, path="/hello"):
        wait_for(f"{path} to answer {expected}", lambda: self.get(path) == expected)

    def wait_err(self, text, times=1):
        wait_for(f"{text!r} on standard error", lambda: self.err.read_text().count(text) >= times)

    def stop(self, number=signal.SIGINT):
        """Ends it; nothing may be left."""
        family = children_of(self.process.pid)
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        assert all(is_gone(pid) for pid in family), family
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def dev(tmp_path):
    with Dev(tmp_path, spec("one")) as d:
        yield d.ready()


def test_ready_means_that_it_serves(dev):
    assert dev.get() == "one"
    family = children_of(dev.process.pid)
    assert sorted(set(family.values())) == ["sluice-controlp", "sluice-dataplan"]
    folder, = dev.temp.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "join-token").stat().st_mode & 0o777 == 0o600
    for pid in family:
        line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode()
        assert (folder / "join-token").read_text() not in line
    assert dev.stop() == 0
    assert list(dev.temp.iterdir()) == []
    assert len(dev.out.read_text().splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_it_too(dev, number):
    assert dev.stop(number) == 0
    assert list(dev.temp.iterdir()) == []


def test_its_terminal_goes(tmp_path):
    parent, child = pty.openpty()

    def own_terminal():
        os.setsid()
        import fcntl
        import termios
        fcntl.ioctl(child, termios.TIOCSCTTY, 0)
    with Dev(tmp_path, spec("one"), preexec_fn=own_terminal) as dev:
        os.close(child)
        dev.ready()
        family = children_of(dev.process.pid)
        os.close(parent)
        assert dev.process.wait(PATIENCE) == 0
        assert all(is_gone(pid) for pid in family)


def test_children_die_with_it(dev):
    family = children_of(dev.process.pid)
    dev.process.kill()
    dev.process.wait()
    wait_for("the children to go", lambda: all(is_gone(pid) for pid in family))


def test_what_a_killed_one_left_is_removed_by_the_next(tmp_path):
    temp = tmp_path / "tmp"
    for name, mode, age in (("aaaaaa", 0o700, 3600), ("bbbbbb", 0o700, 0), ("cccccc", 0o755, 3600)):
        folder = temp / f"sluice-dev-{name}"
        (folder / "controlplane").mkdir(parents=True)
        (folder / "controlplane/ca.key").write_text("x")
        folder.chmod(mode)
        os.utime(folder, (time.time() - age,) * 2)
    with Dev(tmp_path, spec("one")) as dev:
        dev.ready()
        assert dev.stop() == 0
    assert sorted(p.name for p in temp.iterdir()) == ["sluice-dev-bbbbbb", "sluice-dev-cccccc"]


@pytest.mark.parametrize("name", ["sluice-controlp", "sluice-dataplan"])
def test_a_child_that_dies_ends_it(dev, name):
    pid = next(p for p, n in children_of(dev.process.pid).items() if n == name)
    family = children_of(dev.process.pid)
    os.kill(pid, signal.SIGKILL)
    assert dev.process.wait(PATIENCE) == 1
    assert "was ended by signal 9" in dev.err.read_text()
    assert all(is_gone(p) for p in family) and list(dev.temp.iterdir()) == []


# ---- the file changes ----

def test_written_in_place(dev):
    dev.file.write_text(spec("two"))
    dev.wait_answer("two")
    dev.wait_err("is live")
    assert "api/shop updated" in dev.err.read_text()


def test_replaced_by_rename(dev, tmp_path):
    for message in ("two", "three"):
        (tmp_path / ".spec.swp").write_text(spec(message))
        (tmp_path / ".spec.swp").rename(dev.file)
        dev.wait_answer(message)


def test_moved_away_and_written_anew(dev, tmp_path):
    dev.file.rename(tmp_path / "spec.yaml~")
    assert dev.get() == "one"
    dev.file.write_text(spec("two"))
    dev.wait_answer("two")


def test_written_twice_in_a_row(dev):
    dev.file.write_text("")
    dev.file.write_text(spec("two"))
    dev.wait_answer("two")
    assert "error" not in dev.err.read_text()


def test_a_half_written_file_waits_for_the_rest(dev):
    text = spec("two")
    with open(dev.file, "w", encoding="utf-8") as f:
        f.write(text[:120])
        f.flush()
        time.sleep(0.3)  # longer than it takes to settle: the writer is not done all the same
        assert dev.get() == "one" and "error" not in dev.err.read_text()
        f.write(text[120:])
    dev.wait_answer("two")


def test_a_bad_edit_keeps_what_was(dev):
    dev.file.write_text(spec("two").replace("type: mock", "type: mokc"))
    dev.wait_err("what was live goes on")
    text = dev.err.read_text()
    assert f"{dev.file}:9:" in text and "error[SL" in text and "did you mean" in text
    assert dev.get() == "one"
    dev.file.write_text(spec("three"))
    dev.wait_answer("three")
    assert dev.stop() == 0


def test_what_leaves_the_file_is_gone(dev):
    dev.file.write_text(spec("two", name="store", path="/other"))
    dev.wait_answer("two", "/other")
    assert dev.get() in (403, 404)
    dev.wait_err("api/shop deleted")


def test_behind_a_symbolic_link(tmp_path):
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "spec.yaml").write_text(spec(version))
    (tmp_path / "now").symlink_to(tmp_path / "one")
    (tmp_path / "w").mkdir()
    with Dev(tmp_path / "w", "", "--listen", "127.0.0.1:0") as unused:
        unused.process.kill()
        unused.process.wait()
        unused.file.unlink()
        unused.file.symlink_to(tmp_path / "now" / "spec.yaml")
    link = tmp_path / "w" / "spec.yaml"
    with open(tmp_path / "out", "wb") as out, open(tmp_path / "err", "wb") as err:
        child = subprocess.Popen([str(BIN / "cpctl"), "dev", "-f", str(link), "--listen", "127.0.0.1:0"], stdout=out, stderr=err)
    try:
        wait_for("ready", lambda: "ready" in (tmp_path / "out").read_text())
        port = int((tmp_path / "out").read_text().rsplit(":", 1)[1])
        assert json.loads(request(port, "GET", "/hello")[2]) == {"message": "one"}
        (tmp_path / "w" / ".new").symlink_to(tmp_path / "two" / "spec.yaml")
        (tmp_path / "w" / ".new").rename(link)
        wait_for("two", lambda: json.loads(request(port, "GET", "/hello")[2]) == {"message": "two"})
    finally:
        child.terminate()
        assert child.wait(PATIENCE) == 0


# ---- what does not start ----

def test_a_bad_file_from_the_start(tmp_path):
    (tmp_path / "x.yaml").write_text(spec("one").replace("routes:", "rotues:"))
    done = run_cpctl("dev", "-f", tmp_path / "x.yaml", env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 1 and done.stdout == "" and "did you mean" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["x.yaml"]


def test_an_address_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "x.yaml").write_text(spec("one"))
        done = run_cpctl("dev", "-f", tmp_path / "x.yaml", "--listen", f"127.0.0.1:{port}", env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 1 and done.stdout == ""
    assert "error: the node ended with status 1" in done.stderr and "in use" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["x.yaml"]


def test_programs_that_are_not_there(tmp_path):
    (tmp_path / "bin").mkdir()
    os.link(BIN / "cpctl", tmp_path / "bin/cpctl") if os.stat(BIN).st_dev == os.stat(tmp_path).st_dev else \
        (tmp_path / "bin/cpctl").write_bytes((BIN / "cpctl").read_bytes())
    (tmp_path / "bin/cpctl").chmod(0o755)
    (tmp_path / "x.yaml").write_text(spec("one"))
    done = subprocess.run([tmp_path / "bin/cpctl", "dev", "-f", tmp_path / "x.yaml"], capture_output=True, text=True,
                          env={"PATH": "/nonexistent", "TMPDIR": str(tmp_path)})
    assert done.returncode == 1 and "sluice-controlplane is neither beside cpctl nor on PATH" in done.stderr


def test_a_chosen_port_and_json(tmp_path):
    port = free_port()
    with Dev(tmp_path, spec("one"), "--listen", f"127.0.0.1:{port}", "-o", "json") as dev:
        line = wait_for("the line", lambda: dev.out.read_text().endswith("\n") and dev.out.read_text())
        assert json.loads(line) == {"event": "ready", "url": f"http://127.0.0.1:{port}"}
        dev.port = port
        assert dev.get() == "one"
        assert dev.stop(signal.SIGTERM) == 0
