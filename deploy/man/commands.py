#!/usr/bin/python3
"""Puts `cpctl help --mdoc` between the marks in cpctl.1."""
import pathlib
import subprocess
import sys

BEGIN, END = '.\\" BEGIN COMMANDS\n', '.\\" END COMMANDS\n'

program, page = sys.argv[1], pathlib.Path(sys.argv[2])
made = subprocess.run([program, "help", "--mdoc"], check=True, capture_output=True, text=True).stdout
text = page.read_text(encoding="utf-8")
head, rest = text.split(BEGIN)
page.write_text(head + BEGIN + made + END + rest.split(END)[1], encoding="utf-8")
