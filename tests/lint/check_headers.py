#!/usr/bin/python3
"""Each header compiles alone, but for the X-tables in tbl/, which are data."""
import argparse
import concurrent.futures
import os
import subprocess
import sys

from tree import sources

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--gen", default="build/gen")
    a = parser.parse_args()
    plane = {"common": ["-Icommon"],
             "dataplane": ["-Icommon", "-Idataplane", f"-I{a.gen}/nanopb"],
             "controlplane": ["-Icommon", "-Icontrolplane", f"-I{a.gen}/protobuf-c", f"-I{a.gen}"]}
    headers = [f for f in sources() if f.endswith(".h") and "/tbl/" not in f]

    def check(path):
        command = a.cc.split() + ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
                                  "-fsyntax-only", "-x", "c", *plane[path.split("/")[0]], "-"]
        done = subprocess.run(command, cwd=ROOT, input=f'#include "{path}"\n', text=True, capture_output=True)
        return path, done.returncode, done.stderr

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for path, code, text in pool.map(check, headers):
            if code != 0:
                failed += 1
                print(f"{path}: does not stand alone\n{text}")
    if not failed:
        print(f"headers: {len(headers)} stand alone")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
