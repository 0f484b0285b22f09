#!/usr/bin/python3
"""Files at most 600 lines, headers 300, functions 80 (100 is never allowed); exceptions with a reason in exempt.txt."""
import os
import sys

from tree import sources

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE_MAX, HEADER_MAX, FUNCTION_MAX = 600, 300, 80


def exempt():
    names = set()
    with open(os.path.join(ROOT, "tests/lint/exempt.txt"), encoding="utf-8") as f:
        for line in f:
            line = line.strip()
            if line and not line.startswith("#"):
                names.add(line.split()[0])
    return names


def main():
    free, errors = exempt(), []
    files = sources()
    for path in files:
        full = os.path.join(ROOT, path)
        if path in free:
            continue
        with open(full, encoding="utf-8") as f:
            lines = f.read().splitlines()
        limit = HEADER_MAX if path.endswith(".h") else FILE_MAX
        if len(lines) > limit:
            errors.append(f"{path}: {len(lines)} lines, at most {limit}")
        start = None
        for number, line in enumerate(lines, 1):
            if line.startswith("{"):
                start = number
            elif line.startswith("}") and start is not None:
                if number - start > FUNCTION_MAX:
                    errors.append(f"{path}:{start}: a function of {number - start} lines, at most {FUNCTION_MAX}")
                start = None
    print("\n".join(errors) if errors else "sizes: all within bounds")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
