#!/usr/bin/env python3
"""count_tests.py LOG : "PASSED FAILED" of a ctest log, counting the cases inside GoogleTest and unittest programs."""
import re
import sys

text = open(sys.argv[1], errors="replace").read()
passed = failed = 0
# ctest's log separates programs by a line of dashes and ends each with its verdict.
for block in re.split(r"^-{40,}\n(?=\d+/\d+ Test)|(?<=\n)(?=\d+/\d+ Testing: )", text, flags=re.M):
    verdict = re.search(r"^Test (Passed|Failed)\.|^<end of output>", block, flags=re.M)
    if not re.search(r"^\d+/\d+ Testing: ", block, flags=re.M):
        continue
    good = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) tests?", block, flags=re.M))
    bad = sum(int(n) for n in re.findall(r"^\[  FAILED  \] (\d+) tests?, listed below", block, flags=re.M))
    for ran, result in re.findall(r"^Ran (\d+) tests? in .*\n\n(OK.*|FAILED .*)$", block, flags=re.M):
        broken = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", result))
        good, bad = good + int(ran) - broken, bad + broken
    program_passed = re.search(r"^Test Passed\.", block, flags=re.M) is not None
    if not program_passed and bad == 0:
        bad = 1
    if program_passed and good == 0 and bad == 0:
        good = 1
    passed, failed = passed + good, failed + bad
print(passed, failed)
