#!/usr/bin/python3
"""Prints the main() of a unit test program: one suite a source file, Check's own summary at the end."""
import os
import sys

names = [os.path.splitext(os.path.basename(p))[0] for p in sys.argv[1:] if os.path.basename(p).startswith("test_")]
print("#include <check.h>\n#include <stdlib.h>\n")
for n in names:
    print(f"Suite *{n}_suite(void);")
print("\nint main(void)\n{\n    SRunner *r = srunner_create(NULL);\n    int failed;\n")
for n in names:
    print(f"    srunner_add_suite(r, {n}_suite());")
print("    srunner_run_all(r, CK_ENV);\n    failed = srunner_ntests_failed(r);")
print("    srunner_free(r);\n    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;\n}")
