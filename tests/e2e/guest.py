"""A small Linux guest in QEMU, driven over its serial console.

Guests boot at the same time: make them all, then wait for each.

    with Guest("alice", ["vde,sock=/tmp/sw,port=1"]) as alice, Guest("bob", ["vde,sock=/tmp/sw"]) as bob:
        for guest in (alice, bob):
            guest.wait_ready()
"""

import itertools
import json
import os
import re
import select
import shlex
import subprocess
import time
import typing

import process
from guest_image import READY, guest_image
from netns import Replies

QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
MEMORY = "192M"
KERNEL_LINE = "console=ttyS0 quiet loglevel=1 panic=-1"


class Nic(typing.NamedTuple):
    """A network card: a QEMU back end without its id, options of its device, and what else QEMU needs for it.
    `{id}` in EXTRA becomes the back end's id."""

    netdev: str
    device: str = ""
    extra: tuple = ()


class Guest(process.Closes):
    """A running guest. Its memory is shareable, as vhost-user wants it."""

    _numbers = itertools.count(1)

    def __init__(self, name, netdevs, prefix=()):
        """NETDEVS: a Nic, or only its back end such as `vde,sock=DIR,port=3`, for each of eth0, eth1, ...
        PREFIX is put before QEMU (`env NAME=VALUE`, for one)."""
        self.name = name
        self.console = b""
        self._number = next(self._numbers)
        self._nonces = itertools.count(1)
        self._unread = b""
        self._qemu = process.start(*prefix, *self._command(netdevs), **dict.fromkeys(("stdin", "stdout"), subprocess.PIPE),
                                   stderr=subprocess.STDOUT)

    def _command(self, netdevs):
        kernel, initrd = guest_image()
        nics = [Nic(nic) if isinstance(nic, str) else nic for nic in netdevs]
        return [
            QEMU, "-nodefaults", "-no-user-config", "-no-reboot", "-accel", "tcg", "-cpu", "max",
            "-display", "none", "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-m", MEMORY, "-object", f"memory-backend-memfd,id=ram,size={MEMORY},share=on",
            "-machine", "q35,memory-backend=ram", "-kernel", kernel, "-initrd", initrd,
            "-append", f"{KERNEL_LINE} guest={self.name}",
            *(word for index, nic in enumerate(nics) for word in self._card(index, nic)),
        ]

    def _card(self, index, nic):
        kind, _, rest = nic.netdev.partition(",")
        name = f"net{index}"
        device = f"virtio-net-pci,netdev={name},mac={self.mac(index)},romfile="
        return [
            *(word.format(id=name) for word in nic.extra),
            "-netdev", f"{kind},id={name}" + (rest and f",{rest}"),
            "-device", device + (nic.device and f",{nic.device}"),
        ]

    @property
    def pid(self):
        return self._qemu.pid

    def mac(self, index=0):
        """The address of card INDEX, unique among the guests of one test process."""
        return f"52:54:00:00:{self._number:02x}:{index:02x}"

    def wait_ready(self, timeout=60):
        """Waits until the guest's shell listens. Returns the guest."""
        self._read_until(READY.encode() + b"\n", timeout)
        return self

    def _read_until(self, text, timeout):
        """Reads the console up to TEXT. Returns what came before it."""
        end = time.monotonic() + timeout
        while text not in self._unread:
            ready, _, _ = select.select([self._qemu.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, f"guest {self.name} is silent for {timeout} s; its console said:\n{self._said()}"
            chunk = os.read(self._qemu.stdout.fileno(), 65536)
            assert chunk, f"guest {self.name} ended; its console said:\n{self._said()}"
            self._unread += chunk
            self.console += chunk
        before, self._unread = self._unread.split(text, 1)
        return before

    def _said(self):
        return self.console.decode(errors="replace")[-3000:]

    def run(self, command, timeout=20):
        """Runs a shell command line. Returns (status, output); status 143 says that it took longer than TIMEOUT.
        Output of what it leaves in the background belongs elsewhere (`>/dev/null 2>&1 &`)."""
        mark = f"[mark {self.name} {next(self._nonces)}"
        script = f"timeout {timeout} sh -c {shlex.quote(command)} </dev/null 2>&1"
        self._qemu.stdin.write(f"echo {shlex.quote(mark)} begin]; {script}; echo {shlex.quote(mark)} $?]\n".encode())
        self._qemu.stdin.flush()
        self._read_until(f"{mark} begin]\n".encode(), 10)
        output = self._read_until(f"{mark} ".encode(), timeout + 10)
        return int(self._read_until(b"]\n", 10)), output.decode(errors="replace")

    def ok(self, command, timeout=20):
        """Runs a command that must succeed. Returns its output."""
        status, output = self.run(command, timeout)
        assert status == 0, f"{self.name}: {command}: status {status}\n{output}"
        return output

    def up(self, card, address=None):
        """Sets a card up, with an address such as 10.0.0.1/24."""
        if address:
            self.ok(f"ip addr add {address} dev {card}")
        self.ok(f"ip link set {card} up")

    def add_vlan(self, card, vid, address):
        """Adds an 802.1Q interface on CARD, named CARD.VID."""
        self.ok(f"vconfig add {card} {vid}")
        self.up(f"{card}.{vid}", address)

    def ping(self, address, count=3, size=56, deadline=2):
        """Pings with SIZE bytes. Returns how many replies came, and what ping said."""
        _, text = self.run(f"ping -c {count} -i 0.2 -W {deadline} -s {size} {address}", 10 + 2 * count)
        found = re.search(r"(\d+) packets received", text)
        return Replies(int(found[1]) if found else 0, text)

    def arping(self, card, address, count=3):
        """Asks for ADDRESS by ARP broadcasts out of CARD. Returns how many answers came."""
        _, text = self.run(f"arping -I {card} -b -c {count} -w {count + 1} {address}", 10 + count)
        found = re.search(r"Received (\d+) response", text)
        return Replies(int(found[1]) if found else 0, text)

    def heard(self, card):
        """How many frames CARD has received since boot."""
        return int(self.ok(f"cat /sys/class/net/{card}/statistics/rx_packets"))

    def serve_iperf3(self):
        self.ok("iperf3 -s -D")

    def iperf3(self, address, seconds=2, options=""):
        """Sends to a guest that serves iperf3. Returns the bits per second that arrived there."""
        text = self.ok(f"iperf3 -J -c {address} -t {seconds} {options}", seconds + 20)
        result = json.loads(text)
        assert "error" not in result, f"{self.name}: iperf3: {result['error']}"
        end = result["end"]
        return end.get("sum_received", end.get("sum"))["bits_per_second"]

    def close(self):
        process.stop(self._qemu)
