#!/usr/bin/python3
"""How long an accepted change takes: `cpctl apply --wait` of a one-route change with two nodes, wall time of the command.

    tests/perf/apply.py [--rounds 21] [--routes 10000]

Prints the median and the spread for a small Api and for one of many routes, and the longest time that a worker was held up by
a swap, as the nodes themselves measured it in their loops. Writes build/bench-apply.json.
"""
import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import ROOT, ControlPlane  # noqa: E402


def spec(name, routes, changed):
    lines = ["apiVersion: sluice/v1", "kind: Api", f"metadata: {{name: {name}}}", "spec:", "  routes:"]
    for i in range(routes):
        timeout = 1000 + changed if i == routes // 2 else 3000
        lines.append(f'    - {{path: "/group{i % 100}/items{i}/{{id}}", method: GET, integration: {{type: http_proxy, '
                     f'uri: "http://127.0.0.1:9/items{i}/{{id}}", timeoutInMillis: {timeout}}}}}')
    lines += ["---", "apiVersion: sluice/v1", "kind: Stage", "metadata: {name: prod}", f"spec: {{api: {name}, environment: prod}}"]
    return "\n".join(lines) + "\n"


def measure(cp, folder, name, routes, rounds):
    path, times = pathlib.Path(folder) / f"{name}.yaml", []
    path.write_text(spec(name, routes, 0))
    cp.cpctl("apply", "-f", path, "--wait")
    for number in range(1, rounds + 1):
        path.write_text(spec(name, routes, number))
        started = time.monotonic()
        cp.cpctl("apply", "-f", path, "--wait")
        times.append((time.monotonic() - started) * 1000)
    return {"routes": routes, "rounds": rounds, "median_ms": round(statistics.median(times), 1), "min_ms": round(min(times), 1),
            "max_ms": round(max(times), 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--routes", type=int, default=10000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder, ControlPlane(folder) as cp:
        with cp.node("prod") as one, cp.node("prod") as two:
            result = {"small": measure(cp, folder, "small", 10, options.rounds)}
            one.wait_ready()
            two.wait_ready()
            result["large"] = measure(cp, folder, "large", options.routes, options.rounds)
            result["longest_swap_pause_us"] = max(n.metric("sluice_config_swap_pause_seconds_max") for n in (one, two)) * 1e6
            result["node_rss_bytes"] = [n.rss() for n in (one, two)]
    print(json.dumps(result, indent=2))
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "bench-apply.json").write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
