"""Datagram ports: the peers are QEMU's `-netdev dgram` and `socket,udp=|mcast=`, of a real QEMU without a guest."""

import os
import pathlib
import re
import select
import signal
import socket
import time

import pytest

from dgramnet import LASTING, WAYS, heard, numbered, says
from frames import BROADCAST, LARGEST_FRAME, frame, host, tag
from lab import settle
from process import cpu_share, paused
from switch import Switch, preloaded, wait_for

SIZES = (60, 64, 1514, 4096, LARGEST_FRAME - 4, LARGEST_FRAME)


# -- frames --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings, tags", [("", ()), (",vlan=none,trunk=10+20", (tag(20, pcp=5),))], ids=["access", "trunk"])
@pytest.mark.parametrize("name", WAYS)
def test_frames_pass_unchanged_and_in_order(dgram, name, settings, tags):
    net = dgram(name)
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


def test_oversize_and_empty_datagrams(dgram):
    """An empty datagram is no frame; one that is longer than any frame is dropped and counted with its full length."""
    for name, size in (("udp", 65507), ("unix", 100_000)):
        net = dgram(name)
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


# -- peers that come and go ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LASTING)
def test_qemu_comes_later_and_again(dgram, name):
    """Killed and restarted, with the guest sending first: its frames arrive within a second."""
    net = dgram(name)
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
    """QEMU sends TEXT until the client receives it, for a second."""
    end, times = time.monotonic() + 1, 0
    while client.data not in select.select([client.data], [], [], 0.02)[0]:
        assert time.monotonic() < end, f"said {times} times within a second, and not heard"
        machine.send(text)
        times += 1
    while client.data in select.select([client.data], [], [], 0.1)[0]:
        assert client.recv() == text


@pytest.mark.parametrize("name", LASTING)
def test_switch_comes_later_and_again(dgram, name):
    """QEMU notices nothing."""
    net = dgram(name)
    machine = net.machine()
    machine.send(frame(BROADCAST, host(2), payload=b"nobody is there"))
    machine.heard(0.05)
    for number in range(3):
        switch = net.switch(dir=net.dir / "sw")
        says(net.client(switch), machine, f"round {number}", timeout=1.0)
        if "mcast" in name:
            machine.heard(0.05)
        switch.kill()


def test_unix_peer_is_found_at_every_restart(dgram):
    """However soon: with the inode of its predecessor and in the same second. While we are connected to the old socket, the
    kernel refuses what the new one sends."""
    net = dgram("unix")
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


def test_unix_port_says_who_is_there(dgram):
    net = dgram("unix")
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


def test_unix_peer_with_another_name_for_its_path(dgram):
    """QEMU may use another name for its socket than we do. As long as no other socket can send, it does not matter."""
    net = dgram("unix")
    switch = net.switch()
    client = net.client(switch)
    (net.dir / "link").symlink_to(net.dir)
    for others in range(2):
        with paused(switch.pid):
            for _ in range(others):
                net.socket(socket.AF_UNIX).sendto(frame(BROADCAST, host(66)), f"{net.dir}/a")
            peer = net.socket(socket.AF_UNIX, f"{net.dir}/link/b")
        wait_for(lambda: "nobody there" not in switch.port_text(1), message="the peer to be noticed")
        wait_for(lambda: switch.drops(1).get("stranger", 0) == others, message="unexpected sources counted")  # pylint: disable=cell-var-from-loop
        peer.sendto(frame(BROADCAST, host(2)), f"{net.dir}/a")
        assert client.recv() == frame(BROADCAST, host(2))
        leave(net, switch, client, peer)


def leave(net, switch, client, peer):
    """The peer ends for good, and the switch notices because it has frames to send."""
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


def test_unix_peer_that_is_not_ready_at_once(dgram, tmp_path):
    """The kernel shows a socket's path a moment before it can be connected to."""
    net = dgram("unix")
    with net.socket(socket.AF_UNIX, f"{net.dir}/b"):
        switch = net.switch(env=preloaded(tmp_path, REFUSAL))
        assert "nobody there" in switch.port_text(1)
        wait_for(lambda: "nobody there" not in switch.port_text(1), 1.5, message="the peer to be noticed")


def test_idle_costs_nothing(dgram):
    """With a peer and without: libev checks every five seconds for a path that does not exist."""
    net = dgram("unix")
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


# -- slow, dead and unreachable peers ------------------------------------------------------------------------


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL], ids=["goes on", "is killed"])
@pytest.mark.parametrize("name", ["unix", "fd"])
def test_slow_receiver_costs_others_nothing(dgram, name, end):
    """Frames queue for it, then they are dropped; a neighbour receives all of them meanwhile."""
    net = dgram(name)
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


def test_what_waited_arrives_in_order(dgram):
    """With a socket that reads nothing for a while, as QEMU's hub itself loses frames when it is pressed."""
    net = dgram("unix")
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


# -- unexpected sources --------------------------------------------------------------------------------------


def test_unix_unexpected_sources(dgram):
    """Any process with write permission to our socket can send while there is no peer at remote=; a sender without a name
    is not taken for the previous one. Once connected, the kernel accepts the peer only."""
    net = dgram("unix")
    switch = net.switch()
    client = net.client(switch)
    ours, bad = f"{net.dir}/a", frame(BROADCAST, host(66))
    named, nameless = net.socket(socket.AF_UNIX, f"{net.dir}/c"), net.socket(socket.AF_UNIX)
    abstract = net.socket(socket.AF_UNIX, f"\0{net.dir}/b")
    for sender in (named, nameless, abstract):
        sender.sendto(bad, ours)
    wait_for(lambda: switch.drops(1) == {"stranger": 3}, message="unexpected sources counted")
    # Earlier datagrams may still be queued when the peer appears, and so may its own first frame: they are told apart.
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
    for sender in (named, nameless, abstract):
        with pytest.raises(PermissionError):
            sender.sendto(bad, ours)
    peer.sendto(good[0], ours)
    assert client.recv() == good[0]
    leave(net, switch, client, peer)
    with paused(switch.pid):
        for _ in range(5):
            nameless.sendto(bad, ours)
    wait_for(lambda: switch.drops(1) == {"stranger": 12, "send-error": 1}, message="unexpected sources counted")
    assert switch.assert_balanced()["ingress_drops"] == 12


# -- descriptors ---------------------------------------------------------------------------------------------


def test_descriptor_whose_peer_is_gone(dgram):
    """A socket pair cannot be reconnected: the port reports that and is free."""
    net = dgram("fd")
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
        # The first one shows it. Frames that the switch had not read by then had no receivers.
        dropped = sum(switch.drops(1).values())
        balance = switch.assert_balanced()
        assert dropped >= 1 and balance["egress_drops"] == dropped and balance["unheard"] - unheard == 10 - dropped


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
def test_descriptor_that_is_shut(dgram, family):
    """Reading from one returns empty datagrams, without end."""
    net = dgram("udp")
    ours = net.socket(family, ("127.0.0.1", 5001) if family == socket.AF_INET else f"{net.dir}/a")
    peer = net.socket(family, ("127.0.0.1", 5002) if family == socket.AF_INET else f"{net.dir}/b")
    ours.connect(peer.getsockname())
    with Switch("--port", f"dgram,port=1,fd={ours.fileno()}", inherit=[ours.fileno()], prefix=net.namespace.prefix) as switch:
        assert switch.port_text(1).count("-- endpoint") == 1
        ours.shutdown(socket.SHUT_RD)
        wait_for(lambda: "-- endpoint" not in switch.port_text(1), message="the port to be given up")
        assert cpu_share(switch.pid) < 0.2
        switch.assert_balanced()
