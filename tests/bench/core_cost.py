#!/usr/bin/python3
"""Counts the instructions that a frame costs in the core, and compares them with the figures that were accepted.

    tests/bench/core_cost.py PROGRAM            compare: fails if a figure is more than 2 % above the accepted one
    tests/bench/core_cost.py PROGRAM --accept   write the present figures to core_cost.txt

PROGRAM is core_cost.c as make builds it for users, without sanitizers. callgrind counts what datapath_run() executes;
the count is the same on every run and on every machine with the same compiler.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ACCEPTED = pathlib.Path(__file__).with_suffix(".txt")
ROOM = 1.02
ROUNDS = 1000
BATCHES = {"batch of 64": 64, "alone": 1}


def instructions(program, batch):
    """Instructions per frame in batches of BATCH."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/out",
                               "--toggle-collect=datapath_run", program, str(batch), str(ROUNDS)],
                              capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or done.stdout != f"{batch * ROUNDS}\n" or not counted:
        sys.exit(f"core_cost.py: {program} did not deliver {batch * ROUNDS} frames:\n{done.stdout}{done.stderr}")
    if int(counted[1]) == 0:
        sys.exit(f"core_cost.py: {program} has no function datapath_run() of its own: nothing was counted")
    return int(counted[1]) / (batch * ROUNDS)


def read_accepted():
    """Figures by name; a line that begins with # is a comment."""
    lines = [line for line in ACCEPTED.read_text().splitlines() if line and not line.startswith("#")]
    return {name: float(figure) for name, figure in (line.rsplit(None, 1) for line in lines)}


def accept(figures):
    comments = [line for line in ACCEPTED.read_text().splitlines() if line.startswith("#")]
    ACCEPTED.write_text("\n".join(comments + [f"{name:<12} {figure:7.1f}" for name, figure in figures.items()]) + "\n")


def main():
    figures = {name: instructions(sys.argv[1], batch) for name, batch in BATCHES.items()}
    if "--accept" in sys.argv[2:]:
        accept(figures)
        return
    accepted, worse = read_accepted(), False
    for name, figure in figures.items():
        print(f"{name:<12} {figure:7.1f} instructions a frame, accepted {accepted[name]:7.1f}")
        worse |= figure > accepted[name] * ROOM
    if worse:
        sys.exit("core_cost.py: a frame costs more than it did: find out why, or accept it with --accept and say so")


if __name__ == "__main__":
    main()
