"""cpctl without a control plane: the table of commands, help, wrong calls, contexts, completion, validate, the manual."""
import json
import re
import subprocess

import pytest
import yaml

from fake_admin import run_cpctl
from harness import BIN, ROOT, have

TABLE = json.loads(run_cpctl("help", "-o", "json").stdout)
COMMANDS = [c["name"] for c in TABLE["commands"]]


@pytest.fixture
def config(tmp_path):
    return tmp_path / "config.yaml"


def test_overview_lists_every_command():
    done = run_cpctl("--help")
    assert done.returncode == 0 and done.stderr == ""
    for command in TABLE["commands"]:
        assert f"  {command['name']} " in done.stdout and command["help"] in done.stdout
    assert run_cpctl().stdout == done.stdout == run_cpctl("help").stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command(name):
    table = next(c for c in TABLE["commands"] if c["name"] == name)
    done = run_cpctl(*name.split(), "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout == run_cpctl("help", *name.split()).stdout
    assert done.stdout.startswith(f"cpctl {name}: {table['help']}\n")
    assert "Examples" in done.stdout and table["examples"].splitlines()[0] in done.stdout
    for option in table["options"] + TABLE["globalOptions"]:
        assert f"--{option['name']}" in done.stdout
    assert json.loads(run_cpctl(*name.split(), "--help", "-o", "json").stdout) == table
    assert yaml.safe_load(run_cpctl("help", *name.split(), "-o", "yaml").stdout) == table
    assert all(len(line) <= 120 for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", sorted({c.split()[0] for c in COMMANDS if " " in c}))
def test_help_of_each_group(name):
    for done in (run_cpctl(name, "--help"), run_cpctl("help", name)):
        assert done.returncode == 0
        for command in COMMANDS:
            assert (f"  {command}" in done.stdout) == command.startswith(name + " ")


@pytest.mark.parametrize("args, error, hint", [
    (["aply"], "unknown command 'aply'", "did you mean `cpctl apply`?"),
    (["xyzzy"], "unknown command 'xyzzy'", "`cpctl --help` lists the commands"),
    (["token"], "cpctl token takes one of: create, list, revoke", None),
    (["token", "creat"], "unknown command 'token creat'", "did you mean `cpctl token create`?"),
    (["token", "zzz"], "unknown command 'token zzz'", "one of: create, list, revoke"),
    (["apply", "--wiat"], "unknown option '--wiat'", "did you mean --wait?"),
    (["token", "create", "--expires", "1h"], "unknown option '--expires'", "`cpctl COMMAND --help` lists the options"),
    (["apply", "-x"], "unknown option '-x'", None),
    (["apply"], "-f FILE is missing", "see cpctl apply --help"),
    (["apply", "-f"], "option -f needs a value: FILE", None),
    (["apply", "--file"], "option --file needs a value: FILE", None),
    (["apply", "-f", "x", "--wait=yes"], "option --wait takes no value", None),
    (["apply", "-f", "x", "--role", "admin"], "`cpctl apply` has no option --role", None),
    (["apply", "-f", "x", "more"], "'more' is one word too many", None),
    (["apply", "-f", "-", "-f", "-"], "-f - stands twice", None),
    (["get"], "something is missing: cpctl get KIND [NAME]", None),
    (["get", "apsi"], "there is no kind 'apsi'", "did you mean apis?"),
    (["get", "xyzzy"], "there is no kind 'xyzzy'", "the kinds are"),
    (["get", "apis", "-o", "xml"], "-o xml: the formats are table, yaml, json and name", None),
    (["diff", "-f", "x", "-o", "name"], "-o name makes no sense here", None),
    (["get", "apis", "--limit", "3"], "--limit is for lists of revisions", None),
    (["delete"], "KIND NAME or -f FILE is needed", None),
    (["delete", "api", "shop", "-f", "x"], "either KIND NAME or -f FILE", None),
    (["delete", "node", "x"], "'node' is no kind of document", None),
    (["delete", "stgae", "x"], "'stgae' is no kind of document", "did you mean stage?"),
    (["stage", "set", "shop", "a=b"], "'shop': a stage is named API/STAGE", None),
    (["stage", "set", "shop/prod", "ab"], "'ab' is neither KEY=VALUE nor KEY-", None),
    (["stage", "set", "shop/prod", "=b"], "the name of the variable is missing", None),
    (["rollback", "3", "--to", "4"], "the revision is named twice", None),
    (["token", "create"], "either --join or --role ROLE is needed", None),
    (["token", "create", "--join"], "--join needs --environment", None),
    (["token", "create", "--role", "god"], "the roles are viewer, editor and admin", None),
    (["token", "create", "--role", "admin", "--uses", "3"], "--environment and --uses are for --join", None),
    (["token", "create", "--join", "--environment", "dev", "--ttl", "soon"], "--ttl soon: a time like 10m", None),
    (["token", "create", "--join", "--environment", "dev", "--uses", "0"], "--uses 0: a whole number from 1", None),
    (["completion", "csh"], "the shells are bash, zsh and fish", None),
    (["help", "nothing"], "there is no command 'nothing'", None),
    (["dev"], "dev needs one -f FILE", None),
    (["dev", "-f", "-"], "dev needs one -f FILE", None),
    (["dev", "-f", "/"], "dev needs one file", None),
    (["dev", "-f", "x", "--listen", "8080"], "--listen 8080: ADDR:PORT is expected", None),
    (["dev", "-f", "x", "--listen", "127.0.0.1:99999"], "ADDR:PORT is expected", None),
    (["dev", "-f", "x", "--workers", "0"], "--workers 0: a whole number from 1 to 256", None),
    (["config", "set-context", "x", "--server", "http://a"], "--server begins with https://", None),
    (["config", "set-context", "x"], "a new context needs --server", None),
    (["nodes"], "no control plane is named", "cpctl config set-context"),
    (["nodes", "--context", "nowhere"], "no context is called 'nowhere'", None),
])
def test_wrong_calls(args, error, hint, tmp_path):
    done = run_cpctl("--config", tmp_path / "none.yaml", *args)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ") and error in done.stderr
    assert hint is None or f"hint: {hint}" in done.stderr
    assert "\033" not in done.stderr


def test_version():
    assert run_cpctl("--version").stdout.startswith("cpctl 0.")
    assert run_cpctl("version", "-o", "json", "--config", "/nonexistent/x").returncode == 0


def test_options_may_stand_anywhere(config):
    run_cpctl("--config", config, "config", "set-context", "a", "--server", "https://a:1")
    one = run_cpctl("--config", config, "-ojson", "config", "get-contexts").stdout
    assert json.loads(one) == json.loads(run_cpctl("config", "get-contexts", f"--config={config}", "--output", "json").stdout)


# ---- contexts ----

def test_contexts(config, tmp_path):
    def run(*args, expect=0, **more):
        done = run_cpctl("--config", config, "config", *args, **more)
        assert done.returncode == expect, done.stderr
        return done
    assert run("get-contexts").stdout == ""
    assert run("get-contexts", "-o", "name").stdout == ""
    run("set-context", "local", "--server", "https://127.0.0.1:9901", "--ca", "ca.crt", "--token-file", "t", cwd=tmp_path)
    run("set-context", "prod", "--server", "https://cp.example.com")
    assert config.stat().st_mode & 0o777 == 0o600
    data = json.loads(run("view", "-o", "json").stdout)
    assert data == {"path": str(config), "currentContext": "local", "contexts": [
        {"name": "local", "server": "https://127.0.0.1:9901", "certificateAuthority": str(tmp_path / "ca.crt"),
         "tokenFile": str(tmp_path / "t")},
        {"name": "prod", "server": "https://cp.example.com"}]}
    assert yaml.safe_load(run("view").stdout) == data == yaml.safe_load(run("get-contexts", "-o", "yaml").stdout)
    assert yaml.safe_load(config.read_text())["contexts"] == data["contexts"]
    run("use-context", "prod")
    assert yaml.safe_load(config.read_text())["currentContext"] == "prod"
    table = run("get-contexts").stdout.splitlines()
    assert table[0].split() == ["CURRENT", "NAME", "SERVER", "CERTIFICATE", "TOKEN"]
    assert [line.split()[0] for line in table[1:]] == ["-", "*"]
    assert run("get-contexts", "-o", "name").stdout.split() == ["local", "prod"]
    assert "did you mean 'prod'?" in run("use-context", "prd", expect=2).stderr
    run("set-context", "local", "--server", "https://other:1")
    changed = json.loads(run("view", "-o", "json").stdout)["contexts"][0]
    assert changed["server"] == "https://other:1" and changed["tokenFile"] == str(tmp_path / "t")


def test_the_config_file_may_come_from_the_environment(config):
    run_cpctl("config", "set-context", "a", "--server", "https://a:1", env={"SLUICE_CONFIG": str(config)})
    assert config.exists()
    home = config.parent / "home"
    run_cpctl("config", "set-context", "b", "--server", "https://b:1", env={"HOME": str(home), "XDG_CONFIG_HOME": ""})
    assert (home / ".config/sluice/config.yaml").exists()


@pytest.mark.parametrize("text, error", [
    ("contexts: [", "cannot be read|error"),
    ("[1, 2]", "expected a map"),
    ("contexts: {}", "contexts is a list"),
    ("contexts: [7]", "a context is a map"),
    ("contexts: [{name: a}]", "needs a name and a server"),
    ("contexts: [{name: a, server: b}, {name: a, server: c}]", "two contexts 'a'"),
    ("contexts: [{name: a, server: b, tokenfile: c}]", "did you mean tokenFile?"),
    ("currentcontext: a", "did you mean currentContext?"),
    ("currentContext: [a]", "is a list, not text"),
])
def test_a_broken_config_file_is_told(config, text, error):
    config.write_text(text)
    done = run_cpctl("--config", config, "config", "get-contexts")
    assert done.returncode == 1 and str(config) in done.stderr
    assert any(e in done.stderr for e in error.split("|")), done.stderr


def test_a_token_in_the_file_is_not_shown(config):
    config.write_text("contexts: [{name: a, server: 'https://a', token: hunter2}]\n")
    for args in (["view"], ["view", "-o", "json"], ["get-contexts"], ["get-contexts", "-o", "yaml"]):
        assert "hunter2" not in run_cpctl("--config", config, "config", *args).stdout
    run_cpctl("--config", config, "config", "use-context", "a")
    assert "hunter2" in config.read_text()


def test_two_calls_at_once_lose_nothing(config):
    config.write_text("contexts: []\n")
    children = [subprocess.Popen([str(BIN / "cpctl"), "--config", str(config), "config", "set-context", f"c{i}",
                                  "--server", f"https://c{i}"], stdout=subprocess.DEVNULL) for i in range(12)]
    assert [c.wait() for c in children] == [0] * 12
    assert {c["name"] for c in yaml.safe_load(config.read_text())["contexts"]} == {f"c{i}" for i in range(12)}


# ---- completion ----

def complete(words, script, env=None):
    """What bash offers for the last of these words."""
    program = f"""source {script}
COMP_WORDS=({' '.join(repr(w) for w in words)})
COMP_CWORD={len(words) - 1}
_cpctl
printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True, env=env)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "cpctl.bash"
    path.write_text(run_cpctl("completion", "bash").stdout)
    subprocess.run(["bash", "-n", path], check=True)
    return path


def test_bash_completes_commands(bash_script):
    assert set(complete(["cpctl", ""], bash_script)) == {c.split()[0] for c in COMMANDS}
    assert complete(["cpctl", "roll"], bash_script) == ["rollback", "rollout"]
    assert complete(["cpctl", "token", ""], bash_script) == ["create", "list", "revoke"]
    assert complete(["cpctl", "--config", "x", "config", "u"], bash_script) == ["use-context"]
    assert complete(["cpctl", "get", ""], bash_script)[:3] == ["apis", "stages", "upstreams"]
    assert complete(["cpctl", "delete", ""], bash_script) == ["api", "stage", "upstream"]
    assert complete(["cpctl", "completion", ""], bash_script) == ["bash", "zsh", "fish"]
    assert complete(["cpctl", "get", "apis", "-o", "j"], bash_script) == ["json"]
    assert complete(["cpctl", "token", "create", "--role", ""], bash_script) == ["viewer", "editor", "admin"]


@pytest.mark.parametrize("name", COMMANDS)
def test_bash_completes_the_options_of_each_command(name, bash_script):
    table = next(c for c in TABLE["commands"] if c["name"] == name)
    options = {f"--{o['name']}" for o in table["options"] + TABLE["globalOptions"]}
    assert set(complete(["cpctl", *name.split(), "--"], bash_script)) == options


def test_bash_completes_files_and_contexts(bash_script, tmp_path, config):
    (tmp_path / "shop.yaml").write_text("")
    assert complete(["cpctl", "apply", "-f", f"{tmp_path}/sh"], bash_script) == [f"{tmp_path}/shop.yaml"]
    run_cpctl("--config", config, "config", "set-context", "local", "--server", "https://a:1")
    assert complete([str(BIN / "cpctl"), "--config", str(config), "config", "use-context", ""], bash_script) == ["local"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_take_their_script(shell, tmp_path):
    script = run_cpctl("completion", shell).stdout
    for command in COMMANDS:
        assert command.split()[-1] in script
    assert json.loads(run_cpctl("completion", shell, "-o", "json").stdout) == {"shell": shell, "script": script}
    if have(shell):
        path = tmp_path / "script"
        path.write_text(script)
        subprocess.run([shell, "-n", path], check=True)


# ---- the manual ----

def test_the_manual_has_the_table():
    text = (ROOT / "deploy/man/cpctl.1").read_text()
    begin, end = text.index('.\\" BEGIN COMMANDS\n'), text.index('.\\" END COMMANDS\n')
    made = run_cpctl("help", "--mdoc").stdout
    assert text[begin:end].split("\n", 1)[1] == made, "run `make man-commands`"


@pytest.mark.parametrize("page", sorted(p.name for p in (ROOT / "deploy/man").glob("*.[158]")))
def test_the_manual_pages_render(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(ROOT / "deploy/man" / page)], capture_output=True, text=True)
    assert done.stdout + done.stderr == ""
    assert subprocess.run(["mandoc", "-T", "utf8", str(ROOT / "deploy/man" / page)], capture_output=True).stdout


@pytest.mark.parametrize("program", ["sluice-controlplane", "sluice-dataplane"])
def test_the_manual_has_every_option(program):
    text = (ROOT / f"deploy/man/{program}.8").read_text()
    done = subprocess.run([str(BIN / program), "--help"], capture_output=True, text=True, check=True)
    there = set(re.findall(r"^  --([a-z-]+)", done.stdout, re.M))
    assert there and {name for name in there if f"Fl -{name}" not in text} == set()
    told = set(re.findall(r"(?:It|,) Fl -([a-z-]+)", text))
    assert told - there <= {"config"}


# ---- output ----

def test_a_full_disk_is_no_success():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([str(BIN / "cpctl"), "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "could not write" in done.stderr
