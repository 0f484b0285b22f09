#!/usr/bin/python3
"""Runs fuzz targets for a bounded time each, as many at once as there are cores, from their checked-in corpora.

What strangers send gets the whole time, every other target half of it."""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile

FULL_TIME = {"h1_request", "h1_response", "yaml", "bundle"}
HERE = os.path.dirname(os.path.abspath(__file__))


def run(program, seconds):
    name = os.path.basename(program).removeprefix("fz_")
    seconds = seconds if name in FULL_TIME else max(1, seconds // 2)
    corpus = os.path.join(HERE, "corpus", name)
    scratch = tempfile.mkdtemp(prefix=f"fuzz-{name}-")
    dictionary = os.path.join(HERE, "dict", name + ".dict")
    command = [program, f"-max_total_time={seconds}", "-rss_limit_mb=4096", "-timeout=10", "-print_final_stats=1",
               f"-artifact_prefix={scratch}/finding-", os.path.join(scratch, "new")]
    os.mkdir(os.path.join(scratch, "new"))
    if os.path.isdir(corpus):
        command.append(corpus)
    if os.path.exists(dictionary):
        command.insert(1, f"-dict={dictionary}")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    runs = next((l.split()[-1] for l in done.stdout.splitlines() if "number_of_executed_units" in l), "?")
    if done.returncode == 0:
        shutil.rmtree(scratch)
    return name, done.returncode, f"{runs} inputs in {seconds} s", done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("programs", nargs="+")
    arguments = parser.parse_args()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for name, code, runs, output in pool.map(lambda p: run(p, arguments.seconds), arguments.programs):
            print(f"fuzz {name}: {'ok' if code == 0 else 'FINDING'}, {runs}", flush=True)
            if code != 0:
                failed += 1
                sys.stdout.write(output[-6000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
