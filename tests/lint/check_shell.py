#!/usr/bin/python3
"""shellcheck over every shell script, where it is installed (make deps-test)."""
import os
import shutil
import subprocess
import sys

from tree import ROOT, files


def is_shell(path):
    with open(os.path.join(ROOT, path), "rb") as f:
        first = f.readline()
    return first.startswith(b"#!") and (first.rstrip().endswith((b"/sh", b"/bash")))


def main():
    scripts = [p for p in files() if is_shell(p)]
    if shutil.which("shellcheck") is None:
        print("NOTICE: shellcheck is not installed, shell scripts are not checked")
        return 0
    done = subprocess.run(["shellcheck", "--format=gcc", *scripts], cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout if done.returncode else f"shell: {len(scripts)} scripts", end="" if done.returncode else "\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
