"""Network namespaces of a test: they have no name, so nothing is left behind, and end with the test.

Root is not needed: become_root() gives the test run a user namespace where it is root of what it makes itself.
"""

import contextlib
import ctypes
import os
import pathlib
import re
import subprocess

import process
from switch import wait_for

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
NO_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")


def become_root():
    """Makes this process root of a new user namespace, unless it is root already. It must have one thread."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        problem = os.strerror(ctypes.get_errno())
        raise SystemExit(f"these tests need root or unprivileged user namespaces: {problem}")
    pathlib.Path("/proc/self/setgroups").write_text("deny")
    pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def leave_network():
    """Gives this thread, and all that it starts from now on, a network of its own in which there is only `lo`."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise SystemExit(f"no network namespace for these tests: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class Namespace(process.Closes):
    """A network namespace with `lo` up and IPv6 off (its background traffic would disturb counters and captures)."""

    def __init__(self):
        self._holder = process.start("unshare", "--net", "sleep", "infinity")
        self.pid = self._holder.pid
        self.prefix = ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--"]
        try:
            wait_for(self._is_separate, message="a network namespace")
            self.sh("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
            self.sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
            self.run("ip", "link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise

    def _is_separate(self):
        assert self._holder.poll() is None, "unshare --net failed"
        return os.readlink(f"/proc/{self.pid}/ns/net") != os.readlink("/proc/self/ns/net")

    def run(self, *argv, timeout=30, check=True):
        """Runs a program in here to its end. Returns the CompletedProcess, with output as text."""
        return subprocess.run(
            [*self.prefix, *map(str, argv)], timeout=timeout, check=check, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )

    def sh(self, script, **options):
        """Runs a line of shell in here."""
        return self.run("sh", "-c", script, **options)

    def running(self, *argv, **options):
        """A program that runs in here as long as the `with` block."""
        return process.running(*self.prefix, *argv, **options)

    @contextlib.contextmanager
    def entered(self):
        """Sockets and TAPs that the test opens in the `with` block belong here."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home, open(f"/proc/{self.pid}/ns/net") as here:
            assert libc.setns(here.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(home.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())

    def add_tap(self, name, *options):
        """Makes a persistent TAP, as an administrator would for a user."""
        self.run("ip", "tuntap", "add", "dev", name, "mode", "tap", *options)

    def add_veth(self, name, other, other_name):
        """Joins this namespace's NAME and OTHER's OTHER_NAME with a cable."""
        self.run("ip", "link", "add", name, "type", "veth", "peer", "name", other_name, "netns", other.pid)

    def up(self, name, address=None, mtu=1500):
        """Sets an interface up, once it is there, with an address such as 10.0.0.1/24."""
        wait_for(lambda: self.has(name), message=f"interface {name}")
        if address:
            self.run("ip", "addr", "add", address, "dev", name)
        self.run("ip", "link", "set", name, "mtu", mtu, "up")

    def down(self, name):
        self.run("ip", "link", "set", name, "down")

    def take(self, name, giver):
        """Moves an interface from the namespace GIVER into this one."""
        giver.run("ip", "link", "set", name, "netns", self.pid)

    def has(self, name):
        return self.run("ip", "link", "show", "dev", name, check=False).returncode == 0

    def wait_listening(self, port):
        """Waits until a program in here accepts TCP connections on PORT."""
        wait_for(lambda: f":{port} " in self.run("ss", "-ltn").stdout, message=f"a listener on port {port}")

    def mac(self, name):
        return re.search(r"link/ether (\S+)", self.run("ip", "link", "show", "dev", name).stdout)[1]

    def ping(self, address, count=3, size=56, deadline=1):
        """Pings with SIZE bytes. Returns how many replies came, and what ping said."""
        text = self.run(
            "busybox", "ping", "-c", count, "-i", 0.1, "-W", deadline, "-s", size, address,
            check=False, timeout=10 + 2 * count,
        ).stdout
        found = re.search(r"(\d+) packets received", text)
        return Replies(int(found[1]) if found else 0, text)

    def close(self):
        """Ends the holder; what still runs in here keeps the namespace alive until it ends."""
        process.stop(self._holder)


class Replies(int):
    """The number of ping replies, with ping's output, so that a failed assertion shows it."""

    def __new__(cls, number, text):
        replies = super().__new__(cls, number)
        replies.text = text
        return replies

    def __repr__(self):
        return f"{int(self)} replies:\n{self.text}"

    def times(self):
        """The round trip times in milliseconds."""
        return [float(ms) for ms in re.findall(r"time=([\d.]+) ms", self.text)]
