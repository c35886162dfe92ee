"""What all parts of the bench share: rounds, ratios, tables, facts about the machine."""

import contextlib
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OURS = "ours"


class CannotRun(Exception):
    """A scenario that could not be measured, and why."""


def build(program, *sources):
    """Compiles a C program of this directory, if need be. Returns its path."""
    binary = ROOT / "build" / "bench" / program
    newest = max(path.stat().st_mtime for path in [*(HERE / name for name in sources), *HERE.glob("*.h")])
    if binary.exists() and binary.stat().st_mtime > newest:
        return str(binary)
    binary.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-O2", "-g", "-Wall", "-Wextra", "-pthread",
                    "-o", str(binary), *(str(HERE / name) for name in sources)], check=True)
    return str(binary)


def last_words(text):
    """The end of what a program has said, in one line."""
    return " / ".join(text.split("\n")[-4:]).strip(" /") or "it said nothing"


def cpu_seconds(pid):
    """CPU time of a process, all its threads."""
    return time.clock_gettime((~pid << 3) | 2)  # CPUCLOCK_SCHED


# ---- rounds -----------------------------------------------------------------


def alternate(sides, number):
    """The sides in the order of round NUMBER: there, and back again."""
    return tuple(sides) if number % 2 == 0 else tuple(reversed(sides))


def show_progress(number, rounds, what):
    if sys.stderr.isatty():
        print(f"\rround {number + 1}/{rounds} {what:<40}", end="", file=sys.stderr)


def end_progress():
    if sys.stderr.isatty():
        print("\r" + " " * 70 + "\r", end="", file=sys.stderr)


# ---- ratios and targets -----------------------------------------------------


def pairs_of(samples, scenario, key, side, peer):
    """The two sides' figures in each round that has both."""
    return [(r[side][key], r[peer][key]) for r in samples.get(scenario, []) if side in r and peer in r]


def ratios_of(pairs):
    return [a / b for a, b in pairs if b]


def with_spread(ratios):
    return f"{statistics.median(ratios):.2f} +-{spread(ratios):.2f}"


def spread(values):
    if len(values) < 3:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2


def at_most(limit):
    return {"target": f"ratio <= {limit:g}", "met": lambda ratio, _: ratio <= limit, "limit": limit}


def at_least(limit):
    return {"target": f"ratio >= {limit:g}", "met": lambda ratio, _: ratio >= limit, "limit": limit}


def none():
    return {"target": "none", "met": lambda _, ours: ours == 0}


MET = {True: "yes", False: "NO", None: ""}


# ---- output -----------------------------------------------------------------


def print_table(head, body):
    """HEAD: column -> heading. BODY: rows, column -> text; a row's `note` goes behind it."""
    left = ("title", "target", "met")
    width = {key: max(len(cells.get(key, "")) for cells in [head, *body]) for key in head}
    for number, cells in enumerate([head, *body]):
        line = "  ".join(cells.get(key, "").ljust(width[key]) if key in left else cells.get(key, "").rjust(width[key])
                         for key in head)
        print(line.rstrip() + ("  " + cells["note"] if "note" in cells else ""))
        if number == 0:
            print("  ".join("-" * width[key] for key in head))


def print_missed(body, missed, failures):
    if missed or any(cells.get("met") for cells in body):
        print("\ntargets missed:" if missed else "\nno target missed")
    for line in missed:
        print("  " + line)
    for name, why in failures.items():
        print(f"could not run {name}: {why}")


# ---- facts ------------------------------------------------------------------


def first_line(command):
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL)
        for line in done.stdout.splitlines():
            if line.strip():
                return line.strip()
    return "unknown"


def package_version(name):
    return first_line(["dpkg-query", "-W", "-f", "${Version}", name])


def spin(seconds, counts):
    end, count = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        count += 1
    counts.put(count)


def usable_cores():
    """How much work all cores do together, in units of what one does alone."""
    done = []
    for n in (1, len(os.sched_getaffinity(0))):
        counts = multiprocessing.SimpleQueue()
        spinners = [multiprocessing.Process(target=spin, args=(1.0, counts)) for _ in range(n)]
        for spinner in spinners:
            spinner.start()
        for spinner in spinners:
            spinner.join()
        done.append(sum(counts.get() for _ in spinners))
    return done[1] / done[0]
