"""Datagram ports: QEMU's `-netdev dgram` and `socket,udp=|mcast=` at the other end, a real one that boots nothing."""

import contextlib
import os
import pathlib
import re
import select
import signal
import socket
import stat
import struct
import subprocess
import time
import typing

import pytest

from console import Console
from frames import BROADCAST, LARGEST_FRAME, frame, host, tag
from lab import settle
from lan import allow_ipv6
from machine import Machine
from netns import Namespace
from process import cpu_share, paused
from streamclient import StreamClient
from switch import PROGRAM, Switch, preloaded, wait_for
from users import NOBODY, as_user, needs_two_users, public_dir
from vdeclient import VdeClient

SIZES = (60, 64, 1514, 4096, LARGEST_FRAME - 4, LARGEST_FRAME)
GROUP = ("230.0.0.1", 1234)


class Way(typing.NamedTuple):
    """The two ends of a wire: a port of ours and a back end of QEMU's. {dir} is a directory for sockets, {ours} and
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
LASTING = [name for name in WAYS if name not in ("udp6", "fd")]  # both ends of which can be made again


class Wire:
    """A host on which a switch with a dgram port, port 1, and QEMU find each other."""

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
        """A datagram socket of somebody else's on this host."""
        with self.namespace.entered():
            made = self._stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        if address:
            made.bind(address)
        made.settimeout(5)
        return made


@pytest.fixture(name="wire")
def fixture_wire():
    with contextlib.ExitStack() as stack:
        yield lambda name: Wire(stack, WAYS[name])


def heard(machine, wanted, sent=(), timeout=10):
    """Waits until QEMU has heard as many frames as WANTED; they must be these, in order. Of a group QEMU also hears what
    it SENT itself."""
    got = []

    def enough():
        got.extend(each for each in machine.heard() if each not in sent)
        return len(got) >= len(wanted)

    wait_for(enough, timeout, f"{len(wanted)} frames in QEMU, {len(got)} are there")
    assert got == wanted


def numbered(count, src, *tags, size=60):
    """Broadcast frames that differ."""
    return [frame(BROADCAST, src, *tags, payload=struct.pack("!I", number), size=size) for number in range(count)]


def says(client, machine, text, timeout=5.0, sent=()):
    """The client and QEMU each send a frame to the other."""
    there = frame(BROADCAST, host(1), payload=text.encode())
    back = frame(BROADCAST, host(2), payload=text.encode())
    client.send(there)
    heard(machine, [there], sent=sent, timeout=timeout)
    machine.send(back)
    assert client.recv(timeout) == back


# -- frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings, tags", [("", ()), (",vlan=none,trunk=10+20", (tag(20, pcp=5),))], ids=["access", "trunk"])
@pytest.mark.parametrize("name", WAYS)
def test_frames_pass_unchanged_and_in_order(wire, name, settings, tags):
    net = wire(name)
    switch = net.switch(settings)
    machine = net.machine()
    client = net.client(switch, settings[1:] or "vlan=0")
    out, back = ([frame(BROADCAST, src, *tags, payload=os.urandom(40), size=size) for size in SIZES]
                 for src in (host(1), host(2)))
    for there, here in zip(out, back):
        client.send(there)
        heard(machine, [there], sent=back)
        machine.send(here)
        assert client.recv() == here
    burst = numbered(100, host(1), *tags)
    for each in burst:
        client.send(each)
    heard(machine, burst, sent=back)
    burst = numbered(100, host(2), *tags)
    machine.send(*burst)
    assert [client.recv() for _ in burst] == burst
    assert machine.heard(0.05) == (burst if "mcast" in name else [])
    assert client.pending() == []
    assert switch.drops(1) == {} and switch.port(1)["IN"][0] == 106 and switch.port(1)["OUT"][0] == 106
    switch.assert_balanced()


def test_oversize_and_empty_datagrams(wire):
    """A datagram with nothing in it is no frame; one that is longer than any frame is dropped with its true length."""
    for name, size in (("udp", 65507), ("unix", 100_000)):
        net = wire(name)
        switch = net.switch()
        client = net.client(switch)
        if name == "udp":
            peer, to = net.socket(address=("127.0.0.1", 5002)), ("127.0.0.1", 5001)
        else:
            peer, to = net.socket(socket.AF_UNIX, f"{net.dir}/b"), f"{net.dir}/a"
        good = frame(BROADCAST, host(2))
        for each in (b"", good, b"", bytes(LARGEST_FRAME + 1), b"", bytes(size), bytes(13), good):
            peer.sendto(each, to)
        assert [client.recv(), client.recv()] == [good, good] and client.pending() == []
        assert switch.drops(1) == {"oversize": 2, "runt": 1}
        switch.assert_balanced()


# -- who comes and goes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LASTING)
def test_qemu_comes_later_and_again(wire, name):
    """Killed and started anew, with the guest speaking first: it is heard within a second."""
    net = wire(name)
    switch = net.switch()
    client = net.client(switch)
    client.send(frame(BROADCAST, host(1), payload=b"too early"))
    settle(switch, client)
    for number in range(4):
        machine = net.machine()
        first = frame(BROADCAST, host(2), payload=b"I was first %d" % number)
        calls(machine, client, first)
        says(client, machine, f"round {number}", timeout=1.0, sent=[first])
        machine.kill()
        if number % 2:
            client.send(frame(BROADCAST, host(1), payload=b"nobody hears that"))
            settle(switch, client)
    assert switch.drops(1).keys() == ({"send-error"} if name == "unix" else set())
    assert "Sanitizer" not in switch.stderr()
    switch.assert_balanced()


def calls(machine, client, text):
    """QEMU says TEXT until the client hears it, for a second."""
    end, times = time.monotonic() + 1, 0
    while client.data not in select.select([client.data], [], [], 0.02)[0]:
        assert time.monotonic() < end, f"said {times} times within a second, and not heard"
        machine.send(text)
        times += 1
    while client.data in select.select([client.data], [], [], 0.1)[0]:
        assert client.recv() == text


@pytest.mark.parametrize("name", LASTING)
def test_switch_comes_later_and_again(wire, name):
    """QEMU notices nothing."""
    net = wire(name)
    machine = net.machine()
    machine.send(frame(BROADCAST, host(2), payload=b"nobody is there"))
    machine.heard(0.05)
    for number in range(3):
        switch = net.switch(dir=net.dir / "sw")
        says(net.client(switch), machine, f"round {number}", timeout=1.0)
        if "mcast" in name:
            machine.heard(0.05)
        switch.kill()


def test_unix_peer_is_found_at_every_restart(wire):
    """However quickly it follows: with the inode and in the second of its predecessor. While we are connected to that one, the
    kernel refuses what the new one sends."""
    net = wire("unix")
    switch = net.switch()
    client = net.client(switch)
    path, inodes = f"{net.dir}/b", []
    for number in range(30):
        peer = net.socket(socket.AF_UNIX, path)
        inodes.append(os.stat(path).st_ino)
        first, end = frame(BROADCAST, host(2), payload=b"%d" % number), time.monotonic() + 1
        while True:
            try:
                peer.sendto(first, f"{net.dir}/a")
                break
            except PermissionError:
                assert time.monotonic() < end, f"round {number}: still refused after a second; inodes {inodes}"
        assert client.recv(1.0) == first
        peer.close()
        os.unlink(path)
    assert switch.drops(1) == {}


def test_unix_port_says_who_is_there(wire):
    net = wire("unix")
    switch = net.switch()
    client = net.client(switch)
    described = f"{net.dir}/a to {net.dir}/b"
    assert "nobody is there yet" in switch.stderr()
    assert f"{described}, nobody there" in switch.port_text(1)
    peer = net.socket(socket.AF_UNIX, f"{net.dir}/b")
    wait_for(lambda: f"{described}, nobody" not in switch.port_text(1), message="the peer to be noticed")
    assert described in switch.port_text(1)
    peer.close()
    for _ in range(100):
        client.send(frame(BROADCAST, host(1)))
    settle(switch, client)
    assert f"{described}, nobody there" in switch.port_text(1)
    assert switch.drops(1) == {"send-error": 100}
    said = switch.stderr().splitlines()
    assert len([line for line in said if "dgram" in line]) == 3, said


def test_unix_peer_with_another_name_for_its_path(wire):
    """QEMU may call its socket otherwise than we do. As long as nobody else can send, it does not matter."""
    net = wire("unix")
    switch = net.switch()
    client = net.client(switch)
    (net.dir / "link").symlink_to(net.dir)
    for strangers in range(2):
        with paused(switch.pid):
            for _ in range(strangers):
                net.socket(socket.AF_UNIX).sendto(frame(BROADCAST, host(66)), f"{net.dir}/a")
            peer = net.socket(socket.AF_UNIX, f"{net.dir}/link/b")
        wait_for(lambda: "nobody there" not in switch.port_text(1), message="the peer to be noticed")
        wait_for(lambda: switch.drops(1).get("stranger", 0) == strangers, message="strangers counted")  # pylint: disable=cell-var-from-loop
        peer.sendto(frame(BROADCAST, host(2)), f"{net.dir}/a")
        assert client.recv() == frame(BROADCAST, host(2))
        leave(net, switch, client, peer)


def leave(net, switch, client, peer):
    """The peer goes for good, and the switch notices since it has something to send."""
    peer.close()
    os.unlink(f"{net.dir}/b")
    client.send(frame(BROADCAST, host(1)))
    wait_for(lambda: "nobody there" in switch.port_text(1), message="the peer's end to be noticed")


REFUSAL = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    static int calls;

    if (address->sa_family != AF_UNIX || ++calls > 3)
        return real(fd, address, length);
    errno = ECONNREFUSED;
    return -1;
}
"""


def test_unix_peer_that_is_not_ready_at_once(wire, tmp_path):
    """The kernel shows a socket's path a moment before it can be connected to."""
    net = wire("unix")
    with net.socket(socket.AF_UNIX, f"{net.dir}/b"):
        switch = net.switch(env=preloaded(tmp_path, REFUSAL))
        assert "nobody there" in switch.port_text(1)
        wait_for(lambda: "nobody there" not in switch.port_text(1), 1.5, message="the peer to be noticed")


def test_idle_costs_nothing(wire):
    """With somebody there and with nobody there: libev looks every five seconds at a path that does not exist."""
    net = wire("unix")
    switch = net.switch()
    for each in ("mcast=230.0.0.1:1234,local=127.0.0.1", "local=127.0.0.1:5001,remote=127.0.0.1:5002",
                 f"local={net.dir}/c,remote={net.dir}/d"):
        switch.ok(f"port/add dgram,{each}")
    with net.socket(socket.AF_UNIX, f"{net.dir}/b"):
        wait_for(lambda: "nobody there" not in switch.port_text(1), message="the peer to be noticed")
        time.sleep(2)
        before = wakes(switch)
        time.sleep(6)
        assert wakes(switch) - before <= 2


def wakes(switch):
    status = pathlib.Path(f"/proc/{switch.pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])


# -- slow, dead and unreachable peers --------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL], ids=["goes on", "is killed"])
@pytest.mark.parametrize("name", ["unix", "fd"])
def test_slow_receiver_costs_others_nothing(wire, name, end):
    """Frames queue for it, then they are dropped; a neighbour hears all of them meanwhile."""
    net = wire(name)
    switch = net.switch()
    machine, client, neighbour = net.machine(), net.client(switch), net.client(switch)
    for each in net.pair:
        each.close()
    says(client, machine, "hello")
    assert [len(neighbour.recv()) for _ in range(2)] == [60, 60]
    machine.signal(signal.SIGSTOP)
    frames = numbered(5000, host(1), size=1514)
    for at in range(0, len(frames), 50):
        for each in frames[at:at + 50]:
            client.send(each)
        assert [neighbour.recv() for _ in range(50)] == frames[at:at + 50]
    lost = switch.drops(1)
    assert lost.keys() == {"queue-full"} and switch.assert_balanced()["queued"] > 1000
    machine.signal(end)
    wait_for(lambda: machine.heard() is not None and switch.balance()["queued"] == 0, 30, "the queue to empty")
    switch.assert_balanced()
    if end == signal.SIGCONT:
        assert switch.drops(1) == lost and switch.port(1)["OUT"][0] == 5001 - lost["queue-full"]
        while machine.heard(0.2):
            pass
        says(client, machine, "here I am again")
    else:
        assert switch.drops(1).keys() <= {"queue-full", "send-error", "detached"}


def test_what_waited_arrives_in_order(wire):
    """With a socket that reads nothing for a while, as QEMU's hub itself loses frames when it is pressed."""
    net = wire("unix")
    switch = net.switch()
    client = net.client(switch)
    peer = net.socket(socket.AF_UNIX, f"{net.dir}/b")
    wait_for(lambda: "nobody there" not in switch.port_text(1), message="the peer to be noticed")
    frames = numbered(5000, host(1), size=1514)
    for each in frames:
        client.send(each)
    settle(switch, client)
    arrived = 5000 - switch.drops(1)["queue-full"]
    assert arrived > 1000
    assert [peer.recv(65536) for _ in range(arrived)] == frames[:arrived]
    client.send(frames[0])
    assert peer.recv(65536) == frames[0]
    assert switch.assert_balanced()["queued"] == 0


def test_send_errors_end_nothing(wire):
    """No route, no interface, no address: those frames are lost, counted, and the port goes on when all is there again."""
    net = wire("udp")
    switch = net.switch(way=Way("local=0.0.0.0:5001,remote=10.7.0.2:5002", ""))
    client = net.client(switch)
    peer_ns = Namespace()
    with peer_ns:
        net.namespace.add_veth("v0", peer_ns, "v1")

        def lost(reason, count=3):
            before = switch.drops(1).get(reason, 0)
            for _ in range(count):
                client.send(frame(BROADCAST, host(1)))
            settle(switch, client)
            assert switch.drops(1)[reason] == before + count

        lost("send-error")  # no route
        net.namespace.up("v0", "10.7.0.1/24")
        peer_ns.up("v1", "10.7.0.2/24")
        with peer_ns.entered():
            peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with peer:
            peer.settimeout(5)
            peer.bind(("10.7.0.2", 5002))

            def works():
                there, back = frame(BROADCAST, host(1), payload=os.urandom(8)), frame(BROADCAST, host(2))
                client.send(there)
                assert peer.recv(65536) == there
                peer.sendto(back, ("10.7.0.1", 5001))
                assert client.recv() == back

            works()
            net.namespace.down("v0")
            lost("send-error")
            net.namespace.run("ip", "link", "set", "v0", "up")
            wait_for(lambda: "LOWER_UP" in net.namespace.run("ip", "link", "show", "dev", "v0").stdout, message="v0")
            works()
            net.namespace.run("ip", "addr", "del", "10.7.0.1/24", "dev", "v0")
            lost("send-error")
            net.namespace.run("ip", "addr", "add", "10.7.0.1/24", "dev", "v0")
            works()
    switch.assert_balanced()


def test_what_the_kernel_lost_is_counted(wire):
    """More than the receive buffer holds, while the switch does not run."""
    net = wire("udp")
    switch = net.switch()
    client = net.client(switch)
    peer = net.socket(address=("127.0.0.1", 5002))
    with paused(switch.pid):
        count, size = 9000, 1514
        for each in numbered(count, host(2), size=size):
            peer.sendto(each, ("127.0.0.1", 5001))
    wait_for(lambda: switch.balance()["received"] >= count, message="the rest")
    missed = switch.drops(1)["missed"]
    assert 0 < missed < count and switch.port(1)["IN"][0] == count - missed
    assert switch.assert_balanced()["received"] == count
    assert client.recv()


@pytest.mark.parametrize("mtu, offload, together", [(9216, "on", True), (1500, "on", False), (9216, "off", True)],
                         ids=["wide", "narrow", "checksums are ours"])
def test_bulk_by_udp(wire, mtu, offload, together):
    """What is sent flat out leaves many frames at a time, if the way allows it; it arrives as it was, in any case."""
    net = wire("udp")
    with contextlib.ExitStack() as stack:
        far = stack.enter_context(Namespace())
        net.namespace.add_veth("v0", far, "v1")
        net.namespace.run("ethtool", "-K", "v0", "tx", offload)
        net.namespace.up("v0", "10.7.0.1/24", mtu)
        far.up("v1", "10.7.0.2/24", mtu)
        with far.entered():
            peer = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        peer.bind(("10.7.0.2", 5002))
        peer.settimeout(5)
        switch = stack.enter_context(Switch("--port", "dgram,port=1,local=10.7.0.1:5001,remote=10.7.0.2:5002",
                                            prefix=net.namespace.prefix))
        client = stack.enter_context(StreamClient(switch.dir / "stream"))
        switch.wait_attached(2)
        sizes = [*[1514] * 20, 700, 60, 60, 1514, 1514, 900, 1000, *[60] * 20, *[1514] * 5, *[590] * 30, 4000, 60]
        sent = [frame(BROADCAST, host(1), payload=struct.pack("!I", number), size=size) for number, size in enumerate(sizes)]
        before = udp_messages(net.namespace)
        client.send(*sent)
        assert [peer.recv(65536) for _ in sent] == sent
        messages = udp_messages(net.namespace) - before
        assert messages < len(sent) / 3 if together else 28 < messages < len(sent)
        assert switch.drops(1) == {} and switch.port(1)["OUT"][0] == len(sent)
        switch.assert_balanced()


NOT_CUT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    int (*real)(int, struct mmsghdr *, unsigned, int) = dlsym(RTLD_NEXT, "sendmmsg");
    unsigned fine = 0;

    while (fine < count && !messages[fine].msg_hdr.msg_controllen)
        fine++;
    if (fine > 0)
        return real(fd, messages, fine, flags);
    errno = EIO;
    return -1;
}
"""


def test_bulk_by_udp_where_nothing_is_cut(wire, tmp_path):
    """Kernels before 6.11 refuse it, with EIO, where checksums are left to them; single frames in front of a run are fine."""
    net = wire("udp")
    switch = net.switch(env=preloaded(tmp_path, NOT_CUT))
    peer = net.socket(address=("127.0.0.1", 5002))
    with StreamClient(switch.dir / "stream") as client:
        switch.wait_attached(2)
        sent = [frame(BROADCAST, host(1), payload=struct.pack("!I", number), size=size)
                for number, size in enumerate([60, 100, *[1514] * 20, 60, 100, *[60] * 20])]
        client.send(*sent)
        assert [peer.recv(65536) for _ in sent] == sent
    assert switch.drops(1) == {}
    switch.assert_balanced()


def udp_messages(namespace):
    """How many messages UDP has sent here. One that is cut on its way counts once."""
    names, figures = (line.split() for line in namespace.sh("grep ^Udp: /proc/net/snmp").stdout.splitlines())
    return int(figures[names.index("OutDatagrams")])


# -- strangers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["udp", "udp6"])
def test_udp_strangers(wire, name):
    """Another port, another address: both count. What the peer sends in between gets through."""
    net = wire(name)
    family, here, other = (socket.AF_INET, "127.0.0.1", "127.0.0.2") if name == "udp" else (socket.AF_INET6, "::1", "fd00::2")
    net.namespace.run("ip", "addr", "add", "fd00::2/128", "dev", "lo", "nodad")
    switch = net.switch()
    client = net.client(switch)
    strangers = [net.socket(family, (here, 0)), net.socket(family, (other, 5002)), net.socket(family, (here, 5003))]
    peer = net.socket(family, (here, 5002)) if name == "udp" else net.pair[0]
    good = [frame(BROADCAST, host(2), payload=b"%d" % number) for number in range(20)]
    with paused(switch.pid):  # so that it reads them in full batches
        for each in good:
            for stranger in strangers:
                stranger.sendto(frame(BROADCAST, host(66)), (here, 5001))
                stranger.sendto(b"", (here, 5001))
            peer.send(each) if name == "udp6" else peer.sendto(each, (here, 5001))
    assert [client.recv() for _ in good] == good
    settle(switch, client)
    assert client.pending() == []
    assert switch.drops(1) == {"stranger": 60}
    assert switch.port(1)["IN"][0] == 20
    assert not any(host(66) in line for line in switch.ok("hash/print"))
    assert switch.assert_balanced()["ingress_drops"] == 60


def test_unix_strangers(wire):
    """Anybody who may write to our socket can send while nobody is at remote=; a sender without a name is not taken for the
    one before it. Afterwards the kernel lets in nobody else."""
    net = wire("unix")
    switch = net.switch()
    client = net.client(switch)
    ours, bad = f"{net.dir}/a", frame(BROADCAST, host(66))
    named, nameless = net.socket(socket.AF_UNIX, f"{net.dir}/c"), net.socket(socket.AF_UNIX)
    abstract = net.socket(socket.AF_UNIX, f"\0{net.dir}/b")
    for stranger in (named, nameless, abstract):
        stranger.sendto(bad, ours)
    wait_for(lambda: switch.drops(1) == {"stranger": 3}, message="strangers counted")
    # What came before the peer may still wait when it is there: so does its own first frame, and nothing is mixed up.
    with paused(switch.pid):
        nameless.sendto(bad, ours)
        peer = net.socket(socket.AF_UNIX, f"{net.dir}/b")
        good = [frame(BROADCAST, host(2), payload=b"%d" % number) for number in range(3)]
        for each in good:
            peer.sendto(each, ours)
            nameless.sendto(bad, ours)
    assert [client.recv() for _ in good] == good
    assert client.pending() == [] and switch.drops(1) == {"stranger": 7}
    wait_for(lambda: "nobody there" not in switch.port_text(1), message="the peer to be noticed")
    for stranger in (named, nameless, abstract):
        with pytest.raises(PermissionError):
            stranger.sendto(bad, ours)
    peer.sendto(good[0], ours)
    assert client.recv() == good[0]
    leave(net, switch, client, peer)
    with paused(switch.pid):
        for _ in range(5):
            nameless.sendto(bad, ours)
    wait_for(lambda: switch.drops(1) == {"stranger": 12, "send-error": 1}, message="strangers counted")
    assert switch.assert_balanced()["ingress_drops"] == 12


# -- groups ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mcast", "socket-mcast"])
def test_group_of_three(wire, name):
    """Two switches and QEMU: each hears each frame of the others once, and no switch takes its own for another's."""
    net = wire(name)
    switches = [net.switch(), net.switch()]
    clients = [net.client(switch) for switch in switches]
    machine = net.machine()
    frames = [numbered(50, host(1)), numbered(50, host(2)), numbered(50, host(3))]
    for number, client in enumerate(clients):
        for each in frames[number]:
            client.send(each)
        heard(machine, frames[number])
        assert [clients[1 - number].recv() for _ in frames[number]] == frames[number]
    machine.send(*frames[2])
    for client in clients:
        assert [client.recv() for _ in frames[2]] == frames[2]
    time.sleep(0.05)
    assert machine.heard() == frames[2], "QEMU hears its own frames of a group"
    for number, switch in enumerate(switches):
        assert clients[number].pending() == []
        assert switch.port(1)["IN"][0] == 100 and switch.port(1)["OUT"][0] == 50 and switch.drops(1) == {}
        assert switch.assert_balanced()["received"] == 150
        behind = {address: int(port) for address, port in
                  re.findall(r"Addr: (\S+) .* port: (\d+)", "\n".join(switch.ok("hash/print")))}
        assert behind == {host(number + 1): 2, host(2 - number): 1, host(3): 1}
        assert "230.0.0.1:1234" in switch.port_text(1)


def test_group_of_another_interface_is_not_heard(wire):
    """Another program's membership on another interface is not ours, though it is the same group and port."""
    net = wire("mcast")
    net.namespace.run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    net.namespace.up("v0", "10.7.0.1/24")
    net.namespace.up("v1")
    switch = net.switch()
    client = net.client(switch)
    member, sender = net.socket(), net.socket()
    member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    member.bind(GROUP)
    member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                      socket.inet_aton(GROUP[0]) + socket.inet_aton("10.7.0.1"))
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.7.0.1"))
    sender.sendto(frame(BROADCAST, host(66)), GROUP)
    assert member.recv(65536) == frame(BROADCAST, host(66))
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    sender.sendto(frame(BROADCAST, host(2)), GROUP)
    assert client.recv() == frame(BROADCAST, host(2)) and client.pending() == []
    assert switch.port(1)["IN"][0] == 1


def test_group_without_local(wire):
    """The route says by which interface; without one there is a way out."""
    net = wire("mcast")
    with Switch(prefix=net.namespace.prefix) as switch:
        with Console(switch.dir / "mgmt") as console:
            code, _, words = console.ask("port/add dgram,mcast=230.0.0.1:1234")
            assert code != 1000 and "unreachable; local= names the interface" in words
        net.namespace.run("ip", "route", "add", "230.0.0.0/8", "dev", "lo")
        switch.ok("port/add dgram,port=1,mcast=230.0.0.1:1234")
        says(net.client(switch), net.machine(), "hello")


# -- descriptors -----------------------------------------------------------------------------------------------------


def test_descriptor_whose_peer_is_gone(wire):
    """A pair has no way to come back: the port says so and is free."""
    net = wire("fd")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, Switch("--port", f"dgram,port=1,name=web,fd={ours.fileno()}", inherit=[ours.fileno()]) as switch:
        client = net.client(switch)
        assert f"descriptor {ours.fileno()}" in switch.port_text(1)
        client.send(frame(BROADCAST, host(1)))
        theirs.settimeout(5)
        assert theirs.recv(65536) == frame(BROADCAST, host(1))
        theirs.close()
        before, unheard = switch.fds(), switch.balance()["unheard"]
        for _ in range(10):
            client.send(frame(BROADCAST, host(1)))
        settle(switch, client)
        assert "nobody is at the other end any more" in switch.stderr()
        assert "State: down" in switch.port_text(1) and switch.fds() == before - 1
        # The first one tells. Those that the switch had not read by then found nobody who listens.
        dropped = sum(switch.drops(1).values())
        balance = switch.assert_balanced()
        assert dropped >= 1 and balance["egress_drops"] == dropped and balance["unheard"] - unheard == 10 - dropped


def test_connected_udp_survives_icmp(wire):
    """The peer's port is closed for a while: the kernel says so, on the next call of any kind."""
    net = wire("udp")
    ours = net.socket(address=("127.0.0.1", 5001))
    ours.connect(("127.0.0.1", 5002))
    with Switch("--port", f"dgram,port=1,fd={ours.fileno()}", inherit=[ours.fileno()], prefix=net.namespace.prefix) as switch:
        assert "127.0.0.1:5001 to 127.0.0.1:5002" in switch.port_text(1)
        client = net.client(switch)
        for _ in range(20):
            client.send(frame(BROADCAST, host(1)))
            settle(switch, client)
        assert switch.drops(1).keys() <= {"send-error"}
        says(client, net.machine(), "here I am")
        switch.assert_balanced()


def test_descriptors_that_will_not_do(tmp_path):
    """One line each; what is not for us stays as it is."""
    stream, other = socket.socketpair()
    lonely = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    pair, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    narcissus, echo = (socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_UNIX))
    narcissus.bind(("127.0.0.1", 0))
    echo.bind(str(tmp_path / "echo"))
    for each in (narcissus, echo):
        each.connect(each.getsockname())
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM)
    netlink.connect((0, 0))
    with stream, other, lonely, pair, peer, narcissus, echo, netlink, open(tmp_path / "file", "wb") as plain:
        passed = [each.fileno() for each in (stream, lonely, pair, plain, narcissus, echo, netlink)]
        with Switch(inherit=passed) as switch, Console(switch.dir / "mgmt") as console:
            refused = {
                900: "fd=900 is not open", 99999: "fd=99999 is not open",
                stream.fileno(): "not a datagram socket: the port type stream takes it",
                narcissus.fileno(): "is connected to itself", echo.fileno(): "is connected to itself",
                netlink.fileno(): "is a socket of another family than UNIX, IPv4 or IPv6",
                lonely.fileno(): "is not connected", plain.fileno(): "is not a socket", 0: "is not open",
                "x": "fd=x is not the number of a descriptor", -1: "fd=-1 is not the number", "": "fd= is not the number",
            }
            for fd, words in refused.items():
                before = switch.fds()
                code, _, said = console.ask(f"port/add dgram,fd={fd}")
                assert code != 1000 and words in said, (fd, said)
                assert switch.fds() == before
            assert console.ask(f"port/add dgram,port=1,fd={pair.fileno()}")[0] == 1000
            code, _, said = console.ask(f"port/add dgram,port=2,fd={pair.fileno()}")
            assert code != 1000 and "was given to a port before" in said
            peer.send(frame(BROADCAST, host(2)))
            wait_for(lambda: switch.port(1)["IN"][0] == 1, message="the frame")


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
def test_descriptor_that_is_shut(wire, family):
    """The kernel makes up empty datagrams for who reads from one, without end."""
    net = wire("udp")
    ours = net.socket(family, ("127.0.0.1", 5001) if family == socket.AF_INET else f"{net.dir}/a")
    peer = net.socket(family, ("127.0.0.1", 5002) if family == socket.AF_INET else f"{net.dir}/b")
    ours.connect(peer.getsockname())
    with Switch("--port", f"dgram,port=1,fd={ours.fileno()}", inherit=[ours.fileno()], prefix=net.namespace.prefix) as switch:
        assert switch.port_text(1).count("-- endpoint") == 1
        ours.shutdown(socket.SHUT_RD)
        wait_for(lambda: "-- endpoint" not in switch.port_text(1), message="the port to be given up")
        assert cpu_share(switch.pid) < 0.2
        switch.assert_balanced()


def test_descriptors_of_the_switch_itself_are_not_to_be_had(switch, console):
    """Its own sockets are connected, too."""
    for fd in range(3, switch.fds() + 5):
        assert console.ask(f"port/add dgram,fd={fd}")[0] != 1000


# -- what can be asked for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys, words", [
    ("", "local= is missing: dgram takes local= and remote=, or mcast=, or fd="),
    ("local=127.0.0.1:1", "remote= is missing: dgram takes local= and remote="),
    ("remote=127.0.0.1:1", "local= is missing"),
    ("local=/tmp/a", "remote= is missing"),
    ("local=/tmp/a,remote=127.0.0.1:1", "are of two kinds: both must be paths, or IPv4, or IPv6"),
    ("local=127.0.0.1:1,remote=[::1]:1", "are of two kinds"),
    ("local=127.0.0.1:1,remote=127.0.0.1:1", "local= and remote= are the same"),
    ("local=/tmp/a,remote=/tmp/a", "local= and remote= are the same"),
    ("local=" + "/" + "x" * 107 + ",remote=/tmp/a", "local= has 108 bytes: the path of a socket may have 107"),
    ("local=/tmp/a,remote=/" + "x" * 107, "remote= has 108 bytes"),
    ("local=127.0.0.1:1,remote=230.0.0.1:1", "remote=230.0.0.1:1 is a multicast group: that is what mcast= is for"),
    ("local=[::1]:1,remote=[ff02::1]:1", "is a multicast group"),
    ("local=230.0.0.1:1,remote=127.0.0.1:1", "local=230.0.0.1:1 is a multicast group"),
    ("local=127.0.0.1:1,remote=0.0.0.0:1", "remote=0.0.0.0:1 is nobody's address"),
    ("local=127.0.0.1:1,remote=255.255.255.255:1", "remote=255.255.255.255:1 is everybody's address"),
    ("local=127.0.0.1:1,remote=127.0.0.1:0", '"0" is not a port number (1 to 65535)'),
    ("local=127.0.0.1:65536,remote=127.0.0.1:1", '"65536" is not a port number'),
    ("local=127.0.0.1,remote=127.0.0.1:1", "local=127.0.0.1 is neither an absolute path nor ADDRESS:PORT"),
    ("local=a.sock,remote=b.sock", "local=a.sock is neither an absolute path"),
    ("local=localhost:1,remote=127.0.0.1:1", "names are not looked up"),
    ("local=:5001,remote=127.0.0.1:1", "the address in front of the colon is missing"),
    ("mcast=127.0.0.1:1", "mcast=127.0.0.1:1 is not a multicast group of IPv4"),
    ("mcast=[ff02::1]:1234", "is not a multicast group of IPv4"),
    ("mcast=/tmp/a", "is not a multicast group of IPv4"),
    ("mcast=230.0.0.1", "neither an absolute path nor ADDRESS:PORT"),
    ("mcast=230.0.0.1:1,remote=127.0.0.1:1", "leave remote= out"),
    ("mcast=230.0.0.1:1,local=127.0.0.1:1", "is not an interface's IPv4 address, as 127.0.0.1"),
    ("mcast=230.0.0.1:1,local=::1", "is not an interface's IPv4 address"),
    ("mcast=230.0.0.1:1,local=10.9.9.9", "cannot use local=10.9.9.9: no interface here has that address"),
    ("fd=5,local=/tmp/a", "fd= is a socket that has its addresses"),
    ("fd=5,mcast=230.0.0.1:1", "leave local=, remote= and mcast= out"),
    ("fd=5,remote=/tmp/a", "leave local=, remote= and mcast= out"),
    ("local=10.9.9.9:1,remote=127.0.0.1:1", "cannot use local=10.9.9.9:1: no interface here has that address"),
    ("local=/nonexistent/a,remote=/tmp/a", "cannot make socket /nonexistent/a: No such file or directory"),
    ("local=/etc/passwd,remote=/tmp/a", "/etc/passwd is in the way: it is not a socket"),
    ("lokal=/tmp/a,remote=/tmp/a", 'did you mean "local"?'),
], ids=lambda value: value[:40])
def test_refused(keys, words, shared_console):
    switch, console = shared_console
    before = switch.fds()
    code, data, said = console.ask("port/add dgram" + (f",{keys}" if keys else ""))
    assert code != 1000 and words in said and not data
    assert switch.fds() == before and switch.ok("port/allprint") == []


@pytest.fixture(name="shared_console", scope="module")
def fixture_shared_console():
    with Switch() as switch, Console(switch.dir / "mgmt") as console:
        yield switch, console


def test_refused_at_start(tmp_path):
    done = subprocess.run([PROGRAM, "-s", str(tmp_path / "sw"), "-f", "/dev/null", "--port", "dgram,local=127.0.0.1:1"],
                          input="", capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "remote= is missing" in done.stderr
    assert not (tmp_path / "sw").exists()


@needs_two_users
def test_only_the_owner_may_reach_beyond_the_switch():
    specs = ["local=127.0.0.1:5001,remote=127.0.0.1:5002", "mcast=230.0.0.1:1234", "fd=5"]

    def answers():
        with Console(directory / "sw" / "mgmt") as console:
            return [console.ask(f"port/add dgram,{spec}") for spec in specs]

    with public_dir() as directory, Switch("--mgmtmode", "666", dir=directory / "sw"):
        os.chmod(directory / "sw", 0o755)
        for code, _, said in as_user(NOBODY, answers):
            assert code == 1001 and "may make a dgram port" in said


def test_one_address_is_one_ports(wire):
    """Neither a second port nor a second switch shares it; groups are shared."""
    net = wire("udp")
    switch = net.switch()
    with Switch(prefix=net.namespace.prefix) as other:
        for each in (switch, other):
            with Console(each.dir / "mgmt") as console:
                code, _, said = console.ask("port/add dgram,local=127.0.0.1:5001,remote=127.0.0.1:5003")
                assert code != 1000 and "another program has that port" in said
        switch.ok(f"port/epclose 1 {switch.endpoint_id(1)}")
        switch.ok("port/del 1")
        other.ok("port/add dgram,local=127.0.0.1:5001,remote=127.0.0.1:5003")


def test_socket_file(wire):
    """Made with the mode of the switch's sockets, taken over from the dead, kept from the living, removed at the end."""
    net = wire("unix")
    path = net.dir / "a"
    with net.socket(socket.AF_UNIX, str(path)):
        with Switch() as switch, Console(switch.dir / "mgmt") as console:
            code, _, said = console.ask(f"port/add dgram,local={path},remote={net.dir}/b")
            assert code != 1000 and f"{path} is in use by a running switch, or another program" in said
    assert stat.S_ISSOCK(path.stat().st_mode), "the other program's"
    with Switch("-m", "0620", "--port", f"dgram,local={path},remote={net.dir}/b"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o620
    assert not path.exists()
    with Switch("--port", f"dgram,port=1,local={path},remote={net.dir}/b") as switch:
        os.unlink(path)
        with net.socket(socket.AF_UNIX, str(path)):
            switch.ok("port/del 1")
            assert path.exists(), "somebody else's by now"


def test_nothing_is_left_of_a_port(wire):
    """A hundred of each kind, whose peer is there, was never there, or is dead."""
    net = wire("unix")
    net.socket(socket.AF_UNIX, f"{net.dir}/dead").close()
    with Switch(prefix=net.namespace.prefix) as switch, net.socket(socket.AF_UNIX, f"{net.dir}/there"):
        specs = ["local=127.0.0.1:5001,remote=127.0.0.1:5002", "local=[::1]:5001,remote=[::1]:5002",
                 *(f"local={net.dir}/a,remote={net.dir}/{peer}" for peer in ("there", "never", "dead")),
                 "mcast=230.0.0.1:1234,local=127.0.0.1"]
        for number in range(101):
            for spec in specs:
                switch.ok(f"port/add dgram,port=1,{spec}")
                switch.ok("port/del 1")
            if number == 0:
                before = switch.fds()
        assert switch.fds() == before
        time.sleep(0.1)  # what tries again does so after 50 ms
        (net.dir / "never").touch()  # and a path is looked at when it changes
        (net.dir / "there").chmod(0o600)
        switch.ok("port/allprint")
        assert not (net.dir / "a").exists()
