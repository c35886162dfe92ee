"""Datagram ports and their peers: QEMU, by each of its netdevs, or a socket of the test."""

import socket
import struct
import typing

from frames import BROADCAST, frame, host
from lan import allow_ipv6
from machine import Machine
from netns import Namespace
from switch import Switch, wait_for
from users import public_dir
from vdeclient import VdeClient


class Way(typing.NamedTuple):
    """The two ends of a wire: a port of ours and a QEMU netdev. {dir} is a directory for sockets, {ours} and
    {theirs} are the descriptors of a pair of sockets."""

    port: str
    netdev: str
    pair: typing.Callable = lambda: ()


def udp6_pair():
    """QEMU's own UDP is IPv4: for IPv6 it gets a socket."""
    theirs = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    theirs.bind(("::1", 5002))
    theirs.connect(("::1", 5001))
    return (theirs,)


WAYS = {
    "udp": Way("local=127.0.0.1:5001,remote=127.0.0.1:5002",
               "dgram,local.type=inet,local.host=127.0.0.1,local.port=5002,"
               "remote.type=inet,remote.host=127.0.0.1,remote.port=5001"),
    "udp6": Way("local=[::1]:5001,remote=[::1]:5002", "dgram,local.type=fd,local.str={theirs}", udp6_pair),
    "unix": Way("local={dir}/a,remote={dir}/b",
                "dgram,local.type=unix,local.path={dir}/b,remote.type=unix,remote.path={dir}/a"),
    "socket-udp": Way("local=127.0.0.1:5001,remote=127.0.0.1:5002", "socket,udp=127.0.0.1:5001,localaddr=127.0.0.1:5002"),
    "socket-mcast": Way("mcast=230.0.0.1:1234,local=127.0.0.1", "socket,mcast=230.0.0.1:1234,localaddr=127.0.0.1"),
    "mcast": Way("mcast=230.0.0.1:1234,local=127.0.0.1",
                 "dgram,local.type=inet,local.host=127.0.0.1,local.port=1234,"
                 "remote.type=inet,remote.host=230.0.0.1,remote.port=1234"),
    "fd": Way("fd={ours}", "dgram,local.type=fd,local.str={theirs}",
              lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)),
}
LASTING = [name for name in WAYS if name not in ("udp6", "fd")]  # both ends of which can be recreated


class DgramNet:
    """A host on which a switch's dgram port, port 1, and QEMU are connected."""

    def __init__(self, stack, way):
        self._stack = stack
        self.way = way
        self.namespace = stack.enter_context(Namespace())
        allow_ipv6(self.namespace, "lo")
        self.dir = stack.enter_context(public_dir())
        with self.namespace.entered():
            self.pair = [stack.enter_context(each) for each in way.pair()]
        self._names = {"dir": self.dir, "theirs": self.pair[-1].fileno() if self.pair else "",
                       "ours": self.pair[0].fileno() if self.pair else ""}

    def switch(self, settings="", way=None, **options):
        port = f"dgram,port=1,{(way or self.way).port.format(**self._names)}{settings}"
        return self._stack.enter_context(
            Switch("--port", port, prefix=self.namespace.prefix, inherit=[each.fileno() for each in self.pair[:-1]],
                   **options))

    def machine(self, wait=True):
        return self._stack.enter_context(
            Machine(self.way.netdev.format(**self._names), *self.namespace.prefix, wait=wait,
                    inherit=[each.fileno() for each in self.pair[-1:]]))

    def client(self, switch, settings="vlan=0"):
        """A VDE client on a port of its own."""
        (line,) = switch.ok(f"port/add vde,{settings}")
        return self._stack.enter_context(VdeClient(switch.dir, port=int(line.split()[1])))

    def socket(self, family=socket.AF_INET, address=None):
        """A datagram socket of another program on this host."""
        with self.namespace.entered():
            made = self._stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        if address:
            made.bind(address)
        made.settimeout(5)
        return made


def heard(machine, wanted, sent=(), timeout=10):
    """Waits until QEMU has received as many frames as WANTED, and asserts that it is these, in order. From a group QEMU
    also receives the frames that it SENT itself."""
    got = []

    def enough():
        got.extend(each for each in machine.heard() if each not in sent)
        return len(got) >= len(wanted)

    wait_for(enough, timeout, f"{len(wanted)} frames in QEMU, {len(got)} are there")
    assert got == wanted


def numbered(count, src, *tags, size=60):
    """Distinct broadcast frames."""
    return [frame(BROADCAST, src, *tags, payload=struct.pack("!I", number), size=size) for number in range(count)]


def says(client, machine, text, timeout=5.0, sent=()):
    """The client and QEMU each send a frame to the other."""
    there = frame(BROADCAST, host(1), payload=text.encode())
    back = frame(BROADCAST, host(2), payload=text.encode())
    client.send(there)
    heard(machine, [there], sent=sent, timeout=timeout)
    machine.send(back)
    assert client.recv(timeout) == back
