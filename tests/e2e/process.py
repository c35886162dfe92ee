"""Programs that a test starts, which end with the test in any case; and the resources that a process uses."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

# The kernel kills the program when the test run dies, even by SIGKILL.
DIE_WITH_PARENT = ("setpriv", "--pdeathsig=KILL", "--")


class Closes:
    """Calls its close() at the end of the `with` block."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def start(*argv, **options):
    """Starts a program in a process group of its own. OPTIONS are those of Popen."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([*DIE_WITH_PARENT, *map(str, argv)], process_group=0, **options)


def stop(process, timeout=5):
    """Ends a program and its descendants, by SIGTERM first. Does nothing if it has been waited for."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGTERM)
        _await_end(process, timeout)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def _await_end(process, timeout):
    """Waits for the exit without reaping the process, so that its PID is not reused meanwhile."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
            return
        time.sleep(0.01)


@contextlib.contextmanager
def paused(pid):
    """Stops the process during the `with` block."""
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
    """The fields of /proc/PID/stat after the program's name: state, parent, group, session, ..."""
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
    """Whether a process is alive; a zombie is not."""
    try:
        return stat_fields(pid)[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
