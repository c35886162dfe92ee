"""qemu-ifup, as QEMU calls it: guests in VLANs through TAPs that the host's stack never sees; nothing is left behind.

After every test the host and the switch are as they were before: that is checked here, once, for all of them.
"""

import contextlib
import os
import re
import socket
import stat
import struct
import subprocess
import threading
import time
import typing

import pytest

from frames import (BROADCAST, ETH_ARP, ETH_IPV4, ETH_IPV6, arp, frame, host as mac_of, internet_checksum, mac,
                    service_tag, tag)
from guest import Guest
from lab import settle
from machine import BareTap, Ended, Machine
from netns import NO_CAPABILITIES, Namespace
from switch import ROOT, Switch, wait_for
from users import NOBODY, needs_two_users, public_dir
from vdeclient import VdeClient

AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all",
             "--bounding-set=-all", "--")
HOST_ADDRESS = "10.9.0.1"


class Host:
    """A host with addresses, IPv6 and a switch: `make install` has put the tools where users have them."""

    def __init__(self, tools, stack, as_user=NO_CAPABILITIES):
        self.tools = tools
        self.namespace = stack.enter_context(Namespace())
        # A router, which sends more than other hosts, and answers for its addresses on any interface.
        self.namespace.sh("cd /proc/sys/net/ipv6/conf; for i in all default lo; do echo 0 > $i/disable_ipv6; done;"
                          "echo 1 > all/forwarding; ip addr add 10.9.0.1/32 dev lo; ip addr add fd09::1/128 dev lo")
        self.public = stack.enter_context(public_dir())
        self.switch = stack.enter_context(Switch(dir=self.public / "sw", prefix=[*self.namespace.prefix, *as_user]))
        self.run, self.sh = self.namespace.run, self.namespace.sh

    def settings(self, **given):
        values = {"dir": self.switch.dir, "ifup_conf": "/dev/null", **given}
        return ["env", *(f"VSW_{key.upper()}={value}" for key, value in values.items() if value is not None)]

    def call(self, script, *arguments, prefix=(), **settings):
        """Runs one of the scripts by hand. Returns (exit status, output)."""
        done = self.run(*self.settings(**settings), *prefix, self.tools / script, *arguments, check=False)
        return done.returncode, done.stdout

    def netdev(self, ifname=None):
        name = f",ifname={ifname}" if ifname else ""
        return f"tap,script={self.tools}/qemu-ifup,downscript={self.tools}/qemu-ifdown{name}"

    def machine(self, ifname=None, prefix=(), wait=True, **settings):
        return Machine(self.netdev(ifname), *self.namespace.prefix, *self.settings(**settings), *prefix, wait=wait)

    @contextlib.contextmanager
    def client(self, **keys):
        """A VDE client on a port of its own, which goes with it."""
        (line,) = self.switch.ok("port/add vde" + "".join(f",{key}={value}" for key, value in keys.items()))
        number = int(line.split()[1])
        mask = os.umask(0)  # the switch may be another user's
        with VdeClient(self.switch.dir, port=number) as client:
            os.umask(mask)
            try:
                yield client
            finally:
                if self.switch.process.poll() is None:
                    self.switch.ok(f"port/del {number}")

    def ports(self):
        """{name: (VLAN, what is attached)} of all ports."""
        blocks = re.split(r"^Port ", "\n".join(self.switch.ok("port/allprint")), flags=re.M)[1:]
        return {re.search(r"Name: (\S+)", text)[1]: (int(re.search(r"untagged_vlan=(\d+)", text)[1]),
                                                     re.findall(r"-- endpoint .*: (.*)", text)) for text in blocks}

    def footprint(self):
        """The interfaces, without their numbers and what depends on whether they were ever up, or open by a program."""
        links = re.sub(r"^\d+: |qdisc \S+ state \S+ |NO-CARRIER,|,LOWER_UP", "", self.run("ip", "link").stdout, flags=re.M)
        filters = re.findall("(?:clsact|ingress) .*", self.run("tc", "qdisc").stdout)
        return links, filters, self.ports(), sorted(os.listdir(self.switch.dir))


@pytest.fixture(scope="module")
def the_host(tools):
    with contextlib.ExitStack() as stack:
        yield Host(tools, stack)


@pytest.fixture
def host(the_host):
    """The host of all tests, and the check that a test has left nothing."""
    before = the_host.footprint()
    yield the_host
    assert the_host.footprint() == before


# -- as root ---------------------------------------------------------------------------------------------------------


def test_guests_in_vlans(host, tmp_path):
    """Two real guests with a card in VLAN 10 each; another card in VLAN 20 receives nothing, not even from the host."""
    conf = tmp_path / "qemu-ifup.conf"
    conf.write_text("vlan = 10\n[*20]\nvlan = 20\n")
    prefix = [*host.namespace.prefix, *host.settings(ifup_conf=conf)]
    with (Guest("alice", [host.netdev("alice10")], prefix) as alice,
          Guest("bob", [host.netdev("bob10"), host.netdev("bob20")], prefix) as bob):
        for guest in (alice, bob):
            guest.wait_ready()
        assert {name: vlan for name, (vlan, _) in host.ports().items()} == {"alice10": 10, "bob10": 10, "bob20": 20}
        alice.up("eth0", "10.9.0.101/24")
        bob.up("eth0", "10.9.0.102/24")
        bob.up("eth1", "10.9.1.102/24")
        assert alice.ping("10.9.0.102", size=1472) == 3
        bob.serve_iperf3()
        assert alice.iperf3("10.9.0.102", seconds=1) > 10e6
        assert alice.iperf3("10.9.0.102", seconds=1, options="-R") > 10e6
        assert alice.arping("eth0", "10.9.1.102", 1) == 0
        assert bob.arping("eth1", HOST_ADDRESS, 1) == 0
        assert bob.heard("eth1") == 0
        host.switch.assert_balanced()


def test_the_port_is_as_the_settings_say(host):
    with host.machine(name="web", vlan="none", trunk="10+20-22", learn=7, descr="the web, as it were"):
        lines = host.switch.ok("port/allprint web")
        assert " Name: web Type: tap State: up" in lines and " VLAN: none Trunk: 10+20-22" in lines
        assert " Addresses: 0 of 7" in lines and " Description: the web, as it were" in lines
    with host.machine(ifname="own"), host.machine(ifname="other", vlan="transparent"):
        assert {name: taps for name, (_, taps) in host.ports().items()} == {"own": ["sw-own"], "other": ["sw-other"]}


def test_mtu_and_names(host):
    """The second TAP has the first one's MTU, and a name that fits and that no other has."""
    long_names = ("a23456789012345", "a23456789012346")
    with contextlib.ExitStack() as stack:
        for name in (*long_names, "a234-6.89_12"):
            stack.enter_context(BareTap(host.namespace, name))
            host.run("ip", "link", "set", name, "mtu", 9000)
            assert host.call("qemu-ifup", name) == (0, "")
        listed = host.run("ip", "-o", "link", "show", "type", "tun").stdout
        seconds = re.findall(r"^\d+: (sw[.-]\S+): .* mtu 9000 ", listed, re.M)
        assert len(set(seconds)) == 3 and "sw-a234-6.89_12" in seconds
        assert all(len(name) <= 15 for name in seconds)
        for name in (*long_names, "a234-6.89_12"):
            assert host.call("qemu-ifdown", name) == (0, "")


def test_frames_pass_whole(host):
    """Of any length that a TAP takes, with any tags, in both directions."""
    frames = [frame(BROADCAST, mac_of(1), *tags, size=size) for size in (60, 1514, 1518, 9000)
              for tags in ((), (tag(7, pcp=5),), (tag(7), tag(8)))]
    with host.machine(vlan="transparent") as one, host.client(vlan="transparent", name="client") as other:
        for each in frames:
            one.send(each)
            assert other.recv() == each
            other.send(each[:6] + mac(mac_of(2)) + each[12:])
            wait_for(lambda: one.heard() == [each[:6] + mac(mac_of(2)) + each[12:]], message="the frame in QEMU")


def test_a_file_decides(host, tmp_path):
    conf = tmp_path / "qemu-ifup.conf"
    conf.write_text(f"""
        # for all
        dir = {host.switch.dir}
        vlan=10
          [web*]
        vlan = 20
        [*[0-9]]
        descr = has a number, in the end # and this
        [nobody's]
        name = never
        [web7]
        vlan =
        """)
    settings = {"dir": None, "ifup_conf": conf}
    with host.machine("web", **settings), host.machine("web7", **settings), host.machine("x", vlan=30, **settings):
        assert {name: vlan for name, (vlan, _) in host.ports().items()} == {"web": 20, "web7": 0, "x": 30}
        assert " Description: has a number, in the end # and this" in host.switch.ok("port/allprint web7")
        assert not any("Description" in line for line in host.switch.ok("port/allprint web"))


def test_a_console_elsewhere(host):
    with host.machine("tap0", dir="/nonexistent", mgmt=host.switch.dir / "mgmt"):
        assert "tap0" in host.ports()


def test_ifdown_when_the_switch_is_gone(host, tools):
    with contextlib.ExitStack() as stack:
        dying = stack.enter_context(Switch(dir=host.public / "dying", prefix=host.namespace.prefix, check_exit=False))
        with host.machine("tap0", dir=dying.dir):
            dying.kill()
            assert host.namespace.has("sw-tap0")
        assert not host.namespace.has("sw-tap0")


def test_killed_and_started_again(host):
    """No script ran when QEMU was killed: its next start, or that of any other guest, removes what it left."""
    with host.client(vlan=20, name="client") as client:
        before = host.footprint()
        host.machine("tap0", name="web", vlan=20).kill()
        assert "web" in host.ports() and host.namespace.has("sw-tap0") and not host.namespace.has("tap0")
        again = host.machine("tap0", name="web", vlan=20)
        again.send(frame(BROADCAST, mac_of(1)))
        assert client.recv() == frame(BROADCAST, mac_of(1))
        again.kill()
        with host.machine("tap1", name="web", vlan=20) as other:
            assert not host.namespace.has("sw-tap0") and host.ports()["web"] == (20, ["sw-tap1"])
            other.send(frame(BROADCAST, mac_of(2)))
            assert client.recv() == frame(BROADCAST, mac_of(2))
        assert host.footprint() == before


def test_a_tap_that_stays(host):
    """A TAP that existed before is restored, whether QEMU was killed or not, and can be used again."""
    host.namespace.add_tap("tap0")
    before = host.footprint()
    with host.machine("tap0"):
        pass
    after = host.footprint()
    assert after == before
    host.machine("tap0").kill()
    assert "clsact" in host.run("tc", "qdisc", "show", "dev", "tap0").stdout
    with host.machine("tap0"):
        assert host.ports()["tap0"] == (0, ["sw-tap0"])
    assert host.footprint() == after
    host.run("ip", "link", "del", "tap0")


def test_ten_at_once_killed_and_ten_again(host):
    """Ten QEMUs that start at the same time do not disturb each other, nor do ten that clean up."""
    vlans = range(101, 111)

    def start():
        machines = [host.machine(f"tap{vlan}", wait=False, name=f"guest{vlan}", vlan=vlan) for vlan in vlans]
        return [machine.wait_started() for machine in machines]

    with host.client(vlan="transparent", name="all") as client:
        for machine in start():
            machine.kill()
        machines = start()
        assert {name: vlan for name, (vlan, _) in host.ports().items() if name != "all"} == {
            f"guest{vlan}": vlan for vlan in vlans}
        for vlan, machine in zip(vlans, machines):
            machine.send(frame(BROADCAST, mac_of(vlan)))
            assert client.recv() == frame(BROADCAST, mac_of(vlan), tag(vlan))
        for machine in machines:
            machine.tell_to_end()
        for machine in machines:
            machine.close()


def test_queues(host):
    """A guest with several queues has several descriptors of one TAP."""
    with Machine(f"{host.netdev('tap0')},queues=2", *host.namespace.prefix, *host.settings()) as machine:
        with host.client(name="client") as client:
            machine.send(frame(BROADCAST, mac_of(1)))
            assert client.recv() == frame(BROADCAST, mac_of(1))


# -- a kernel bridge -------------------------------------------------------------------------------------------------


@pytest.fixture
def bridge(host):
    host.run("ip", "link", "add", "br0", "type", "bridge")
    host.sh("echo 1 > /proc/sys/net/ipv6/conf/br0/disable_ipv6; ip link set br0 mtu 1400 up; ip addr add 10.8.0.1/24 dev br0")
    yield "br0"
    host.run("ip", "link", "del", "br0")


def test_a_kernel_bridge(host, bridge):
    with host.machine("tap0", bridge=bridge) as machine:
        assert " mtu 1400 " in host.run("ip", "link", "show", "dev", "tap0").stdout
        machine.send(arp(mac_of(1), 1, "10.8.0.2", "10.8.0.1"))
        assert [each[28:32] for each in machine.heard(0.5) if each[12:14] == b"\x08\x06"] == [socket.inet_aton("10.8.0.1")]
        assert host.ports() == {} and not host.namespace.has("sw-tap0")


def test_out_of_the_bridge_again(host, bridge):
    """A persistent TAP is removed from the bridge by ifdown, or by the next ifup after a crash."""
    host.namespace.add_tap("tap0")
    for end in ("close", "kill", "close"):
        machine = host.machine("tap0", bridge=bridge)
        assert "tap0" in host.run("bridge", "link").stdout
        getattr(machine, end)()
        assert ("tap0" in host.run("bridge", "link").stdout) == (end == "kill")
    with host.machine("tap0"):
        assert "tap0" in host.ports()
    host.run("ip", "link", "del", "tap0")


# -- as a user -------------------------------------------------------------------------------------------------------


@pytest.fixture(name="users_host")
def fixture_users_host(tools):
    """A host whose switch runs as user nobody, who may open /dev/net/tun, as on any Debian; and how to run its programs."""
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(public_dir()) / "tun"
        os.mknod(node, stat.S_IFCHR | 0o666, os.stat("/dev/net/tun").st_rdev)
        node.chmod(0o666)
        as_nobody = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /dev/net/tun && exec "$@"', str(node), *AS_NOBODY)
        host = Host(tools, stack, as_nobody)
        host.as_nobody = as_nobody
        before = host.footprint()
        yield host
        assert host.footprint() == before


@needs_two_users
def test_root_plugs_into_a_users_switch(users_host):
    """The second TAP belongs to the switch's user, so that the switch needs no privilege to open it."""
    host = users_host
    with host.machine("tap0", vlan=10) as machine, host.client(vlan=10) as client:
        assert " user nobody " in host.run("ip", "-d", "link", "show", "dev", "sw-tap0").stdout
        machine.send(frame(BROADCAST, mac_of(1)))
        assert client.recv() == frame(BROADCAST, mac_of(1))


@needs_two_users
def test_a_user_with_a_prepared_tap(users_host):
    """Root makes the pair once; then QEMU, script and switch are a user's. The pair outlives them; the port does not."""
    host = users_host
    assert host.call("qemu-ifup", "--prepare", "tap0", "nobody") == (0, "")
    prepared = host.footprint()
    for end in ("close", "kill", "close"):
        with host.client(vlan=10) as client:
            machine = host.machine("tap0", prefix=host.as_nobody, vlan=10, name="mine")
            machine.send(frame(BROADCAST, mac_of(1)), arp(mac_of(1), 1, "10.9.0.66", HOST_ADDRESS))
            assert client.recv() == frame(BROADCAST, mac_of(1))
            client.send(frame(mac_of(1), mac_of(2)))
            wait_for(lambda: frame(mac_of(1), mac_of(2)) in (heard := machine.heard()) and len(heard) == 1)
            getattr(machine, end)()
        if end == "close":
            assert host.ports() == {}
    assert host.footprint() == prepared
    assert "exists" in host.call("qemu-ifup", "--prepare", "tap0", "nobody")[1]
    assert "made by --prepare" in host.call("qemu-ifup", "tap0", bridge="lo")[1]
    assert host.call("qemu-ifup", "--release", "tap0") == (0, "")


@needs_two_users
def test_a_user_has_a_file_of_his_own(users_host):
    host = users_host
    conf = host.public / "vswitchd" / "qemu-ifup.conf"
    conf.parent.mkdir()
    conf.write_text(f"dir = {host.switch.dir}\nvlan = 30\n")
    settings = {"dir": None, "ifup_conf": None, "prefix": (*host.as_nobody, "env", f"XDG_CONFIG_HOME={host.public}")}
    assert host.call("qemu-ifup", "--prepare", "tap0", "nobody") == (0, "")
    with host.machine("tap0", **settings):
        assert host.ports() == {"tap0": (30, ["sw-tap0"])}
    with host.machine("tap0", **settings, vlan=40, name="web"):
        assert host.ports() == {"web": (40, ["sw-tap0"])}
    assert host.call("qemu-ifup", "--release", "tap0") == (0, "")


@needs_two_users
def test_a_prepared_tap_does_not_reach_the_host(users_host):
    host = users_host
    assert host.call("qemu-ifup", "--prepare", "tap0", "nobody") == (0, "")
    with host.machine("tap0", prefix=host.as_nobody, vlan=20) as machine:
        assert attack(host, machine, ["tap0", "sw-tap0"]) == Reached()
    # Between two QEMUs, while the switch is not attached.
    with BareTap(host.namespace, "tap0") as tap:
        assert attack(host, tap, ["tap0", "sw-tap0"]) == Reached()
    assert host.call("qemu-ifup", "--release", "tap0") == (0, "")


# -- attacks ---------------------------------------------------------------------------------------------------------


class Reached(typing.NamedTuple):
    """Effects of an attack on the host's stack: frames that it sent, packets that its IP layers received, neighbours
    that it learned."""

    answers: int = 0
    ipv4: int = 0
    ipv6: int = 0
    neighbours: str = ""


def attack(host, attacker, interfaces, seconds=0.3):
    """Sends from ATTACKER everything that a host might answer, to the MAC addresses of INTERFACES and all others."""
    before = packets_seen(host)
    attacker.heard()
    for each in attack_frames([host.namespace.mac(name) for name in interfaces]):
        attacker.send(each)
    answers = attacker.heard(seconds)
    ipv4, ipv6 = (after - earlier for after, earlier in zip(packets_seen(host), before))
    return Reached(len(answers), ipv4, ipv6, host.run("ip", "neigh").stdout)


def packets_seen(host):
    """The packets that the host's IPv4 and IPv6 have received, dropped ones included."""
    snmp = [line.split() for line in host.run("cat", "/proc/net/snmp").stdout.splitlines() if line.startswith("Ip:")]
    return (int(dict(zip(*snmp))["InReceives"]),
            int(re.search(r"^Ip6InReceives\s+(\d+)", host.run("cat", "/proc/net/snmp6").stdout, re.M)[1]))


def attack_frames(macs):
    """Untagged, tagged for another VLAN and for the own, for no VLAN, doubly, and by 802.1ad."""
    tags = ((), (tag(10),), (tag(20),), (tag(0, pcp=7),), (tag(20), tag(10)), (tag(10), tag(20)),
            (service_tag(10),), (service_tag(20), tag(10)))
    for destination in (BROADCAST, *macs):
        for kind, payload in attack_packets():
            for each in tags:
                yield frame(destination, ATTACKER, *each, kind=kind, payload=payload)
    for group in ("01:80:c2:00:00:00", "01:80:c2:00:00:0e", "01:00:5e:00:00:01", "33:33:00:00:00:01"):
        yield frame(group, ATTACKER, kind=0x88CC)
    for destination in (BROADCAST, *macs):
        for length_and_llc in ("0003 0000f3", "0003 0000e3", "0003 4242f3"):  # TEST, XID
            yield (mac(destination) + mac(ATTACKER) + bytes.fromhex(length_and_llc)).ljust(60, b"\0")


ATTACKER = mac_of(66)


def attack_packets():
    for address in ("10.9.0.1", "127.0.0.1", "255.255.255.255", "224.0.0.1"):
        yield ETH_ARP, arp(ATTACKER, 1, "10.9.0.66", address)[14:]
        for protocol, body in ((socket.IPPROTO_ICMP, struct.pack("!BBHI", 8, 0, 0xF7FF, 0)),
                               (socket.IPPROTO_UDP, struct.pack("!HHHH", 9, 9, 8, 0)),
                               (socket.IPPROTO_TCP, struct.pack("!HHIIHHHH", 9, 22, 1, 0, 0x5002, 1024, 0, 0))):
            yield ETH_IPV4, ipv4(address, protocol, body)
    for address in ("fd09::1", "ff02::1", "ff02::2", "ff02::1:ff00:1", "::1"):
        target = socket.inet_pton(socket.AF_INET6, "fd09::1")
        for kind, body in ((128, bytes(4)), (133, bytes(4)), (134, bytes(12)), (135, bytes(4) + target),
                           (130, bytes(20))):  # echo, router solicitation and advertisement, neighbour, MLD query
            yield ETH_IPV6, icmpv6(address, kind, body)


def ipv4(address, protocol, body):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0, socket.inet_aton("10.9.0.66"),
                         socket.inet_aton(address))
    return header[:10] + struct.pack("!H", internet_checksum(header)) + header[12:] + body


def icmpv6(address, kind, body):
    ends = socket.inet_pton(socket.AF_INET6, "fe80::66") + socket.inet_pton(socket.AF_INET6, address)
    length = 4 + len(body)
    unsummed = struct.pack("!BBH", kind, 0, 0) + body
    total = internet_checksum(ends + struct.pack("!II", length, socket.IPPROTO_ICMPV6) + unsummed)
    return struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_ICMPV6, 255) + ends + struct.pack("!BBH", kind, 0, total) + body


def test_the_attack_would_be_seen(host):
    """On a TAP as QEMU's own scripts set it up, the host answers, listens, and sends unsolicited frames."""
    with BareTap(host.namespace, "plain0") as tap:
        host.run("ip", "link", "set", "plain0", "up")
        assert tap.heard(1.5)
        reached = attack(host, tap, ["plain0"])
        assert reached.answers and reached.ipv4 and reached.ipv6


def test_vlan_20_reaches_neither_the_host_nor_vlan_10(tools):
    """The guest sends all that a host might answer, in all kinds of tags; members of VLAN 10 listen, as do the host's
    own counters. Nor does the host send anything to the guest: it is a router, and would."""
    with contextlib.ExitStack() as stack:
        host = Host(tools, stack)
        evil = stack.enter_context(host.machine("evil", vlan=20))
        victim = stack.enter_context(host.machine("victim", vlan=10))
        neighbour = stack.enter_context(host.client(vlan=10, name="vde10"))
        trunk = stack.enter_context(host.client(vlan="none", trunk=10, name="trunk10"))
        friend = stack.enter_context(host.client(vlan=20, name="vde20"))
        assert evil.heard(1.5) == [] and victim.heard() == []
        macs = ["evil", "sw-evil", "victim", "sw-victim"]
        assert attack(host, evil, macs) == Reached()
        settle(host.switch)
        assert victim.heard(0.2) == [] and neighbour.pending() == [] and trunk.pending() == []
        assert frame(BROADCAST, ATTACKER, kind=ETH_ARP, payload=arp(ATTACKER, 1, "10.9.0.66", "10.9.0.1")[14:]) in friend.pending()
        assert host.switch.drops(host_port(host, "evil"))["not-member"] > 100
        host.switch.assert_balanced()
        # Without the switch, and even without the other TAP, nothing reaches the host.
        host.switch.kill()
        assert attack(host, evil, macs) == Reached()
        host.run("ip", "link", "del", "sw-evil")
        assert attack(host, evil, ["evil"]) == Reached()
        assert host.run("ip", "-6", "address", "show", "dev", "evil").stdout == ""


def host_port(host, name):
    return int(host.switch.ok(f"port/allprint {name}")[0].split()[1])


def test_no_moment_without_the_filter(host):
    """Frames of a guest that never stops sending do not reach the host while its TAP is set up or torn down."""
    over, said = threading.Event(), []

    def talk(tap):
        while not over.is_set():
            with contextlib.suppress(OSError):  # the interface is down
                tap.send(arp(ATTACKER, 1, "10.9.0.66", HOST_ADDRESS),
                         frame(BROADCAST, ATTACKER, kind=ETH_IPV4, payload=ipv4(HOST_ADDRESS, 17, bytes(8))))
                said.append(time.monotonic())

    with BareTap(host.namespace, "tap0") as tap:
        talker = threading.Thread(target=talk, args=(tap,))
        before = packets_seen(host)
        talker.start()
        try:
            for _ in range(3):
                assert host.call("qemu-ifup", "tap0") == (0, "")
                heard = len(said)
                wait_for(lambda: len(said) > heard + 100, message="the guest's words")  # pylint: disable=cell-var-from-loop
                assert host.call("qemu-ifdown", "tap0") == (0, "")
        finally:
            over.set()
            talker.join()
        assert packets_seen(host) == before and tap.heard() == []


def test_runts_do_not_slip_past_the_filter(host):
    """A filter that matches bytes after the header does not match a frame that consists of a header only."""
    runts = [(mac(BROADCAST) + mac(ATTACKER) + bytes.fromhex("0003 0000f3"))[:length] for length in range(14, 18)]
    with BareTap(host.namespace, "tap0") as tap:
        assert host.call("qemu-ifup", "tap0", vlan=20) == (0, "")
        with host.client(vlan=20) as client:
            tap.send(*runts)
            assert [client.recv() for _ in runts] == runts
        assert host.call("qemu-ifdown", "tap0") == (0, "")


# -- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings, words", [
    ({"vlan": "4095"}, "vlan=4095 is not a VLAN"),
    ({"vlan": "ten"}, "VSW_VLAN: vlan=ten is not a VLAN"),
    ({"vlan": "10", "trunk": "10"}, "cannot be both untagged"),
    ({"trunk": "20-10"}, "trunk=20-10 is not a list"),
    ({"learn": "-1"}, "VSW_LEARN: learn=-1 is not a number"),
    ({"name": "ctl"}, '"ctl" is taken by the switch'),
    ({"name": "taken"}, '"taken" is in use by port'),
    ({"descr": "x" * 300}, "description= has at most 255 bytes"),
    ({"dir": "/nonexistent"}, "there is no /nonexistent/mgmt: is the switch running?"),
    ({"dir": "relative"}, "VSW_DIR: dir=relative is not an absolute path"),
    ({"dir": "/" + "x" * 200}, "longer than the path of a socket"),
    ({"mgmt": "/etc/passwd"}, "nobody listens on /etc/passwd"),
    ({"user": "no-such-user"}, "there is no user no-such-user"),
    ({"bridge": "br7"}, "there is no kernel bridge br7"),
    ({"bridge": "lo"}, "there is no kernel bridge lo"),
    ({"bridge": "br7", "vlan": "10"}, "are for a port of the switch, not of a kernel bridge"),
    ({"ifup_conf": "/nonexistent/conf"}, "/nonexistent/conf: not a file that can be read"),
    ({"ifup_conf": "/etc"}, "/etc: not a file that can be read"),
], ids=lambda value: "-".join(f"{key}={text:.12}" for key, text in value.items()) if isinstance(value, dict) else "")
def test_refused_settings(host, settings, words):
    """One clear line, nothing half done."""
    with BareTap(host.namespace, "tap0"), host.client(name="taken"):
        before = host.footprint()
        assert one_line(host.call("qemu-ifup", "tap0", **settings), words)
        assert host.footprint() == before


def one_line(outcome, words):
    """Whether a call has failed with one line in which WORDS stand."""
    status, said = outcome
    assert status == 1 and words in said and said.startswith("qemu-if") and said.count("\n") == 1, outcome
    return True


@pytest.mark.parametrize("arguments, words", [
    (["lo"], "there is no TAP interface lo"), (["tap9"], "there is no TAP interface tap9"), ([], "usage"),
    (["tap0", "tap1"], "usage"), (["tap0,vlan=10"], "is not an interface"), (["-tap0"], "is not an interface"),
    (["../../etc"], "is not an interface"), (["tap0\nid"], "is not an interface"), (["$(id)"], "is not an interface"),
    (["a234567890123456"], "is not an interface"), ([""], "is not an interface"), (["--prepare", "tap0"], "usage"),
    (["--prepare", "tap0", "no-such-user"], "there is no user"), (["--prepare", "tap0", "-x"], "not the name of a user"),
    (["--prepare", "lo", "root"], "lo exists"), (["--release", "tap9"], "no TAP that was made by --prepare"),
    (["--release", "lo"], "no TAP that was made by --prepare")], ids=str)
def test_refused_arguments(host, arguments, words):
    assert one_line(host.call("qemu-ifup", *arguments), words)


@pytest.mark.parametrize("text, words", [
    ("vlam = 10", ':1: unknown key "vlam"; accepted are dir mgmt user bridge name vlan trunk learn descr'),
    ("vlan = 10\n\nvlan = x", ":3: vlan=x is not a VLAN"),
    ("[other*]\nvlan = x", ":2: vlan=x is not a VLAN"),
    ("vlan 10", ':1: "vlan 10" is neither key=value nor a section'),
    ("[tap0", ':1: "[tap0" is neither key=value nor a section'),
    ("= 10", "is neither key=value"),
    ("descr = a\x1bb", ":1: descr= has a control character"),
], ids=repr)
def test_refused_files(host, tmp_path, text, words):
    (tmp_path / "conf").write_text(text)
    with BareTap(host.namespace, "tap0"):
        assert one_line(host.call("qemu-ifup", "tap0", ifup_conf=tmp_path / "conf"), f"{tmp_path}/conf" + words
                        if words.startswith(":") else words)


def test_nothing_in_a_file_is_run(host, tmp_path):
    """Neither as a value, nor as a key, nor as a pattern."""
    mark, conf = tmp_path / "mark", tmp_path / "conf"
    for text in (f"descr = $(touch {mark})`touch {mark}`; touch {mark} || \"x\" 'y' \\", f"[$(touch {mark})]\nvlan = 1",
                 f"name = x;touch$IFS{mark}", f"dir = /$(touch {mark})", f"x=$(touch {mark})", f"a[$(touch {mark})]=1",
                 f"vlan = $((a[$(touch {mark})]))", f"user = root; touch {mark}", f"bridge = `touch {mark}`"):
        conf.write_text(text)
        with BareTap(host.namespace, "tap0"):
            status, _ = host.call("qemu-ifup", "tap0", ifup_conf=conf)
            if status == 0:
                ports = host.switch.port_text("tap0")
                assert "untagged_vlan=0000" in ports
                assert "Description" not in ports or f"Description: $(touch {mark})`touch" in ports
                assert host.call("qemu-ifdown", "tap0") == (0, "")
        assert not mark.exists(), text


@pytest.mark.parametrize("settings", [
    {"name": "web,vlan=10"}, {"vlan": "20,trunk=10"}, {"trunk": "20,vlan=10"}, {"learn": "1,vlan=10"},
    {"name": "web\nport/del victim"}, {"vlan": "20\nshutdown"}, {"descr": "x\nshutdown"}, {"descr": "x\rshutdown"},
    {"dir": "/tmp\nshutdown"}, {"user": "0 pi"}, {"name": "web vlan"}, {"vlan": "*"}, {"name": "-web"},
], ids=str)
def test_a_value_stays_a_value(host, settings):
    with BareTap(host.namespace, "tap0"), host.client(name="victim"):
        assert host.call("qemu-ifup", "tap0", **settings)[0] == 1
        assert list(host.ports()) == ["victim"]


def test_commas_of_a_description_are_its_own(host):
    text = "a,vlan=10,,trunk=10,,,name=x,"
    with host.machine("tap0", vlan=20, descr=text):
        assert f" Description: {text}" in host.switch.ok("port/allprint tap0")
        assert host.ports()["tap0"][0] == 20


def test_qemu_does_not_start_if_the_script_fails(host):
    with pytest.raises(Ended, match="qemu-ifup: VSW_VLAN: vlan=x is not a VLAN"):
        host.machine("tap0", vlan="x")


def test_an_interface_of_the_host_is_not_taken(host):
    """A TAP with an address, or in a bridge, or whose second would be another's: left as it is."""
    with BareTap(host.namespace, "tap0"), BareTap(host.namespace, "sw-tap0"):
        before = host.footprint()
        assert one_line(host.call("qemu-ifup", "tap0"), "sw-tap0, which would be the other side of tap0, exists and is not ours")
        assert host.footprint() == before
    with BareTap(host.namespace, "tap0"):
        host.run("ip", "address", "add", "10.7.0.1/24", "dev", "tap0")
        assert one_line(host.call("qemu-ifup", "tap0"), "tap0 has an address of this host")
        host.run("ip", "address", "flush", "dev", "tap0")
        host.run("ip", "link", "add", "br0", "type", "bridge")
        host.run("ip", "link", "set", "tap0", "master", "br0")
        assert one_line(host.call("qemu-ifup", "tap0"), "tap0 is in the bridge br0 already")
        host.run("ip", "link", "del", "br0")


def test_filters_of_somebody_else_stay(host):
    with BareTap(host.namespace, "tap0"):
        host.run("tc", "qdisc", "add", "dev", "tap0", "clsact")
        host.run("ip", "link", "set", "tap0", "up")
        before = host.footprint()
        assert one_line(host.call("qemu-ifup", "tap0"), "tap0 has filters of somebody else: tc qdisc show dev tap0")
        assert host.footprint() == before


def test_what_a_call_that_was_killed_at_once_has_left(host):
    """Its second TAP has no mark yet: it is recognized nevertheless, unless it is in use."""
    host.namespace.add_tap("sw-tap0")
    with host.machine("tap0"):
        assert host.ports()["tap0"] == (0, ["sw-tap0"])
    host.namespace.add_tap("sw-tap0")
    host.run("ip", "link", "set", "sw-tap0", "up")
    with BareTap(host.namespace, "tap0"):
        assert one_line(host.call("qemu-ifup", "tap0"), "exists and is not ours: ip link delete dev sw-tap0")
    host.run("ip", "link", "del", "sw-tap0")


@pytest.mark.parametrize("step", ["tuntap add dev sw-tap0", "link set dev sw-tap0 alias", "link set dev sw-tap0 up"])
def test_interrupted_it_leaves_nothing(host, tmp_path, step):
    """Ctrl-C at each call of `ip`, when the work is half done."""
    wrapper = tmp_path / "ip"
    wrapper.write_text(f"""#!/bin/sh
        trap '' TERM
        PATH=${{PATH#*:}}
        ip "$@" || exit
        case $* in "{step}"*) kill -TERM 0 ;; esac
        """)
    wrapper.chmod(0o755)
    with BareTap(host.namespace, "tap0"):
        before = host.footprint()
        path = f"PATH={tmp_path}:{os.environ['PATH']}"
        assert one_line(host.call("qemu-ifup", "tap0", prefix=("setsid", "-w", "env", path)), "interrupted")
        assert host.footprint() == before


def test_another_users_words_do_not_make_a_port_ours(host):
    """A client may use our TAP's name as its description: its port is not ours, and no clean-up removes it."""
    with VdeClient(host.switch.dir, descr="sw-tap0"), host.machine("tap0"):
        assert len(host.ports()) == 2
        host.call("qemu-ifdown", "tap0")
        assert ["sw-tap0"] in [[text.strip() for text in taps] for _, taps in host.ports().values()]
    host.switch.ok("port/del 1")


def test_a_switch_elsewhere_is_told_from_ours(host, tools, namespaces):
    """It would make a TAP of that name where it is, joined to nothing."""
    (elsewhere,) = namespaces(1)
    with Switch(dir=host.public / "elsewhere", prefix=elsewhere.prefix) as other, BareTap(host.namespace, "tap0"):
        before = host.footprint()
        assert one_line(host.call("qemu-ifup", "tap0", dir=other.dir), "another network namespace")
        assert host.footprint() == before and other.ok("port/allprint") == [] and not elsewhere.has("sw-tap0")


def test_missing_programs_are_named_with_their_package(host):
    hide = ("unshare", "--mount", "sh", "-c", 'mount --bind /dev/null "$(readlink -f "$(command -v "$0")")" && exec "$@"')
    with BareTap(host.namespace, "tap0"):
        for program in ("ip", "tc"):
            assert one_line(host.call("qemu-ifup", "tap0", prefix=(*hide, program)),
                            f"{program} is missing: install the package iproute2")
        vswctl = host.tools.parent.parent / "bin" / "vswctl"
        assert one_line(host.call("qemu-ifup", "tap0", prefix=(*hide, vswctl)), "vswctl is missing")


@needs_two_users
def test_without_root_the_way_out_is_named(users_host):
    host = users_host
    with BareTap(host.namespace, "tap0"):
        assert one_line(host.call("qemu-ifup", "tap0", prefix=AS_NOBODY), "qemu-ifup --prepare tap0 USER makes one")
    assert one_line(host.call("qemu-ifup", "--prepare", "tap7", "nobody", prefix=AS_NOBODY), "cannot make the TAP tap7")


@needs_two_users
def test_another_users_switch_is_closed(host):
    with BareTap(host.namespace, "tap0"):
        assert one_line(host.call("qemu-ifup", "tap0", prefix=AS_NOBODY), "is closed to you")


def test_help_and_manual(host):
    status, said = host.call("qemu-ifup", "--help")
    assert status == 0 and max(map(len, said.splitlines())) <= 120
    page = (ROOT / "docs" / "qemu-ifup.8").read_text()
    keys = re.search(r"^keys='(.*)'$", (ROOT / "qemu-ifup").read_text(), re.M)[1].split()
    assert len(keys) > 5
    for key in keys:
        assert f"\n{key}|VSW_{key.upper()}|" in page
        assert f"VSW_{key.upper()}" in said
    done = subprocess.run(["groff", "-man", "-t", "-Tutf8", "-ww", "-z", ROOT / "docs" / "qemu-ifup.8"], text=True,
                          capture_output=True)
    assert done.returncode == 0 and done.stderr == ""


def test_the_example_file_is_accepted(host, tmp_path):
    """As installed, and with every commented-out setting enabled."""
    text = (ROOT / "docs" / "qemu-ifup.conf").read_text()
    spoken = re.sub(r"^#(?=[\[a-z]+\*?\S*\]?( =|$))", "", text, flags=re.M)
    assert spoken.count("=") > text.count("\n[") and "\n[tap7]\n" in spoken
    for number, each in enumerate((text, spoken.replace("/run/vsw", str(host.switch.dir), 1))):
        conf = tmp_path / str(number)
        conf.write_text(each)
        with host.machine("tap7", dir=host.switch.dir, ifup_conf=conf):
            assert list(host.ports()) == [("tap7", "database")[number]]
