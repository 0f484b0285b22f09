"""The files that lint looks at."""
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files():
    """Everything that is ours: no output, nothing of git's or an interpreter's."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in (".git", "build", "__pycache__", ".pytest_cache")]
        found += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names if n != ".git"]
    return sorted(found)


def sources():
    """Every .c and .h below the three code folders."""
    return [f for f in files() if f.startswith(("common/", "dataplane/", "controlplane/")) and f.endswith((".c", ".h"))]
