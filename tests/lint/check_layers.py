#!/usr/bin/python3
"""Includes run one way: fails on every #include that tests/lint/layers.txt does not allow."""
import os
import re
import sys

from tree import sources

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRARIES = ("<openssl/", "<event2/", "<nghttp2/", "<yaml.h", "<sqlite3.h", "<protobuf-c/", "<pb", "<zstd", "<ares")
GENERATED = {".pb-c.h": "<protobuf-c/", ".pb.h": "<pb"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def rules():
    table = {}
    with open(os.path.join(ROOT, "tests/lint/layers.txt"), encoding="utf-8") as f:
        for line in f:
            line = line.split("#")[0].strip()
            if line:
                room, allowed = line.split(":", 1)
                table[room.strip()] = set(allowed.split())
    return table


def target(name, top):
    """The room that an include of "dir/file.h" names, or the library; None where it is the file's own folder."""
    for suffix, library in GENERATED.items():
        if name.endswith(suffix):
            return library
    folder = os.path.dirname(name)
    for plane in ("common", top):
        if os.path.exists(os.path.join(ROOT, plane, name)):
            return f"{plane}/{folder}" if folder else plane
    return f"unknown file {name}"


def main():
    table, errors = rules(), []
    files = sources()
    for path in files:
        room, top = os.path.dirname(path), path.split("/")[0]
        if room not in table:
            errors.append(f"{path}: room {room} is not in layers.txt")
            continue
        if "*" in table[room]:
            continue
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            text = f.read()
        for m in INCLUDE.finditer(text):
            line = text.count("\n", 0, m.start()) + 1
            if m.group(1) == "<":
                want = next((l for l in LIBRARIES if ("<" + m.group(2)).startswith(l)), None)
            else:
                want = target(m.group(2), top)
            if want is None or want == room or want in table[room]:
                continue
            errors.append(f"{path}:{line}: {room} may not include {m.group(2)} ({want})")
    print("\n".join(errors) if errors else f"layers: {len(files)} files, includes run one way")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
