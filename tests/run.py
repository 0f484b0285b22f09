#!/usr/bin/python3
"""`make test`: every stage one after another, each with its log, and one closing line `N passed, N failed`.

    tests/run.py [--only STAGE,...] [--skip STAGE,...] [--jobs N] [--list]

A stage is a command and a way to count what it ran. A stage that ends badly without a failed test counts as one failure; a
stage that ran nothing counts as one failure too.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "test"
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q", "--maxfail=10", "--no-header", "-p", "no:cacheprovider", "-rfE", "--durations=5",
          "-n", str(os.cpu_count() or 1)]


def count_check(text):
    """Check: '87%: Checks: 8, Failures: 1, Errors: 0', once a program."""
    passed = failed = 0
    for checks, failures, errors in re.findall(r"Checks: (\d+), Failures: (\d+), Errors: (\d+)", text):
        bad = int(failures) + int(errors)
        passed, failed = passed + int(checks) - bad, failed + bad
    return passed, failed


def count_pytest(text):
    last = (text.strip().splitlines() or [""])[-1]
    number = lambda word: sum(int(n) for n in re.findall(rf"(\d+) {word}", last))  # noqa: E731
    return number("passed"), number("failed") + number("error")


def count_lines(pattern_ok, pattern_bad):
    def count(text):
        return len(re.findall(pattern_ok, text, re.M)), len(re.findall(pattern_bad, text, re.M))
    return count


def make(*words):
    return ["make", "--no-print-directory", "-s", f"-j{os.cpu_count() or 1}", *words]


def sanitizer_env(folder):
    """Findings end the process with a status that the harness refuses."""
    return {"SLUICE_BIN": str(ROOT / "build" / folder / "bin"), "SLUICE_PATIENCE": "90", "CK_TIMEOUT_MULTIPLIER": "10",
            "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:detect_stack_use_after_return=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
            "TSAN_OPTIONS": f"exitcode=66:halt_on_error=0:suppressions={ROOT}/tests/lib/tsan.supp"}


ASAN, TSAN = ["SAN=address,undefined"], ["SAN=thread"]
LINES = count_lines(r"^(?:layers|sizes|headers|readmes|words|shell): ", r": error|does not stand alone|may not include|at most \d+$")

# name, command, counter, extra environment
STAGES = [
    ("build", make("all", "unit-build"), None, {}),
    ("lint", make("lint"), LINES, {}),
    ("unit", make("unit"), count_check, {}),
    ("interop", make("interop"), count_lines(r"^ok ", r"^FAIL "), {}),
    ("e2e", [*PYTEST, "tests/e2e"], count_pytest, {}),
    ("clang", make("CC=clang", "all", "unit-build"), None, {}),
    ("build-asan", make(*ASAN, "all", "unit-build"), None, {}),
    ("unit-asan", make(*ASAN, "unit"), count_check, sanitizer_env("address-undefined")),
    ("interop-asan", make(*ASAN, "interop"), count_lines(r"^ok ", r"^FAIL "), sanitizer_env("address-undefined")),
    ("e2e-asan", [*PYTEST, "tests/e2e", "-m", "not release_only"], count_pytest, sanitizer_env("address-undefined")),
    ("build-tsan", make(*TSAN, "all", "unit-build"), None, {}),
    ("e2e-tsan", [*PYTEST, "tests/e2e", "-m", "threads and not release_only"], count_pytest, sanitizer_env("thread")),
    ("fuzz", make("fuzz"), count_lines(r"^fuzz \w+: ok", r"^fuzz \w+: FINDING"), {}),
]


def run(name, command, counter, env):
    started = time.monotonic()
    log = LOGS / f"{name}.log"
    with open(log, "wb") as out:
        done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              env={**os.environ, **env}, check=False)
    text = log.read_text(errors="replace")
    passed, failed = counter(text) if counter else (0, 0)
    if failed == 0 and (done.returncode != 0 or (counter and passed == 0)):
        failed = 1
    if failed == 0 and not counter:
        passed = 1
    for line in re.findall(r"^NOTICE: .*$", text, re.M):
        print(f"   {line}")
    print(f"{'ok  ' if failed == 0 else 'FAIL'} {name}: {passed} passed, {failed} failed in {time.monotonic() - started:.0f} s", flush=True)
    if failed:
        print(text[-8000:], flush=True)
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="stages to run, separated by commas")
    parser.add_argument("--skip", default="", help="stages to leave out")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    names = [s[0] for s in STAGES]
    if options.list:
        print("\n".join(names))
        return 0
    wanted = options.only.split(",") if options.only else [n for n in names if n not in options.skip.split(",")]
    unknown = [n for n in wanted if n not in names]
    if unknown:
        print(f"no such stage: {', '.join(unknown)} (see --list)", file=sys.stderr)
        return 2
    LOGS.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    for stage in STAGES:
        if stage[0] in wanted:
            p, f = run(*stage)
            passed, failed = passed + p, failed + f
            if f and stage[0] == "build":
                break
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
