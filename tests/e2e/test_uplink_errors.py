"""Invalid uplinks, and interfaces that change while they are uplinks."""

import contextlib
import os
import re
import subprocess
import threading
import time

import pytest

import lan
from frames import BROADCAST, GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_UDP, GSO_UDP_L4, frame, host, tcp_frame, vnet_header
from lan import GUEST, HOST, LAN, MIB, Conversation, Lan, Wire, send_tcp
from netns import NO_CAPABILITIES, Namespace
from process import cpu_share, paused
from startup import run_to_end
from switch import Switch, preloaded, wait_for
from vdeclient import VdeClient

NO_BPF = ("setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin", "--")


@pytest.fixture
def net(stack):
    return Lan(stack)


@pytest.fixture
def running(net):
    """A LAN with a switch on the host and a guest."""
    switch = net.switch("uplink,ifname=eth0,port=1", "tap,ifname=tap0,port=2")
    guest = net.guest("tap0", GUEST)
    assert guest.ping(LAN, 1) == 1 and guest.ping(HOST, 1) == 1
    yield net, switch, guest
    switch.assert_balanced()


def all_reach_all(net, guest):
    """Waits for each; an ARP request that was lost is repeated after a second."""
    for here, there in ((guest, LAN), (guest, HOST), (net.host, GUEST), (net.lan, GUEST), (net.host, LAN)):
        wait_for(lambda: here.ping(there, 1) == 1, message=f"a ping to {there}")  # pylint: disable=cell-var-from-loop


# -- refused at start, and at the console --------------------------------------------------------------------


def start(namespace, directory, *ports, prefix=()):
    """Starts a switch that should refuse to, and waits for its end. Returns its status and output."""
    words = [word for port in ports for word in ("--port", port)]
    ended = run_to_end(directory, *words, prefix=[*namespace.prefix, *prefix])
    return ended.returncode, ended.stderr


def make_bad_interfaces(net):
    net.host.run("ip", "link", "add", "br0", "type", "bridge")
    net.host.add_veth("slave", net.lan, "other")
    net.host.run("ip", "link", "set", "slave", "master", "br0")
    net.host.run("ip", "tuntap", "add", "dev", "tun0", "mode", "tun")


BAD = {
    "uplink,ifname=eth7": ("no interface eth7", "network namespace"),
    "uplink,ifname=lan0": ("no interface lan0", "network namespace"),
    "uplink,ifname=lo": ("loopback",),
    "uplink,ifname=tun0": ("tun0 is not an Ethernet interface",),
    "uplink,ifname=slave": ("slave is a port of br0",),
    "uplink": ("ifname= is missing",),
    "uplink,ifname=": ("ifname= is missing",),
    "uplink,ifname=an-interface-name-too-long": ("too long",),
    "uplink,ifname=eth0,host=maybe": ("host=maybe is neither on nor off",),
    "uplink,ifname=eth0,ofload=on": ("ofload",),
    "uplink,ifname=eth0,trunk=4095": ("trunk=4095",),
}


def test_impossible_uplinks_are_refused_in_one_clear_line(net, tmp_path):
    make_bad_interfaces(net)
    before = net.host.run("ip", "link").stdout
    for spec, words in BAD.items():
        status, said = start(net.host, tmp_path / "sw", spec)
        assert status == 1, spec
        assert len(said.strip().splitlines()) == 1, said
        assert f"--port {spec}: " in said and all(word in said for word in words), said
    assert net.host.run("ip", "link").stdout == before


def test_impossible_uplinks_are_refused_at_the_console_and_leave_nothing(net):
    make_bad_interfaces(net)
    switch = net.switch("vde,port=3")
    before = net.host.run("ip", "link").stdout, switch.ok("port/allprint"), switch.fds()
    for spec in [*BAD, "uplink,ifname=eth0,port=3"]:
        code, _ = switch.cmd(f"port/add {spec}")
        assert code != 1000, spec
        assert (net.host.run("ip", "link").stdout, switch.ok("port/allprint")) == before[:2], spec
    assert switch.fds() <= before[2] + 2, "netlink's two sockets stay; nothing else"
    switch.ok("port/add uplink,ifname=eth0")


def test_interface_is_the_uplink_of_one_port_only(running, tmp_path):
    net, switch, guest = running
    assert switch.cmd("port/add uplink,ifname=eth0")[0] != 1000
    status, said = start(net.host, tmp_path / "sw", "uplink,ifname=eth0", "uplink,ifname=eth0")
    assert status == 1 and "eth0 is the uplink of port 1 already" in said
    all_reach_all(net, guest)


def test_missing_capability_is_named_with_the_way_out(net, tmp_path):
    status, said = start(net.host, tmp_path / "sw", "uplink,ifname=eth0", prefix=NO_CAPABILITIES)
    assert status == 1
    assert "CAP_NET_RAW is missing" in said and "setcap cap_net_raw,cap_net_admin" in said
    assert "Sanitizer" not in said


def test_without_net_admin_host_off_is_the_way_out(net, tmp_path):
    raw = ("setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all,+net_raw", "--")
    status, said = start(net.host, tmp_path / "sw", "uplink,ifname=eth0", prefix=raw)
    assert status == 1 and "CAP_NET_ADMIN is missing" in said and "host=off" in said
    assert start(net.host, tmp_path / "sw", "uplink,ifname=eth0,host=off", prefix=raw)[0] == 0


# -- an interface that changes -------------------------------------------------------------------------------


def test_link_down_and_up(running):
    net, switch, guest = running
    for end, name in ((net.host, "eth0"), (net.lan, "lan0")):
        since = len(switch.stderr())
        end.down(name)
        switch.wait_said("eth0: link is down", since)
        assert "link down" in switch.port_text(1)
        assert not lan.can_reach(guest, LAN)
        end.run("ip", "link", "set", name, "up")
        switch.wait_said("eth0: link is up", since)
        assert "link down" not in switch.port_text(1)
        all_reach_all(net, guest)


def test_interface_that_is_down_at_the_start(net):
    net.host.down("eth0")
    switch = net.switch("uplink,ifname=eth0", "tap,ifname=tap0")
    guest = net.guest("tap0", GUEST)
    switch.wait_said("eth0: link is down: ip link set eth0 up")
    net.host.run("ip", "link", "set", "eth0", "up")
    switch.wait_said("eth0: link is up")
    all_reach_all(net, guest)
    switch.assert_balanced()


def plug_in_again(net, guest, name):
    """Recreates the wire. Its ends have new MAC addresses, which a guest would learn after some seconds only."""
    net.host.add_veth(name, net.lan, "lan0")
    net.host.up(name, f"{HOST}/24")
    net.lan.up("lan0", f"{LAN}/24")
    guest.run("ip", "neigh", "flush", "all")


def test_interface_is_removed_under_traffic_and_returns(running):
    net, switch, guest = running
    flood = ["busybox", "ping", "-i", "0.001", "-q", LAN]
    with guest.running(*flood, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        net.host.run("ip", "link", "del", "eth0")
        switch.wait_said("eth0: .*gone")
    assert switch.ok("port/allprint 1")
    assert "vsw" not in net.host.run("ip", "link").stdout, "the helper goes with it"
    plug_in_again(net, guest, "eth0")
    switch.wait_said("eth0: .*back")
    all_reach_all(net, guest)
    send_tcp(guest, net.lan, LAN, size=5 * MIB)
    send_tcp(net.host, guest, GUEST, size=5 * MIB)


def test_interface_that_leaves_for_another_namespace_and_comes_back(running, stack):
    net, switch, guest = running
    elsewhere = stack.enter_context(Namespace())
    elsewhere.take("eth0", net.host)
    switch.wait_said("eth0: .*gone")
    assert not lan.can_reach(guest, LAN)
    net.host.take("eth0", elsewhere)
    net.host.up("eth0", f"{HOST}/24")
    switch.wait_said("eth0: .*back")
    all_reach_all(net, guest)


def test_interface_that_was_away_while_nobody_looked(running, stack):
    """It has the same number as before, but the kernel has taken it off the switch's socket."""
    net, switch, guest = running
    elsewhere = stack.enter_context(Namespace())
    with paused(switch.pid):
        elsewhere.take("eth0", net.host)
        net.host.take("eth0", elsewhere)
        net.host.up("eth0", f"{HOST}/24")
    switch.wait_said("eth0: .*back")
    all_reach_all(net, guest)


def test_port_of_an_interface_that_is_away_is_not_for_others(stack):
    """A client that asks for any port must not get the one to which the LAN comes back."""
    net = Lan(stack)
    switch = net.switch("uplink,ifname=eth0")
    elsewhere = stack.enter_context(Namespace())
    elsewhere.take("eth0", net.host)
    switch.wait_said("eth0: .*gone")
    with VdeClient(switch.dir):
        assert " Type: uplink State: down" in switch.port_text(1)
        assert "unix prog" in switch.port_text(2)


def test_flood_in_the_fallback_does_not_come_back(stack):
    """Without BPF, echoes are recognized by their contents: however many are outstanding, none is taken for a LAN frame."""
    net = Lan(stack)
    ports = ["uplink,ifname=eth0,port=1", *(f"tap,ifname=tap{number},port={2 + number}" for number in range(5))]
    words = [word for port in ports for word in ("--port", port)]
    switch = stack.enter_context(Switch(*words, prefix=[*net.host.prefix, *NO_BPF]))
    guests = [net.guest(f"tap{number}", f"10.0.0.{11 + number}") for number in range(5)]
    assert "no BPF program may be loaded" in switch.stderr()
    for guest in guests:
        assert guest.ping(LAN, 1) == 1 and guest.ping(HOST, 1) == 1
    before = lan.frames_in(switch, 1)
    mouths = [stack.enter_context(Wire(guest, f"tap{number}")) for number, guest in enumerate(guests)]
    for _ in range(3):
        with paused(switch.pid):  # frames that queue meanwhile arrive at once
            for number, mouth in enumerate(mouths):
                for _ in range(400):
                    mouth.send(frame(BROADCAST, host(0x70 + number), payload=os.urandom(8)))
        switch.ok("ds/showinfo")
        wait_for(lambda: guests[0].ping(HOST, 1) == 1, message="a ping to the host")
    assert lan.frames_in(switch, 1) - before < 50
    assert "both use" not in switch.stderr()
    switch.assert_balanced()


def rename(namespace, old, new, address):
    """Not every kernel renames an interface that is up."""
    if namespace.run("ip", "link", "set", old, "name", new, check=False).returncode != 0:
        namespace.down(old)
        namespace.run("ip", "link", "set", old, "name", new)
        namespace.run("ip", "link", "set", new, "up")
    assert address in namespace.run("ip", "addr", "show", "dev", new).stdout


def test_renamed_interface_stays_the_uplink(running):
    net, switch, guest = running
    rename(net.host, "eth0", "wan0", HOST)
    switch.wait_said("is called wan0 now")
    wait_for(lambda: "wan0" in switch.port_text(1), message="the new name in the console")
    all_reach_all(net, guest)
    net.host.run("ip", "link", "del", "wan0")
    switch.wait_said("wan0: .*gone")
    plug_in_again(net, guest, "wan0")
    switch.wait_said("wan0: .*back")
    all_reach_all(net, guest)


def test_changed_mtu_is_followed(running):
    net, switch, guest = running
    for mtu in (9000, 1400, 1500):
        for where, name in ((net.host, "eth0"), (net.lan, "lan0"), (guest, "tap0")):
            where.run("ip", "link", "set", name, "mtu", mtu)
        switch.wait_said(f"MTU {mtu}")
        for address in (LAN, HOST):
            assert guest.ping(address, 1, size=mtu - 28) == 1
        send_tcp(guest, net.lan, LAN, size=5 * MIB)
        send_tcp(net.lan, guest, GUEST, size=5 * MIB)
        send_tcp(guest, net.host, HOST, size=5 * MIB)
        send_tcp(net.host, guest, GUEST, size=5 * MIB)


def test_guest_with_a_larger_mtu_than_the_wire(running):
    """Its long frames for the LAN are dropped and counted, and so are those for the host, which is not behind the wire."""
    net, switch, guest = running
    guest.run("ip", "link", "set", "tap0", "mtu", 4000)
    assert guest.ping(LAN, 1, size=3000) == 0
    assert sum(switch.drops(1).values()) >= 1
    send_tcp(guest, net.lan, LAN, size=5 * MIB)  # agreed with the other end's MSS
    all_reach_all(net, guest)


def test_changed_address_of_the_host_is_followed(running):
    net, switch, guest = running
    net.host.run("ip", "link", "set", "eth0", "address", "02:00:00:aa:bb:cc")
    for where in (guest, net.lan):
        where.run("ip", "neigh", "flush", "all")
    all_reach_all(net, guest)
    send_tcp(guest, net.host, HOST, size=5 * MIB)
    assert "02:00:00:aa:bb:cc" in guest.run("ip", "neigh").stdout
    switch.assert_balanced()


def test_interface_that_becomes_a_bridges_port(running):
    """Then the bridge takes what it receives; the switch survives, and all works again once it is free."""
    net, switch, guest = running
    net.host.run("ip", "link", "add", "br0", "type", "bridge")
    net.host.run("ip", "link", "set", "eth0", "master", "br0")
    net.host.run("ip", "link", "set", "br0", "up")
    assert switch.ok("port/allprint 1")
    net.host.run("ip", "link", "set", "eth0", "nomaster")
    net.host.run("ip", "link", "del", "br0")
    all_reach_all(net, guest)


@pytest.mark.parametrize("mistake", [("set", "down"), ("del",)], ids=["set down", "deleted"])
def test_helper_that_somebody_took_away_is_back_at_once(running, mistake):
    """An administrator's mistake, or a network manager's: the host is reached again, and the LAN all the time."""
    net, switch, guest = running
    helper = re.search(r"^\d+: (vsw\d+)", net.host.run("ip", "link").stdout, re.M)[1]
    verb, *state = mistake
    net.host.run("ip", "link", verb, helper, *state)
    assert guest.ping(LAN, 1) == 1
    wait_for(lambda: guest.ping(HOST, 1) == 1, message="a ping to the host")
    send_tcp(guest, net.host, HOST, size=MIB)
    share = cpu_share(switch.pid)
    assert share < 0.2, f"the switch is busy with a descriptor that is gone: {share:.0%}"
    if verb == "del":
        switch.wait_said("eth0: the way to the host was deleted")


# -- frames that the interface refuses -----------------------------------------------------------------------


@pytest.mark.parametrize("mtu", [600, 1500])
def test_frames_that_the_interface_does_not_take_are_counted(running, mtu):
    """A GSO frame whose segments exceed the wire's MTU, and an ordinary frame that does: the uplink survives."""
    net, switch, guest = running
    net.host.run("ip", "link", "set", "eth0", "mtu", mtu)
    if mtu != 1500:
        switch.wait_said(f"MTU {mtu}")
    source, target = guest.mac("tap0"), net.lan.mac("lan0")
    with Wire(guest, "tap0", vnet=True) as mouth:
        for _ in range(20):
            mouth.send(tcp_frame(target, source, GUEST, LAN, bytes(20_000), needs_csum=True),
                       vnet_header(GSO_TCPV4, 1440, 34, 16, 54))
            mouth.send(tcp_frame(target, source, GUEST, LAN, bytes(1400)))
    if mtu == 600:
        wait_for(lambda: sum(switch.drops(1).values()) >= 20, message=f"drops: {switch.drops(1)}")
        net.host.run("ip", "link", "set", "eth0", "mtu", 1500)
        switch.wait_said("MTU 1500, was 600")
    all_reach_all(net, guest)
    send_tcp(guest, net.lan, LAN, size=5 * MIB)


# The error of a driver that cannot send a GSO frame, which no driver here returns: preloaded into this switch.
REFUSAL = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <sys/socket.h>

static int is_gso_frame(int fd, const struct msghdr *message)
{
    struct sockaddr_storage own;
    socklen_t length = sizeof(own);
    const struct virtio_net_hdr *header = message->msg_iov[0].iov_base;

    return getsockname(fd, (struct sockaddr *)&own, &length) == 0 && own.ss_family == AF_PACKET &&
           header->gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    int (*real)(int, struct mmsghdr *, unsigned, int) = dlsym(RTLD_NEXT, "sendmmsg");
    unsigned fine = 0;

    while (fine < count && !is_gso_frame(fd, &messages[fine].msg_hdr))
        fine++;
    if (fine > 0)
        return real(fd, messages, fine, flags);
    errno = EINVAL;
    return -1;
}
"""


@pytest.fixture
def refusing(tmp_path):
    """The environment of a switch whose interfaces refuse GSO frames."""
    return preloaded(tmp_path, REFUSAL)


def test_an_interface_that_refuses_gso_frames_gets_segments(stack, refusing):
    """The first is counted as a drop, which is logged once, and from then on TCP works without GSO."""
    net = Lan(stack)
    switch = net.switch("uplink,ifname=eth0,port=1", "tap,ifname=tap0,port=2", env=refusing)
    guest = net.guest("tap0", GUEST)
    with Wire(net.lan, "lan0") as far:
        send_tcp(guest, net.lan, LAN, size=5 * MIB)
        switch.wait_said("eth0: the interface refuses super-frames")
        assert max(map(len, far.heard())) == 1514
    assert switch.drops(1).keys() == {"send-error"} and switch.drops(1)["send-error"] <= 64
    assert switch.port(2)["IN"][1] / switch.port(2)["IN"][0] > 4000, "the guest did not send super-frames"
    send_tcp(net.lan, guest, GUEST, size=5 * MIB)
    send_tcp(guest, net.host, HOST, size=5 * MIB)
    assert switch.stderr().count("refuses super-frames") == 1
    switch.ok("port/set 1 offload=off")
    switch.ok("port/set 1 offload=on")
    send_tcp(guest, net.lan, LAN, size=MIB)
    assert switch.stderr().count("refuses super-frames") == 2, "whoever turns offloads on wants them to be tried again"
    switch.assert_balanced()


def test_uplink_on_a_tunnel_carries_verified_content(stack):
    """A VXLAN tunnel as the uplink: GSO frames that it refuses are segmented or counted, TCP data arrives intact."""
    net = Lan(stack, host="192.0.2.1", lan="192.0.2.2")
    for where, name, own, peer, address in ((net.host, "eth0", "192.0.2.1", "192.0.2.2", HOST),
                                            (net.lan, "lan0", "192.0.2.2", "192.0.2.1", LAN)):
        where.run("ip", "link", "add", "vx0", "type", "vxlan", "id", 5, "local", own, "remote", peer, "dstport", 4789,
                  "dev", name)
        where.up("vx0", f"{address}/24", 1450)
    switch = net.switch("uplink,ifname=vx0", "tap,ifname=tap0")
    guest = net.guest("tap0", GUEST, mtu=1450)
    for here, there, address in ((guest, net.lan, LAN), (net.lan, guest, GUEST), (guest, net.host, HOST),
                                 (net.host, guest, GUEST)):
        send_tcp(here, there, address, size=5 * MIB)
    switch.assert_balanced()


def test_headers_that_lie_hurt_nobody(running):
    """GSO frames with wrong headers, from a guest and from the LAN: those few that the kernel lets users send."""
    net, switch, guest = running
    accepted = {}
    with Wire(guest, "tap0", vnet=True) as mouth, Wire(net.lan, "lan0", vnet=True) as far:
        for sender, source, target in ((mouth, guest.mac("tap0"), net.lan.mac("lan0")),
                                       (mouth, guest.mac("tap0"), net.host.mac("eth0")),
                                       (far, net.lan.mac("lan0"), guest.mac("tap0")),
                                       (far, net.lan.mac("lan0"), BROADCAST)):
            data = tcp_frame(target, source, GUEST, LAN, bytes(9000), needs_csum=True)
            for gso in (GSO_NONE, GSO_TCPV4, GSO_UDP, GSO_TCPV6, GSO_UDP_L4, 7, 255):
                for size in (0, 1, 7, 1440, 65535):
                    for start, offset in ((34, 16), (0, 0), (13, 1), (34, 6), (9000, 2), (65535, 65535)):
                        for length in (len(data), 60, 14):
                            with contextlib.suppress(OSError):
                                sender.send(data[:length], vnet_header(gso, size, start, offset, 54))
                                accepted[sender, target] = accepted.get((sender, target), 0) + 1
    assert len(accepted) == 4 and min(accepted.values()) > 10, "the kernel refuses them itself: this test tests nothing"
    wait_for(lambda: switch.balance()["queued"] == 0, message="the queues to empty")
    all_reach_all(net, guest)
    send_tcp(guest, net.lan, LAN, size=5 * MIB)
    send_tcp(net.lan, guest, GUEST, size=5 * MIB)


# -- two uplinks on one LAN ----------------------------------------------------------------------------------


def test_two_uplinks_on_one_lan_are_cut_apart(stack):
    """A loop through the LAN's own bridge: loop detection blocks one, no storm remains, and the rest goes on. (With bad luck
    it blocks the other for a while, too, since it sees only addresses that move.)"""
    host_side, wire = stack.enter_context(Namespace()), stack.enter_context(Namespace())
    wire.run("ip", "link", "add", "br0", "type", "bridge")
    for number in (0, 1):
        host_side.add_veth(f"eth{number}", wire, f"lan{number}")
        wire.run("ip", "link", "set", f"lan{number}", "master", "br0")
        wire.up(f"lan{number}")
        host_side.up(f"eth{number}", f"{HOST}/24" if number == 0 else None)
    wire.up("br0", f"{LAN}/24")
    switch = stack.enter_context(lan.Switch("--port", "tap,ifname=tap0,port=1", "--port", "uplink,ifname=eth0,port=2",
                                            prefix=host_side.prefix))
    guest = stack.enter_context(Namespace())
    wait_for(lambda: host_side.has("tap0"), message="tap0")
    guest.take("tap0", host_side)
    guest.up("tap0", f"{GUEST}/24")
    assert guest.ping(LAN, 1) == 1
    switch.ok("port/add uplink,ifname=eth1,port=3,host=off")
    with Conversation(host_side, wire, LAN) as talk, Wire(guest, "tap0") as mouth:
        end = time.monotonic() + 10
        while "loop" not in switch.stderr() and time.monotonic() < end:
            mouth.send(frame(BROADCAST, host(77), payload=b"round and round"))
            time.sleep(0.02)
        assert re.search(r"port 3.*loop|loop.*port 3", switch.stderr()), switch.stderr()
        time.sleep(0.3)
        before = sum(lan.frames_in(switch, port) for port in (2, 3))
        time.sleep(1)
        assert sum(lan.frames_in(switch, port) for port in (2, 3)) - before < 1000, "a storm"
        assert cpu_share(switch.pid) < 0.3
        wait_for(lambda: guest.ping(LAN, 1) == 1, 5, "the guest to reach the LAN by the uplink that is left")
        assert talk.works()
    switch.assert_balanced()


def test_two_uplinks_on_two_lans_join_them(stack):
    net, second = Lan(stack), stack.enter_context(Namespace())
    net.host.add_veth("eth1", second, "lan1")
    net.host.up("eth1")
    second.up("lan1", "10.0.0.3/24")
    switch = net.switch("uplink,ifname=eth0", "uplink,ifname=eth1")
    send_tcp(net.lan, second, "10.0.0.3", size=5 * MIB)
    send_tcp(second, net.lan, LAN, size=5 * MIB)
    send_tcp(second, net.host, HOST, size=5 * MIB)
    send_tcp(net.host, second, "10.0.0.3", size=5 * MIB)
    switch.assert_balanced()


# -- abuse ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [10, pytest.param(200, marks=pytest.mark.full)])
def test_link_that_goes_up_and_down_leaks_nothing(running, times):
    net, switch, guest = running
    before = None
    for number in range(times):
        net.host.down("eth0")
        net.host.run("ip", "link", "set", "eth0", "up")
        if number == 2:
            before = switch.fds()
    assert switch.fds() == before
    all_reach_all(net, guest)


def test_guest_with_many_addresses_keeps_the_lan_reachable(running):
    """More addresses behind the switch than a socket filter can name."""
    net, switch, guest = running
    with Wire(guest, "tap0") as mouth:
        for number in range(3000):
            mouth.send(frame(BROADCAST, host(0x1000 + number)))
            if number % 100 == 0:
                switch.ok("ds/showinfo")  # the TAP's own queue is short: let the switch read it
    wait_for(lambda: len(lan.addresses_behind(switch, 2)) >= 2000, message="the addresses to be learned")
    all_reach_all(net, guest)
    send_tcp(net.host, guest, GUEST, size=5 * MIB)
    switch.assert_balanced()


def test_guest_that_takes_the_hosts_address_does_not_cut_it_off(running):
    """A guest sends with the host's MAC as its source: the host's own conversations do not pass the switch."""
    net, switch, guest = running
    with Conversation(net.host, net.lan, LAN) as talk, Wire(guest, "tap0") as mouth:
        done = threading.Event()

        def claim():
            while not done.is_set():
                mouth.send(frame(host(0xDEAD), net_mac, payload=b"mine"))
                done.wait(0.001)

        net_mac = net.host.mac("eth0")
        claiming = threading.Thread(target=claim)
        claiming.start()
        try:
            for _ in range(5):
                assert talk.works()
        finally:
            done.set()
            claiming.join()
    all_reach_all(net, guest)
    switch.assert_balanced()
