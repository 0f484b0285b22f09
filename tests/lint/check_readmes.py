#!/usr/bin/python3
"""Each folder that holds code says in a README what lives there; the files that a README names in backticks exist."""
import fnmatch
import os
import re
import sys

from tree import ROOT, files

CODE = (".c", ".h", ".py", ".proto")
# Folders that their parent's README speaks for: tables of data, and the mirrored trees of unit tests and fuzz targets.
PARENT_SPEAKS = re.compile(r".*/tbl|tests/unit/(?!planes).*|tests/fuzz/.*|deploy/run")
NAMED = re.compile(r"`([\w./*\[\]-]+\.(?:c|h|py|proto|options|txt|mk|service|\[ch\]))`")
LINES_MAX = 60


def exists(name, folder, all_files):
    pattern = name.replace("[ch]", "?")
    return any(fnmatch.fnmatch(path, p) for path in all_files
               for p in (pattern, os.path.join(folder, pattern), "*/" + pattern))


def main():
    all_files, errors = files(), []
    folders = {os.path.dirname(f) for f in all_files if f.endswith(CODE)}
    readmes = {os.path.dirname(f): f for f in all_files if os.path.basename(f) == "README.md"}
    for folder in sorted(folders):
        if folder not in readmes and not PARENT_SPEAKS.fullmatch(folder):
            errors.append(f"{folder}: error: holds code and has no README.md")
    for folder, path in sorted(readmes.items()):
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            text = f.read()
        if folder and text.count("\n") > LINES_MAX:
            errors.append(f"{path}: error: {text.count(chr(10))} lines, at most {LINES_MAX}")
        for name in NAMED.findall(text):
            if not exists(name, folder, all_files):
                errors.append(f"{path}: error: names {name}, which does not exist")
    print("\n".join(errors) if errors else f"readmes: {len(readmes)}, every folder of code has one")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
