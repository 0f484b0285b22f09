#!/usr/bin/python3
"""CPU a request of the data plane beside nginx, HAProxy and a relay that only moves bytes (the floor).

    tests/perf/bench.py [--rounds 7] [--seconds 2] [--bin build/bin]

One worker of each, pinned to core 0; wrk (64 keep-alive connections) and the origin on core 1. All servers run at once and are
measured in turns, so that a change of the machine's mood hits all of them. CPU is what the kernel booked on every thread of the
server's processes (/proc/PID/task/*/schedstat). Any error of wrk fails the run. Prints a table, writes build/bench.json.
Compare ratios of one run, never times of two days.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import ROOT, free_port, read_addresses, request, wait_for  # noqa: E402

SERVER_CORE, LOAD_CORE = "0", "1"

NGINX = """worker_processes 1; daemon off; pid {dir}/pid; error_log {dir}/error.log; user root;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000;
    proxy_temp_path {dir}/p; client_body_temp_path {dir}/c; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
    upstream o {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Forwarded-Port $server_port;
        }}
    }}
}}
"""

HAPROXY = """global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option http-keep-alive
    http-reuse always
    option forwardfor
frontend f
    bind 127.0.0.1:{port}
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Port %[dst_port]
    default_backend b
backend b
    server o 127.0.0.1:{origin} pool-max-conn 256
"""


def pinned(core, command, **options):
    return subprocess.Popen(["taskset", "-c", core, *[str(c) for c in command]], stdin=subprocess.DEVNULL, **options)


def family(pid):
    """A process and all that came from it."""
    parents = {}
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                parents[int(p)] = int(pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
    found, grown = {pid}, True
    while grown:
        more = {p for p, parent in parents.items() if parent in found} - found
        grown, found = bool(more), found | more
    return found


def cpu_ns(pid):
    total = 0
    for p in family(pid):
        for task in pathlib.Path(f"/proc/{p}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def wrk(port, path, seconds):
    text = subprocess.run(["taskset", "-c", LOAD_CORE, "wrk", "-t1", "-c64", f"-d{seconds}s", f"http://127.0.0.1:{port}{path}"],
                          capture_output=True, text=True, check=True).stdout
    wrong = re.search(r"(Socket errors|Non-2xx).*", text)
    assert not wrong, f"port {port}: {wrong.group(0)}"
    return int(re.search(r"(\d+) requests in", text).group(1))


def start(folder, binaries):
    origin = free_port()
    ports = {name: free_port() for name in ("floor", "nginx", "haproxy")}
    processes = {"origin": pinned(LOAD_CORE, [binaries / "perf-origin", origin])}
    wait_for("origin", lambda: request(origin, "GET", "/")[0] == 200)
    processes["floor"] = pinned(SERVER_CORE, [binaries / "perf-floor", ports["floor"], origin])
    (folder / "nginx").mkdir()
    (folder / "nginx" / "nginx.conf").write_text(NGINX.format(dir=folder / "nginx", origin=origin, port=ports["nginx"]))
    processes["nginx"] = pinned(SERVER_CORE, ["nginx", "-p", folder / "nginx", "-c", folder / "nginx" / "nginx.conf"])
    (folder / "haproxy.cfg").write_text(HAPROXY.format(origin=origin, port=ports["haproxy"]))
    processes["haproxy"] = pinned(SERVER_CORE, ["haproxy", "-f", folder / "haproxy.cfg", "-db"], stderr=subprocess.DEVNULL)
    description = {"upstreams": [{"name": "o", "endpoints": [{"host": "127.0.0.1", "port": origin}]}], "stages": [{
        "api": "bench", "name": "dev", "basePath": "", "integrations": {"p": {"type": "http_proxy", "uri": "upstream://o/{proxy}"}},
        "routes": [{"method": "ANY", "path": "/{proxy+}", "integration": "p"}]}]}
    subprocess.run([binaries / "mkbundle", folder / "bundle"], input=json.dumps(description), text=True, check=True)
    processes["sluice"] = pinned(SERVER_CORE, [
        binaries / "sluice-dataplane", "--bundle", folder / "bundle", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
        "--workers", "1", "--state-dir", folder / "state", "--drain-delay-ms", "0"], stderr=subprocess.DEVNULL)

    class Shown:
        name, child = "sluice", processes["sluice"]
        running, text = staticmethod(lambda: processes["sluice"].poll() is None), staticmethod(lambda: "")
    ports["sluice"] = int(read_addresses(Shown, folder / "state")["listen"].rsplit(":", 1)[1])
    for name, port in ports.items():
        wait_for(name, lambda: request(port, "GET", "/x")[0] == 200)
    return processes, ports


def measure(processes, ports, path, rounds, seconds):
    figures = {name: [] for name in ports}
    for name, port in ports.items():
        wrk(port, path, 1)
    for _ in range(rounds):
        for name, port in ports.items():
            before = cpu_ns(processes[name].pid)
            count = wrk(port, path, seconds)
            figures[name].append((cpu_ns(processes[name].pid) - before) / count / 1000)
    return {name: {"us": statistics.median(all_), "low": min(all_), "high": max(all_)} for name, all_ in figures.items()}


def show(title, figures):
    print(f"\n{title}\n{'':10}{'CPU a request':>15}{'spread':>18}{'of nginx':>10}{'of HAProxy':>12}{'of the floor':>14}")
    for name, f in figures.items():
        spread = f"{f['low']:.2f} .. {f['high']:.2f}"
        print(f"{name:10}{f['us']:12.2f} us{spread:>18}{f['us'] / figures['nginx']['us']:10.2f}"
              f"{f['us'] / figures['haproxy']['us']:12.2f}{f['us'] / figures['floor']['us']:14.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--bin", default=str(ROOT / "build" / "bin"))
    args = parser.parse_args()
    result = {}
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        processes = {}
        try:
            processes, ports = start(pathlib.Path(folder), pathlib.Path(args.bin).resolve())
            for title, path in (("128 bytes", "/x"), ("1 MiB", "/big")):
                result[title] = measure(processes, ports, path, args.rounds, args.seconds)
                show(f"HTTP/1.1 to HTTP/1.1, 64 connections, a body of {title}", result[title])
        finally:
            for p in processes.values():
                p.terminate()
            for p in processes.values():
                p.wait()
    out = ROOT / "build" / "bench.json"
    out.write_text(json.dumps(result, indent=1) + "\n")
    ratio = result["128 bytes"]["sluice"]["us"] / result["128 bytes"]["nginx"]["us"]
    print(f"\nwritten to {out}; sluice is at {ratio:.2f} of nginx (at most 1.0, aim 0.82)")
    return 0 if ratio <= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
