#!/usr/bin/python3
"""Prints a file as a C array: embed.py NAME FILE."""
import sys

name, path = sys.argv[1:3]
with open(path, "rb") as f:
    data = f.read()
print("#include <stddef.h>\n")
print(f"extern const unsigned char {name}[];\nextern const size_t {name}_size;")
print(f"const unsigned char {name}[] = {{")
for i in range(0, len(data), 20):
    print("    " + ", ".join(str(b) for b in data[i:i + 20]) + ",")
print(f"}};\nconst size_t {name}_size = {len(data)};")
