"""Datagram ports by UDP: network errors, unexpected sources, and multicast groups."""

import contextlib
import os
import re
import socket
import struct
import time

import pytest

from console import Console
from dgramnet import Way, heard, numbered, says
from frames import BROADCAST, frame, host
from lab import settle
from netns import Namespace
from process import paused
from streamclient import StreamClient
from switch import Switch, preloaded, wait_for

GROUP = ("230.0.0.1", 1234)
UDP_CORK, UDP_SEGMENT, UDP_GRO = 1, 103, 104  # linux/udp.h


# -- the way -------------------------------------------------------------------------------------------------


def test_send_errors_end_nothing(dgram):
    """No route, no interface, no address: those frames are lost and counted, and the port works when all is restored."""
    net = dgram("udp")
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


def test_what_the_kernel_lost_is_counted(dgram):
    """More than the receive buffer holds, while the switch does not run."""
    net = dgram("udp")
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
def test_bulk_by_udp(dgram, mtu, offload, together):
    """A bulk transfer leaves as runs of frames, if the route allows it; it arrives unchanged in any case."""
    net = dgram("udp")
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
    errno = WHY;
    return -1;
}
"""


@pytest.mark.parametrize("why", ["EIO", "EPERM", "ENOBUFS"])
def test_bulk_by_udp_where_nothing_is_cut(dgram, tmp_path, why):
    """Kernels before 6.11 refuse it, with EIO, without checksum offload. For any error the frames are sent one by one."""
    net = dgram("udp")
    switch = net.switch(env=preloaded(tmp_path, NOT_CUT.replace("WHY", why)))
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
    """How many messages UDP has sent here. One that is segmented counts once."""
    names, figures = (line.split() for line in namespace.sh("grep ^Udp: /proc/net/snmp").stdout.splitlines())
    return int(figures[names.index("OutDatagrams")])


# -- unexpected sources, closed ports ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["udp", "udp6"])
def test_udp_unexpected_sources(dgram, name):
    """Another port or another address is unexpected. Frames that the peer sends in between are received."""
    net = dgram(name)
    family, here, other = (socket.AF_INET, "127.0.0.1", "127.0.0.2") if name == "udp" else (socket.AF_INET6, "::1", "fd00::2")
    net.namespace.run("ip", "addr", "add", "fd00::2/128", "dev", "lo", "nodad")
    switch = net.switch()
    client = net.client(switch)
    senders = [net.socket(family, (here, 0)), net.socket(family, (other, 5002)), net.socket(family, (here, 5003))]
    peer = net.socket(family, (here, 5002)) if name == "udp" else net.pair[0]
    good = [frame(BROADCAST, host(2), payload=b"%d" % number) for number in range(20)]
    with paused(switch.pid):  # so that it reads them in full batches
        for each in good:
            for sender in senders:
                sender.sendto(frame(BROADCAST, host(66)), (here, 5001))
                sender.sendto(b"", (here, 5001))
            peer.send(each) if name == "udp6" else peer.sendto(each, (here, 5001))
    assert [client.recv() for _ in good] == good
    settle(switch, client)
    assert client.pending() == []
    assert switch.drops(1) == {"stranger": 60}
    assert switch.port(1)["IN"][0] == 20
    assert not any(host(66) in line for line in switch.ok("hash/print"))
    assert switch.assert_balanced()["ingress_drops"] == 60


def test_connected_udp_survives_icmp(dgram):
    """The peer's port is closed for a while: the kernel reports that on the next system call of any kind."""
    net = dgram("udp")
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


def test_options_of_an_inherited_socket_do_not_join_frames(dgram):
    """The program that opened it had set UDP_CORK and UDP_GRO."""
    net = dgram("udp")
    ours, peer = (net.socket(address=("127.0.0.1", port)) for port in (5001, 5002))
    ours.connect(("127.0.0.1", 5002))
    for option in (UDP_CORK, UDP_GRO):
        ours.setsockopt(socket.IPPROTO_UDP, option, 1)
    peer.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 60)
    with Switch("--port", f"dgram,port=1,fd={ours.fileno()}", inherit=[ours.fileno()], prefix=net.namespace.prefix) as switch:
        client = net.client(switch)
        frames = [frame(BROADCAST, host(2), payload=b"%d" % number) for number in range(5)]
        peer.sendto(b"".join(frames), ("127.0.0.1", 5001))
        assert [client.recv() for _ in frames] == frames
        client.send(frame(BROADCAST, host(1)))
        assert peer.recv(65536) == frame(BROADCAST, host(1))


# -- groups --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mcast", "socket-mcast"])
def test_group_of_three(dgram, name):
    """Two switches and QEMU: each receives each frame of the others once, and no switch receives its own."""
    net = dgram(name)
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


def test_group_of_another_interface_is_not_heard(dgram):
    """Another program's membership on another interface does not affect us, though it is the same group and port."""
    net = dgram("mcast")
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


def test_group_without_local(dgram):
    """The route determines the interface; without one, local= does."""
    net = dgram("mcast")
    with Switch(prefix=net.namespace.prefix) as switch:
        with Console(switch.dir / "mgmt") as console:
            code, _, words = console.ask("port/add dgram,mcast=230.0.0.1:1234")
            assert code != 1000 and "unreachable; local= names the interface" in words
        net.namespace.run("ip", "route", "add", "230.0.0.0/8", "dev", "lo")
        switch.ok("port/add dgram,port=1,mcast=230.0.0.1:1234")
        says(net.client(switch), net.machine(), "hello")
