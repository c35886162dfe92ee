"""Programs that a test starts: each ends with the test, whatever happens to the test; and what a process uses."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

# The kernel kills the program when the test run dies, even by SIGKILL.
LEASH = ("setpriv", "--pdeathsig=KILL", "--")


class Closes:
    """What has a close() is closed at the end of its `with` block."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def start(*argv, **options):
    """Starts a program in a process group of its own. OPTIONS are those of Popen."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([*LEASH, *map(str, argv)], process_group=0, **options)


def stop(process, timeout=5):
    """Ends a program, politely first, and what it has started. Does nothing if its end has been awaited."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGTERM)
        _await_end(process, timeout)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def _await_end(process, timeout):
    """Waits for the end without collecting the status, so that the number stays taken while it is used."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            return
        time.sleep(0.01)


@contextlib.contextmanager
def paused(pid):
    """The process does not run during the `with` block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def running(*argv, **options):
    """A program that runs as long as the `with` block."""
    process = start(*argv, **options)
    try:
        yield process
    finally:
        stop(process)


def stat_fields(pid):
    """What /proc/PID/stat says behind the program's name: its state, its parent, its group, its session, ..."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def cpu_seconds(pid):
    """Processor time that a process has used so far."""
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_share(pid, seconds=0.5):
    """The part of one processor that a process uses over the next SECONDS."""
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / seconds


def memory(pid):
    """Resident memory of a process, in KiB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def is_alive(pid):
    """Whether a process runs; one that has ended and whose status nobody has collected does not."""
    try:
        return stat_fields(pid)[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
