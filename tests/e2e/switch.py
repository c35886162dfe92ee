"""One switch under test: start it, type commands on its stdin console, stop it, look at what it left.

A switch runs as long as its controlling stdin is open, so it cannot outlive the test run.
"""

import fcntl
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("VSWITCHD", str(ROOT / "build" / "asan" / "vswitchd"))

REPLY = re.compile(r"^(1\d{3})(?: (.*))?$")


# The sanitizer keeps freed memory for a while, which looks like growth.
SMALL_QUARANTINE = {
    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
}
NO_HOARDING = {"ASAN_OPTIONS": SMALL_QUARANTINE["ASAN_OPTIONS"] + ":allocator_release_to_os_interval_ms=0"}


def wait_for(what, timeout=10.0, message="condition"):
    """Polls WHAT until it is true; fails the test after TIMEOUT seconds."""
    end = time.monotonic() + timeout
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"timed out after {timeout} s waiting for {message}"
        time.sleep(0.01)


def make(*arguments):
    """Runs make for the build that is tested, for one test at a time: two at once might both build the same file."""
    with open(ROOT / "Makefile", encoding="utf-8") as makefile:
        fcntl.flock(makefile, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "MODE=asan", *arguments], cwd=ROOT, check=True, capture_output=True)


def preloaded(directory, source):
    """The environment of a switch that finds the functions of SOURCE, in C, before those of the C library."""
    library = directory / "preloaded.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=source, text=True, check=True)
    options = [os.environ.get("ASAN_OPTIONS", ""), "verify_asan_link_order=0"]
    return {"LD_PRELOAD": str(library), "ASAN_OPTIONS": ":".join(filter(None, options))}


class Switch:
    """A running switch. Use it as a context manager; leaving it asserts a clean exit."""

    def __init__(self, *args, rc=None, program=None, dir=None, env=None, prefix=(), check_exit=True, inherit=()):
        """ARGS follow `-s DIR`; RC is the text of an rc file; PREFIX is put before the program
        (`ip netns exec NAME`, for one); INHERIT are descriptors that it is started with."""
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="vsw."))
        self.dir = pathlib.Path(dir) if dir else self.home / "sw"
        self.check_exit = check_exit
        self._stderr = open(self.home / "stderr", "w+", encoding="utf-8", errors="replace")
        if rc is None:
            rcfile = "/dev/null"
        else:
            rcfile = self.home / "rc"
            rcfile.write_text(rc)
        self.argv = [*prefix, program or PROGRAM, "-s", str(self.dir), "-f", str(rcfile), *map(str, args)]
        self.process = subprocess.Popen(
            self.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **(env or {})},
            pass_fds=inherit,
        )
        self._unread = b""
        try:
            wait_for(self._is_up, 15, f"{self.dir}/ctl; stderr so far: {self.stderr()!r}")
        except BaseException:
            self.kill()
            raise

    def _is_up(self):
        status = self.process.poll()
        assert status is None, f"switch ended with {status}: {self.stderr()}"
        return (self.dir / "ctl").exists()

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        """What the switch has written to stderr so far, up to a megabyte."""
        with open(self.home / "stderr", encoding="utf-8", errors="replace") as said:
            return said.read(1 << 20)

    def wait_said(self, pattern, since=0, timeout=10.0):
        """Waits for a line on stderr after the first SINCE characters. Returns the lines that match PATTERN."""
        return wait_for(lambda: re.findall(f"^.*{pattern}.*$", self.stderr()[since:], re.M), timeout,
                        f"the log to say {pattern!r}: {self.stderr()[since:]}")

    def cmd(self, line, timeout=20.0):
        """Runs one console command. Returns (code, data lines); code is 1000 for success."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        data, inside = [], False
        end = time.monotonic() + timeout
        while True:
            text = self._line(end)
            if text == "0000 DATA END WITH '.'":
                inside = True
            elif inside and text == ".":
                inside = False
            elif inside:
                data.append(text)
            else:
                reply = REPLY.match(text)
                if reply:
                    return int(reply[1]), data

    def ok(self, line):
        """Runs one console command that must succeed. Returns its data lines."""
        code, data = self.cmd(line)
        assert code == 1000, f"{line}: {code}"
        return data

    def _line(self, end):
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, f"no reply in time; stderr: {self.stderr()}"
            chunk = os.read(self.process.stdout.fileno(), 65536)
            assert chunk, f"switch closed its stdout; stderr: {self.stderr()}"
            self._unread += chunk
        line, self._unread = self._unread.split(b"\n", 1)
        return line.decode(errors="replace").removeprefix("vde$ ")

    def balance(self):
        """The switch-wide frame counters (`frame/balance`) as a dict of ints."""
        return {k: int(v) for k, v in (line.split() for line in self.ok("frame/balance"))}

    def assert_balanced(self):
        """Every frame was delivered or counted as a drop: the two conservation equations hold."""
        b = self.balance()
        assert b["received"] == b["resolved"] + b["ingress_drops"] + b["unheard"], b
        assert b["copies"] == b["handed"] + b["egress_drops"] + b["queued"], b
        return b

    def drops(self, port):
        """Drops of one port by reason (`port/drops N`), zero ones left out, both directions added up."""
        drops = {}
        for line in self.ok(f"port/drops {port}"):
            if not line.startswith("Port "):
                reason, _way, count = line.split()
                drops[reason] = drops.get(reason, 0) + int(count)
        return drops

    def port(self, number):
        """IN and OUT (frames, bytes) of one port, from the VDE port block."""
        found = re.findall(r"(IN|OUT):\s+pkts\s+(\d+)\s+bytes\s+(\d+)", self.port_text(number))
        return {way: (int(frames), int(size)) for way, frames, size in found}

    def port_text(self, port):
        """What the console prints about one port, given by its number or name."""
        return "\n".join(self.ok(f"port/allprint {port}"))

    def endpoint_id(self, port):
        """The number of the one endpoint of PORT."""
        return int(re.search(r"endpoint ID (\d+)", self.port_text(port))[1])

    def wait_attached(self, port):
        """Waits until something is attached to PORT, which may not be there yet."""
        wait_for(lambda: self._is_attached(port), message=f"an endpoint on port {port}")

    def wait_left(self, port):
        """Waits until nothing is attached to PORT; the port itself may stay."""
        wait_for(lambda: not self._is_attached(port), message=f"nobody on port {port}")

    def _is_attached(self, port):
        return any(line.startswith("  -- endpoint") for line in self.cmd(f"port/allprint {port}")[1])

    def names(self):
        """What is in its directory."""
        return sorted(os.listdir(self.dir))

    def fds(self):
        """How many descriptors the switch has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def stop(self, timeout=30):
        """Closes stdin, as a parent that exits would. Returns the exit status (negative: a signal)."""
        if self.process.poll() is None and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            raise

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def close(self):
        """Stops the switch and asserts that it exited cleanly and left nothing behind."""
        ended = self.process.poll() is not None
        status = self.stop()
        text = self.stderr()
        left = list(self.dir.iterdir()) if self.dir.exists() else []
        self._stderr.close()
        self.process.stdout.close()
        shutil.rmtree(self.home, ignore_errors=True)
        assert "Sanitizer" not in text and "runtime error" not in text, text
        if self.check_exit and not ended:
            assert status == 0, f"exit status {status}: {text}"
            assert not left, f"left behind: {left}"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self.kill()
            print(f"switch {' '.join(map(str, self.argv))} said:\n{self.stderr()}")
            shutil.rmtree(self.home, ignore_errors=True)
