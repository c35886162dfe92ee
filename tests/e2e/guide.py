"""Runs the command lines of a guide literally, on a machine of their own.

A `GuideMachine` is a network and a mount namespace: /run and /usr/local are empty, `eth0` leads to another such machine, and the
programs just built are found where `make install` puts them. QEMU is the real one, with a processor that has halted.
"""

import contextlib
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import tempfile
import time

import process
from guest import QEMU
from switch import PROGRAM, ROOT, wait_for

BUILT = pathlib.Path(PROGRAM).parent
RUNTIME = "/run/user/1000"  # $XDG_RUNTIME_DIR of a guide's user
HOSTS = ("192.0.2.1", "192.0.2.2")

# Programs that run until they are stopped.
STAYING = {"vswitchd", "qemu-system-x86_64", "passt", "slirpvde", "dpipe", "vde_plug2tap", "ssh", "vde_switch"}

NO_STDIN = " --nostdin"
USER = "setpriv --reuid=1000 --regid=1000 --clear-groups"  # passt, started by root, would switch to user nobody

SUDO = """#!/bin/sh
exec env "$@"
"""

# The guest's firmware is one long HLT: its cards are there, and nothing is computed.
QEMU_SHIM = """#!/bin/sh
exec {qemu} -accel tcg -bios /run/halt.bin -nodefaults -no-user-config -display none -m 32 -qmp unix:/run/qmp/$$,server=on,wait=off "$@"
"""

# What ssh does for a guide: a command, or a forwarded UNIX socket, on the other machine.
SSH_SHIM = """#!/bin/sh
there="nsenter --net=/proc/{pid}/ns/net --mount=/proc/{pid}/ns/mnt --"
if [ "$1" = -N ]; then
    [ "$2" = -L ] || exit 1
    exec socat "UNIX-LISTEN:${{3%%:*}},fork" "EXEC:$there socat - UNIX-CONNECT\\\\:${{3#*:}}"
fi
shift
exec $there "$@"
"""

SET_UP = f"""
set -e
mount --make-rprivate /
for place in /run /usr/local; do mount -t tmpfs -o mode=755 tmpfs $place; done
mkdir -p {RUNTIME} /run/qmp /usr/local/bin /usr/local/sbin /usr/local/libexec/vswitchd
ln -s {BUILT}/vswitchd /usr/local/sbin/
ln -s {BUILT}/vswctl /usr/local/bin/
ln -s {BUILT}/vswplug /usr/local/libexec/vswitchd/
ln -s {BUILT}/vswitchd /usr/local/libexec/vswitchd/vde_switch
ln -s {ROOT}/qemu-ifup /usr/local/libexec/vswitchd/qemu-ifup
ln -s {ROOT}/qemu-ifup /usr/local/libexec/vswitchd/qemu-ifdown
ip link set lo up
ip route add 224.0.0.0/4 dev lo
head -c 65536 /dev/zero | tr '\\0' '\\364' > /run/halt.bin
touch /run/is-set-up
exec sleep infinity
"""


class Line(str):
    """A line of shell, with the blanks of its beginning and its comment gone."""

    @property
    def words(self):
        """What is run, without sudo and variables."""
        words = self.split()
        while words and (words[0] == "sudo" or re.match(r"[A-Z_]+=", words[0])):
            words.pop(0)
        return words

    @property
    def program(self):
        return self.words[0] if self.words else ""

    @property
    def stays(self):
        return self.program in STAYING and not {"-d", "--daemon"} & set(self.words)

    @property
    def macs(self):
        return re.findall(r"\bmac=([0-9a-f:]{17})", self)


def sections(path):
    """{title: [block]} of a guide: the literal blocks below each heading, without the four blanks in front. An empty line
    ends a block."""
    found, title, inside = {}, "", False
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            title = line.lstrip("# ")
            found[title] = []
        if line.startswith("    "):
            if not inside:
                found[title].append([])
            found[title][-1].append(line[4:])
        inside = line.startswith("    ")
    return {title: ["\n".join(block) for block in blocks] for title, blocks in found.items()}


def tables(path):
    """{title: [[cell]]} of a guide: the rows of the table below each heading, the first of them its head."""
    found, title = {}, ""
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            title = line.lstrip("# ")
        elif line.startswith("|") and not re.fullmatch(r"[|\- ]+", line):
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.setdefault(title, []).append(cells)
    return found


def code_of(cell):
    """The text between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def lines_of(block):
    """[(host, line)] of a block of shell: HOST is 0, or 1 where the comment says `on 192.0.2.2`."""
    found = []
    for text in block.replace("\\\n", " ").splitlines():
        code, _, comment = text.partition(" # ")
        if code.strip() and not code.startswith("#"):
            found.append((int(HOSTS[1] in comment), Line(re.sub(r"\s+", " ", code.strip()))))
    return found


class GuideMachine:
    """A machine on which a section of a guide is followed."""

    def __init__(self):
        self._holder = process.start("unshare", "--net", "--mount", "sh", "-c", SET_UP)
        self.pid = self._holder.pid
        self.prefix = ["nsenter", f"--net=/proc/{self.pid}/ns/net", f"--mount=/proc/{self.pid}/ns/mnt", "--"]
        self.root = pathlib.Path(f"/proc/{self.pid}/root")
        self._logs = tempfile.TemporaryDirectory()
        self.switches, self.guests, self._others = {}, [], []
        try:
            wait_for(self._is_set_up, message="a machine for the guide")
            self._put("sudo", SUDO)
            self._put(pathlib.Path(QEMU).name, QEMU_SHIM.format(qemu=subprocess.check_output(["which", QEMU], text=True).strip()))
        except BaseException:
            self.close()
            raise

    def _is_set_up(self):
        assert self._holder.poll() is None, "a machine for the guide cannot be set up"
        return (self.root / "run/is-set-up").exists()

    def _put(self, name, script):
        path = self.root / "usr/local/bin" / name
        path.write_text(script)
        path.chmod(0o755)

    def join(self, other):
        """Lays a cable from here to OTHER: eth0 at both ends, and a way to the Internet that leads nowhere."""
        self.run(f"ip link add eth0 type veth peer name eth0 netns {other.pid}")
        for machine, address, far in ((self, *HOSTS), (other, *reversed(HOSTS))):
            machine.run(f"ip address add {address}/24 dev eth0 && ip link set eth0 up && "
                        f"ip route add default via {far} && ip route replace 224.0.0.0/4 dev eth0")
        self._put("ssh", SSH_SHIM.format(pid=other.pid))

    # -- lines -----------------------------------------------------------------------------------------------

    @property
    def environment(self):
        return {**os.environ, "PATH": f"/usr/local/bin:/usr/local/sbin:{os.environ['PATH']}", "XDG_RUNTIME_DIR": RUNTIME,
                "USER": "root", "HOME": RUNTIME}

    def run(self, line, timeout=30):
        """Runs a line, which must succeed. Returns its output."""
        done = subprocess.run([*self.prefix, "sh", "-c", line], env=self.environment, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def start(self, line):
        """Starts a program that keeps running. Returns it; its output goes to `said`."""
        said = open(pathlib.Path(self._logs.name) / f"{time.monotonic_ns()}", "a+", encoding="utf-8", errors="replace")
        started = process.start(*self.prefix, "sh", "-c", f"exec env {line}",
                                env=self.environment, stdout=said, stderr=subprocess.STDOUT)
        started.line, started.said = line, said
        return started

    def follow(self, line):
        """Does what LINE says, and waits until that is done. DIR is the directory of the last switch."""
        line = Line(line.replace("...", " "))
        if line.program == "vswitchd":
            self._start_switch(line)
        elif line.program == "qemu-system-x86_64":
            self._start_guest(self._with_directory(line))
        elif line.stays:
            line = self._with_directory(line)
            self._others.append(self.start(f"{USER} {line}" if line.program == "passt" else line))
        else:
            self.run(self._with_directory(line))

    def _with_directory(self, line):
        return Line(re.sub(r"\bDIR\b", self.directory, line))

    @property
    def directory(self):
        return list(self.switches)[-1] if self.switches else "/run/vsw"

    def _start_switch(self, line):
        words = line.words
        directory = words[words.index("-s") + 1].replace("$XDG_RUNTIME_DIR", RUNTIME) if "-s" in words else "/run/vsw"
        if directory in self.switches:
            self.end_guests()
            self.end(self.switches.pop(directory))
        if "-d" in words:
            line = Line(line.replace(" -d", ""))
        switch = self.start(line.replace(" &", "") + NO_STDIN)
        self.switches[directory] = switch

        def is_up():
            assert switch.poll() is None, f"{line}\n{self.said(switch)}"
            return "is switching in" in self.said(switch)

        try:
            wait_for(is_up, message=line)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report()}") from error

    def _start_guest(self, line):
        guest = self.start(line)
        guest.macs = line.macs
        self.guests.append(guest)
        number = guest.pid  # every link of the chain is exec, so it is QEMU's own

        def is_up():
            assert guest.poll() is None, f"{line}\n{self.said(guest)}"
            return (self.root / f"run/qmp/{number}").is_socket()

        wait_for(is_up, message=f"QEMU: {line}")
        try:
            guest.qmp = Qmp(self.root / f"run/qmp/{number}")
        except (ConnectionError, ValueError) as error:
            raise AssertionError(f"{line}\n{self.said(guest)}") from error

    def said(self, started):
        started.said.seek(0)
        return started.said.read()

    # -- results ---------------------------------------------------------------------------------------------

    def vswctl(self, command, directory=None):
        return self.run(f"vswctl -s {directory or self.directory} {shlex.quote(command)}")

    def addresses(self, directory=None):
        """The addresses that the switch has learned."""
        return re.findall(r"Addr: (\S+)", self.vswctl("hash/print", directory))

    def await_guests(self, *directories):
        """Each guest announces itself; each switch must learn its address."""
        for guest in self.guests:
            assert guest.macs, f"no mac= in {guest.line}"
            if "server=on" in guest.line:  # QEMU 7.2 crashes if a card sends before the peer has connected
                wait_for(lambda: any("-- endpoint" in self.vswctl("port/print", directory) for directory in self.switches),
                         message=f"a switch that connects\n{self.report()}")
                time.sleep(0.3)
            heard = set()

            def is_heard():
                assert guest.poll() is None, f"{guest.line}\n{self.said(guest)}"
                guest.qmp.announce()
                heard.update(*(self.addresses(directory) for directory in directories or self.switches))
                return set(guest.macs) <= heard

            wait_for(is_heard, 10, f"{guest.macs} at {list(directories or self.switches)}: {guest.line}\n{self.report()}")

    def heard_now(self):
        """Which addresses the switch knows a moment after all guests have announced themselves."""
        for guest in self.guests:
            guest.qmp.announce()
        time.sleep(0.3)
        return set(self.addresses())

    def report(self):
        """All output of this machine's programs, for a failure."""
        return "\n".join(f"== {started.line}\n{self.said(started)}"
                         for started in [*self.switches.values(), *self.guests, *self._others])

    def end_guests(self):
        for guest in self.guests:
            self.end(guest)
        self.guests.clear()

    def restart(self):
        """Kills the last switch and starts it again. Guests go on."""
        directory = self.directory
        guests, self.guests = self.guests, []
        switch = self.switches[directory]
        switch.kill()
        self.end(self.switches.pop(directory))
        self.follow(switch.line.removesuffix(NO_STDIN))
        self.guests = guests

    def end(self, started):
        """Ends what start() has started, with all descendants."""
        if getattr(started, "qmp", None):
            started.qmp.close()
        process.stop(started)
        text = self.said(started)
        started.said.close()
        assert "Sanitizer" not in text and "runtime error" not in text, text

    def close(self):
        try:
            self.end_guests()
            for started in [*self._others, *self.switches.values()]:
                self.end(started)
        finally:
            process.stop(self._holder)
            self._logs.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Qmp:
    """QEMU's monitor, for a guest without a running processor."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        wait_for(lambda: self._socket.connect_ex(str(path)) == 0, message="QEMU's monitor")
        self._lines = self._socket.makefile()
        self._lines.readline()
        self._ask("qmp_capabilities")

    def _ask(self, command, **arguments):
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        reply = {}
        while not {"return", "error"} & set(reply):
            reply = json.loads(self._lines.readline())
        assert "return" in reply, reply

    def announce(self):
        """Every card announces itself, as after a migration."""
        self._ask("announce-self", initial=1, max=1, rounds=1, step=1)

    def close(self):
        self._lines.close()
        self._socket.close()


@contextlib.contextmanager
def two_machines():
    with GuideMachine() as one, GuideMachine() as other:
        one.join(other)
        yield one, other
