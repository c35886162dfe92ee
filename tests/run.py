#!/usr/bin/python3
"""Runs the test suites and closes with one line, N passed, N failed, over all of them.

    tests/run.py [--full] SUITE...      suites: build unit cost fuzz e2e

build   the sources compile without a warning with gcc and with clang
unit    the core with fake ports and a fake clock (cmocka), under ASan and UBSan; two workers also under TSan
cost    the instructions that a frame costs in the core are no more than were accepted
fuzz    each parser of outside bytes, from its saved corpus (briefly; --full: a minute each)
e2e     real clients, real guests, against the ASan and UBSan build (pytest), side by side; --full adds the long ones
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
PYTHON = "/usr/bin/python3"  # Debian's, which has its pytest
JOBS = f"-j{os.cpu_count()}"

# Where a leak or an undefined operation is an end, not a line in some log.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:exitcode=99",
}


class Tally:
    """What passed and what failed, with the names of the latter for the end."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.failures = []

    def add(self, name, passed, failed):
        self.passed += passed
        self.failed += failed
        if failed:
            self.failures.append(name)


def run(argv, **options):
    """Runs a command with its output shown as it comes. Returns (status, output)."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT,
                               env={**os.environ, **SANITIZERS, **options.get("env", {})}, text=True,
                               errors="replace", stdin=subprocess.DEVNULL)
    lines = []
    for line in process.stdout:
        if not options.get("quiet"):
            print(line, end="", flush=True)
        lines.append(line)
    return process.wait(), "".join(lines)


def side_by_side(work, items):
    """Does WORK on as many ITEMS at a time as there are processors. Yields the results in the order of the items."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(work, items)


def step(tally, name, argv):
    """A step counts as one test, which fails on any warning. Returns whether the command succeeded."""
    status, output = run(argv, quiet=True)
    clean = status == 0 and "warning:" not in output
    if not clean:
        print(output)
    tally.add(name, int(clean), int(not clean))
    return status == 0


def make(tally, name, *arguments):
    """Runs make with a job for each processor."""
    return step(tally, name, ["make", "--no-print-directory", "-s", JOBS, *arguments])


def build(tally, full):
    make(tally, "build with gcc", "all", "CC=gcc", f"BUILD={BUILD}/gcc")
    make(tally, "build with clang", "all", "CC=clang", f"BUILD={BUILD}/clang")


def unit(tally, full):
    if not make(tally, "build unit tests", "unit-tests", "MODE=asan") or \
       not make(tally, "build thread tests", "thread-tests", "MODE=tsan"):
        return
    env = {"ORACLE_SEEDS": "2000"} if full else {}
    names = [source.stem for source in sorted((ROOT / "tests" / "unit").glob("test_*.c"))]
    programs = [[str(BUILD / "asan" / "unit" / name)] for name in names]
    # ThreadSanitizer knows where a program's memory is only if the kernel does not move it about.
    names.append("test_threads, ThreadSanitizer")
    programs.append(["setarch", "-R", str(BUILD / "tsan" / "unit" / "test_threads")])
    for name, (status, output) in zip(names, side_by_side(lambda argv: run(argv, quiet=True, env=env), programs)):
        print(f"--- {name}", flush=True)
        passed = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", output)))
        failed = sum(map(int, re.findall(r"\[  FAILED  \] (\d+) test", output)))
        if status != 0 or passed == 0:
            print(output)
            failed = max(failed, 1)
        tally.add(name, passed, failed)


def cost(tally, full):
    """Built by gcc, whatever CC is: the accepted figures are gcc's."""
    if make(tally, "build what counts instructions", "core-cost", "CC=gcc", f"BUILD={BUILD}/gcc"):
        status, output = run([PYTHON, "tests/bench/core_cost.py", str(BUILD / "gcc" / "core_cost")], quiet=True)
        print(output, end="")
        tally.add("cost", int(status == 0), int(status != 0))


def fuzz(tally, full):
    if not make(tally, "build fuzzers", "fuzzers"):
        return
    names = [source.stem for source in sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.c"))]
    for name, (status, output) in zip(names, side_by_side(lambda name: fuzz_target(name, full), names)):
        print(f"--- {name}\n{output if status else ''}", end="", flush=True)
        tally.add(name, *((1, 0) if status == 0 else (0, 1)))


def fuzz_target(name, full):
    """One target, for its time. What it has found stays if that made it fail. Returns (status, output)."""
    corpus, found = ROOT / "tests" / "fuzz" / "corpus" / name, tempfile.mkdtemp(prefix="fuzz.")
    status, output = run([str(BUILD / "fuzz" / name), f"-max_total_time={60 if full else 5}", "-timeout=5",
                          "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={found}/", found, str(corpus)],
                         quiet=True)
    if status == 0:
        shutil.rmtree(found)
    return status, output


def privileged():
    """Namespaces and TAPs need root: as we are, through sudo, or in a user namespace of our own."""
    if os.geteuid() == 0:
        return []
    if subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n", "-E"]
    return ["unshare", "-Urn", "--mount", "--fork"]


def e2e(tally, full):
    prefix = privileged()
    # The guest's kernel is downloaded now, outside: neither a worker nor a user namespace has a network to do it.
    outside = [] if "unshare" in prefix else prefix
    guest = [*outside, PYTHON, "tests/e2e/guest_image.py", "build/guest"]
    if not make(tally, "build the switch", "all", "MODE=asan") or not step(tally, "make the test guest", guest):
        return
    chosen = "" if full else "not full and "
    # Tests mostly wait, so there are more of them at a time than processors. A worker that dies ends the run: pytest-xdist
    # would give its test to one worker after the other.
    workers = ["-n", str(2 * os.cpu_count()), "--dist", "loadgroup", "--max-worker-restart=0"]
    pytest(tally, "e2e", prefix, "-m", f"{chosen}not alone", *workers)
    pytest(tally, "e2e, one at a time", prefix, "-m", f"{chosen}alone")


def pytest(tally, name, prefix, *arguments):
    """Runs the end-to-end tests that ARGUMENTS choose; each counts."""
    status, output = run([*prefix, PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=10", *arguments,
                          "tests/e2e"])
    closing = output.rstrip().rsplit("\n", 1)[-1]
    passed = sum(map(int, re.findall(r"(\d+) passed", closing)))
    failed = sum(map(int, re.findall(r"(\d+) (?:failed|error)", closing)))
    skipped = re.search(r"(\d+) skipped", closing)
    if skipped and "unshare" in prefix:
        print(f"NOT RUN: {skipped[1]} tests need a second user; run them as root or with sudo")
    elif skipped:
        failed += 1
    if (status != 0 and failed == 0) or passed == 0:
        failed += 1
    tally.add(name, passed, failed)


def main():
    full = "--full" in sys.argv
    suites = {"build": build, "unit": unit, "cost": cost, "fuzz": fuzz, "e2e": e2e}
    chosen = [name for name in sys.argv[1:] if name != "--full"]
    unknown = [name for name in chosen if name not in suites]
    if unknown or not chosen:
        sys.exit(f"run.py: unknown suite {' '.join(unknown) or '(none)'}; known are {' '.join(suites)}")
    tally = Tally()
    for name in chosen:
        start = time.monotonic()
        print(f"=== {name}", flush=True)
        suites[name](tally, full)
        print(f"=== {name} took {time.monotonic() - start:.0f} s", flush=True)
    if tally.failures:
        print("failed:", ", ".join(tally.failures))
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
