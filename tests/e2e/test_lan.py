"""The uplink: guests, the host and the LAN reach each other; each frame is seen once; nothing stays behind."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
import types

import pytest

import lan
from frames import BROADCAST, frame, host, mac, marked, service_tag, tag, udp_frame
from lan import GUEST, HOST, LAN, MIB, Capture, Conversation, Dhcp, Lan, Wire, send_tcp, send_udp
from process import cpu_seconds
from switch import wait_for

IPV4 = {"guest": GUEST, "host": HOST, "lan": LAN}
IPV6 = {"guest": "fd00::11", "host": "fd00::1", "lan": "fd00::2"}
DIRECTIONS = [(one, other) for one in IPV4 for other in IPV4 if one != other]
# Between guest and LAN a frame passes the host's card, which packet sockets on it see; and what the host sends to a guest
# leaves by the card, too, as all that it sends, though no host there has that address.
OVERHEARD = {("guest", "lan", "host"), ("lan", "guest", "host"), ("host", "guest", "lan")}
ANYBODY = "33:33:00:00:12:34"  # a group that nobody has joined


@pytest.fixture(scope="module")
def net():
    """A guest on a TAP, the host and a LAN host, with all the offloads that their interfaces have."""
    with contextlib.ExitStack() as opened:
        where = Lan(opened, host_ipv6=IPV6["host"], lan_ipv6=IPV6["lan"])
        switch = where.switch("uplink,ifname=eth0,port=1", "tap,ifname=tap0,port=2")
        guest = where.guest("tap0", GUEST)
        lan.allow_ipv6(guest, "tap0", f"{IPV6['guest']}/64")
        yield types.SimpleNamespace(switch=switch, guest=guest, host=where.host, lan=where.lan,
                                    nic={"guest": "tap0", "host": "eth0", "lan": "lan0"})
        switch.assert_balanced()


# -- all hosts reach each other ------------------------------------------------------------------------------


@pytest.mark.parametrize("here, there", DIRECTIONS)
def test_tcp_arrives_whole(net, here, there):
    for addresses in (IPV4, IPV6):
        send_tcp(getattr(net, here), getattr(net, there), addresses[there])
    net.switch.assert_balanced()


@pytest.mark.parametrize("here, there", DIRECTIONS)
def test_udp_arrives_once_and_whole(net, here, there):
    for addresses in (IPV4, IPV6):
        send_udp(getattr(net, here), getattr(net, there), addresses[there])


def test_guest_is_on_the_lan_with_its_own_address(net):
    for other in ("host", "lan"):
        assert getattr(net, other).ping(GUEST) == 3
        assert net.guest.ping(IPV4[other], size=1472) == 3
        assert net.guest.mac("tap0") in getattr(net, other).run("ip", "neigh", "show", GUEST).stdout
        assert getattr(net, other).mac(net.nic[other]) in net.guest.run("ip", "neigh", "show", IPV4[other]).stdout


def test_console_shows_the_uplink(net):
    text = net.switch.port_text(1)
    assert "uplink" in text and "eth0" in text


@pytest.mark.parametrize("other", ["host", "lan"])
def test_gso_frames_cross_the_uplink(net, other):
    """GSO makes the uplink fast: frames far longer than the wire's 1,514 bytes, in both directions."""
    for here, there, way in (("guest", other, "OUT"), (other, "guest", "IN")):
        frames, size = net.switch.port(1)[way]
        send_tcp(getattr(net, here), getattr(net, there), IPV4[there])
        frames_now, size_now = net.switch.port(1)[way]
        assert (size_now - size) / (frames_now - frames) > 4000


# -- seen once -----------------------------------------------------------------------------------------------


@pytest.fixture
def ears(net):
    """What arrives at the guest, at the host's stack and at the LAN host."""
    with contextlib.ExitStack() as opened:
        yield {name: opened.enter_context(Wire(getattr(net, name), nic)) for name, nic in net.nic.items()}


@pytest.mark.parametrize("speaker", list(IPV4))
@pytest.mark.parametrize("target", [BROADCAST, ANYBODY], ids=["broadcast", "multicast"])
def test_group_frame_is_heard_once_by_everybody_else(net, ears, speaker, target):
    texts = [f"group frame {speaker} {target} {number:04}".encode() for number in range(50)]
    before = net.switch.port(1)["IN"][0]
    own = getattr(net, speaker).mac(net.nic[speaker])
    for text in texts:
        ears[speaker].send(frame(target, own, payload=text))
    for name, ear in ears.items():
        if name != speaker:
            assert_heard_once(ear, texts)
    time.sleep(0.2)
    assert marked(ears[speaker].heard(), b"group frame") == [], "its sender heard it again"
    if speaker == "guest":
        assert net.switch.port(1)["IN"][0] - before < len(texts) / 2, "what the switch sent came back in"
        assert own in lan.addresses_behind(net.switch, 2), "an echo would have moved it to the uplink"


def assert_heard_once(ear, texts):
    heard = ear.wait_for(lambda frame: texts[-1] in frame)
    time.sleep(0.1)
    heard += ear.heard()
    for text in texts:
        assert len(marked(heard, text)) == 1, text


@pytest.mark.parametrize("here, there", DIRECTIONS)
def test_frame_for_one_is_heard_by_that_one_alone(net, ears, here, there):
    for one, other in DIRECTIONS:
        assert getattr(net, one).ping(IPV4[other], 1) == 1
    texts = [f"for one {here} {there} {number:04}".encode() for number in range(50)]
    macs = {name: getattr(net, name).mac(nic) for name, nic in net.nic.items()}
    for ear in ears.values():
        ear.heard()
    for text in texts:
        ears[here].send(frame(macs[there], macs[here], payload=text))
    assert_heard_once(ears[there], texts)
    for name, ear in ears.items():
        if (here, there, name) not in OVERHEARD and name != there:
            assert marked(ear.heard(), b"for one") == [], name


def test_host_does_not_take_what_is_between_guest_and_lan(net):
    """Both go through its network card, and its stack must not answer or forward any of it."""
    (sent,) = lan.statistics(net.host, "eth0", "tx_packets")
    for _ in range(3):
        assert net.guest.ping(LAN, 1) == 1
    # Three requests of the guest, and at most one frame of the host: no redirects, no copies.
    assert lan.statistics(net.host, "eth0", "tx_packets")[0] - sent <= 10


def test_conversation_of_host_and_lan_costs_the_switch_nothing(net):
    assert net.host.ping(LAN, 1) == 1
    before, used = net.switch.port(1)["IN"], cpu_seconds(net.switch.pid)
    send_tcp(net.host, net.lan, LAN)
    send_tcp(net.lan, net.host, HOST)
    assert net.switch.port(1)["IN"][0] - before[0] <= 4, "only what goes to groups, such as ARP, may come up"
    assert cpu_seconds(net.switch.pid) - used < 0.1


@pytest.mark.full
def test_iperf3_of_host_and_lan_uses_less_than_a_hundredth_of_a_processor(net):
    with net.lan.running("iperf3", "-s", stdout=subprocess.DEVNULL):
        net.lan.wait_listening(5201)
        used = cpu_seconds(net.switch.pid)
        said = net.host.run("iperf3", "-J", "-c", LAN, "-t", 5).stdout
        assert json.loads(said)["end"]["sum_received"]["bits_per_second"] > 1e9
        assert (cpu_seconds(net.switch.pid) - used) / 5 < 0.01


@pytest.mark.parametrize("last", ["00", "02", "0e"])
def test_addresses_that_bridges_keep_do_not_cross(net, ears, last):
    """Spanning tree, LACP and LLDP end at a switch; ours must not look like a loop or a bond to the LAN's."""
    dropped = net.switch.drops(1).get("reserved", 0)
    for here, others in (("guest", ("host", "lan")), ("lan", ("guest",))):
        text = f"reserved {here} {last}".encode()
        source = getattr(net, here).mac(net.nic[here])
        ears[here].send(frame(f"01:80:c2:00:00:{last}", source, payload=text))
        ears[here].send(frame(BROADCAST, source, payload=b"afterwards " + text))
        for other in others:
            heard = ears[other].wait_for(lambda frame: b"afterwards " + text in frame)  # pylint: disable=cell-var-from-loop
            assert len(marked(heard, text)) == 1
    assert net.switch.drops(1)["reserved"] == dropped + 2


def test_bridges_addresses_cross_if_wanted(net, ears):
    net.switch.ok("port/set 1 reserved=forward")
    try:
        for here, there in (("guest", "lan"), ("lan", "guest")):
            text = f"forwarded {here}".encode()
            ears[here].send(frame("01:80:c2:00:00:0e", getattr(net, here).mac(net.nic[here]), payload=text))
            assert_heard_once(ears[there], [text])
    finally:
        net.switch.ok("port/set 1 reserved=drop")


def test_uplink_that_is_switched_off_and_on(net):
    net.switch.ok("port/set 1 up=off")
    try:
        assert not lan.can_reach(net.guest, LAN)
        assert not lan.can_reach(net.guest, HOST)
        assert net.host.ping(LAN, 1) == 1
    finally:
        net.switch.ok("port/set 1 up=on")
    assert net.guest.ping(LAN, 1) == 1
    assert net.guest.ping(HOST, 1) == 1


def test_without_offloads_tcp_arrives_whole_too(net):
    net.switch.ok("port/set 1 offload=off")
    try:
        for here, there in (("guest", "lan"), ("lan", "guest"), ("guest", "host"), ("host", "guest")):
            send_tcp(getattr(net, here), getattr(net, there), IPV4[there], size=5 * MIB)
    finally:
        net.switch.ok("port/set 1 offload=on")


# -- a second guest; a host that is left out -----------------------------------------------------------------


def test_isolated_guests_reach_the_lan_and_the_host_but_not_each_other(stack):
    net = Lan(stack)
    switch = net.switch("uplink,ifname=eth0", "tap,ifname=tap0,isolated=on", "tap,ifname=tap1,isolated=on")
    one, other = net.guest("tap0", "10.0.0.11"), net.guest("tap1", "10.0.0.12")
    for guest in (one, other):
        assert guest.ping(LAN) == 3
        assert guest.ping(HOST) == 3
    assert not lan.can_reach(one, "10.0.0.12")
    switch.assert_balanced()


def test_host_off_leaves_the_host_out(stack):
    net = Lan(stack)
    switch = net.switch("uplink,ifname=eth0,host=off", "tap,ifname=tap0")
    guest = net.guest("tap0", GUEST)
    send_tcp(guest, net.lan, LAN, size=5 * MIB)
    send_tcp(net.lan, guest, GUEST, size=5 * MIB)
    assert not lan.can_reach(guest, HOST)
    assert not lan.can_reach(net.host, GUEST)
    assert len(re.findall(r"^\d+: vsw", net.host.run("ip", "link").stdout, re.M)) == 0, "no helper is needed"
    switch.assert_balanced()


def test_two_guests_and_the_lan_at_once(stack):
    net = Lan(stack)
    switch = net.switch("uplink,ifname=eth0", "tap,ifname=tap0", "tap,ifname=tap1,offload=off")
    one, other = net.guest("tap0", "10.0.0.11"), net.guest("tap1", "10.0.0.12")
    third = net.vde_guest(switch, "tap2", "10.0.0.13")
    for guest, address in ((one, "10.0.0.11"), (other, "10.0.0.12"), (third, "10.0.0.13")):
        send_tcp(guest, net.lan, LAN, size=5 * MIB)
        send_tcp(net.host, guest, address, size=5 * MIB)
    send_tcp(one, third, "10.0.0.13", size=5 * MIB)
    switch.assert_balanced()


# -- DHCP, router advertisements, captures -------------------------------------------------------------------

PREFIX = "fd00:5::"


def test_guest_gets_addresses_and_every_frame_is_in_order(stack):
    """DHCP and router advertisements from dnsmasq on the LAN; TCP and UDP, IPv4 and IPv6, every way; then tshark
    checks what was on the wire and what the guest received."""
    net = Lan(stack, complete=True, lan_ipv6=f"{PREFIX}2")
    switch = net.switch("uplink,ifname=eth0", "tap,ifname=tap0,offload=off")
    guest = net.guest("tap0")
    lan.finish_frames(guest, "tap0")
    wire, inside = (stack.enter_context(Capture(*where)) for where in ((net.lan, "lan0"), (guest, "tap0")))
    server = stack.enter_context(Dhcp(net.lan, "lan0", prefix=PREFIX))
    lan.allow_ipv6(net.host, "eth0")
    lan.allow_ipv6(guest, "tap0")
    address = lan.ask_dhcp(guest, "tap0")
    assert server.leases() == {guest.mac("tap0"): address}
    places = {"guest": guest, "host": net.host, "lan": net.lan}
    ipv4 = {"guest": address, "host": HOST, "lan": LAN}
    ipv6 = {"guest": lan.ipv6_address(guest, "tap0", PREFIX), "host": lan.ipv6_address(net.host, "eth0", PREFIX),
            "lan": f"{PREFIX}2"}
    for here, there in DIRECTIONS:
        for addresses in (ipv4, ipv6):
            send_tcp(places[here], places[there], addresses[there], size=MIB)
            send_udp(places[here], places[there], addresses[there], rounds=2)
    for capture in (wire, inside):
        capture.assert_clean(least=8 * MIB // 1448)
    to_host = lan.socket.inet_aton(address) + lan.socket.inet_aton(HOST)
    assert [frame for _, frame in wire.frames() if frame[26:34] == to_host] == [], "what a guest says to the host stays here"
    switch.assert_balanced()


@pytest.mark.parametrize("who", ["the switch", "the interface"])
def test_with_offloads_on_every_frame_leaves_complete(stack, who):
    """All accept GSO frames without checksums, except for the wire's end and a VDE guest: frames for these are segmented
    and completed by the switch or, if it sends by the kernel, by the kernel."""
    net = Lan(stack)
    switch = net.switch("uplink,ifname=eth0,port=1", "tap,ifname=tap0,port=2")
    guest, plain = net.guest("tap0", GUEST), net.vde_guest(switch, "tap1", "10.0.0.12")
    if who == "the switch":
        switch.ok("port/set 1 offload=off")
    else:
        lan.finish_frames(net.host, "eth0")
    wire, inside, before = (stack.enter_context(Capture(*where)) for where in (
        (net.lan, "lan0"), (plain, "tap1"), (guest, "tap0")))
    for number, (name, place) in enumerate((("tap0", guest), ("tap1", plain), ("eth0", net.host), ("lan0", net.lan))):
        lan.allow_ipv6(place, name, f"fd00:6::{number}/64")
    for sender, receiver, ipv4, ipv6 in ((guest, net.lan, LAN, "fd00:6::3"), (plain, net.lan, LAN, "fd00:6::3"),
                                         (guest, plain, "10.0.0.12", "fd00:6::1"), (net.lan, plain, "10.0.0.12", "fd00:6::1"),
                                         (net.host, plain, "10.0.0.12", "fd00:6::1")):
        for address in (ipv4, ipv6):
            send_tcp(sender, receiver, address, size=5 * MIB)
            send_udp(sender, receiver, address, rounds=2)
    for sender in (guest.mac("tap0"), plain.mac("tap1")):
        wire.assert_clean(sender=sender, least=10 * MIB // 1448)
    inside.assert_clean(least=30 * MIB // 1448)
    before.stop()
    assert before.tshark("frame.len > 1514 && tcp"), "the guest's own offloads were not on"
    switch.assert_balanced()


@pytest.fixture(scope="module")
def booted(boot):
    """A QEMU guest, plugged in by VDE, on a LAN with a DHCP server."""
    with contextlib.ExitStack() as opened:
        where = Lan(opened, lan_ipv6=f"{PREFIX}2")
        switch = where.switch("uplink,ifname=eth0,port=1", "tap,ifname=tap0,port=2", "vde,port=3")
        server = opened.enter_context(Dhcp(where.lan, "lan0", prefix=PREFIX))
        (guest,) = boot(guest=[f"vde,sock={switch.dir},port=3"])
        opened.callback(guest.close)
        lan.allow_ipv6(where.host, "eth0")
        guest.ok("cd /proc/sys/net/ipv6/conf; for file in eth0/accept_dad eth0/router_solicitation_delay "
                 "all/disable_ipv6 eth0/disable_ipv6; do echo 0 > $file; done")
        guest.up("eth0")
        said = guest.ok("udhcpc -i eth0 -n -q -t 10 -T 1")
        address = re.search(r"lease of (\S+) obtained", said)[1]
        yield types.SimpleNamespace(switch=switch, guest=guest, host=where.host, lan=where.lan, server=server,
                                    tap=where.guest("tap0", GUEST), address=address)
        switch.assert_balanced()


def test_qemu_guest_has_the_address_that_dnsmasq_gave_it(booted):
    assert booted.server.leases()[booted.guest.mac()] == booted.address
    assert f"inet {booted.address}/24" in booted.guest.ok("ip addr show dev eth0")
    wait_for(lambda: PREFIX in booted.guest.ok("ip -6 addr show dev eth0 scope global"), message="an address by IPv6")


@pytest.mark.parametrize("other", ["lan", *(pytest.param(name, marks=pytest.mark.full) for name in ("host", "tap"))])
def test_tcp_of_a_qemu_guest_arrives_whole(booted, other):
    place, address = getattr(booted, other), {"host": HOST, "lan": LAN, "tap": GUEST}[other]
    data, digest = lan.content(20 * MIB)
    booted.guest.ok("nc -l -p 7000 > /tmp/data 2>/dev/null & sleep 0.2")
    with lan.new_socket(place) as connection:
        connection.settimeout(30)
        wait_for(lambda: connection.connect_ex((booted.address, 7000)) == 0, message="the guest's listener")
        connection.sendall(data)
        connection.shutdown(lan.socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert booted.guest.ok("sha256sum < /tmp/data").split()[0] == digest
    with lan.Listener(place, address) as listener:
        listener.start()
        assert booted.guest.ok(f"nc {address} {listener.port} < /tmp/data") == digest
        assert listener.result() == (20 * MIB, digest)
    booted.switch.assert_balanced()


# -- what the host had before, it has afterwards -------------------------------------------------------------


def belongings(namespace):
    """What a switch could leave behind: interfaces and their states, qdiscs, filters, neighbours that it made."""
    links = re.sub(r"state \w+|qlen \d+", "", namespace.run("ip", "-d", "link").stdout)
    filters = "".join(namespace.run("tc", "filter", "show", "dev", "eth0", way, check=False).stdout
                      for way in ("ingress", "egress"))
    return links, namespace.run("tc", "qdisc").stdout, filters, namespace.run("ip", "rule").stdout


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL", pytest.param("SIGINT", marks=pytest.mark.full),
                                 pytest.param("stdin", marks=pytest.mark.full)])
def test_nothing_stays_behind_and_the_hosts_connection_survives(stack, end):
    """Open before the switch starts, it works while the switch runs, is told to reload, and after any end."""
    net = Lan(stack)
    before = belongings(net.host)
    with Conversation(net.host, net.lan, LAN) as outward, Conversation(net.lan, net.host, HOST) as inward:
        def works():
            return outward.works() and inward.works()

        assert works()
        switch = net.switch("uplink,ifname=eth0", "tap,ifname=tap0", check_exit=False)
        guest = net.guest("tap0", GUEST)
        assert works()
        assert guest.ping(HOST, 1) == 1
        assert works()
        switch.process.send_signal(signal.SIGHUP)
        assert works()
        assert guest.ping(LAN, 1) == 1
        assert switch.process.poll() is None
        switch.assert_balanced()
        if end == "stdin":
            switch.stop()
        else:
            switch.process.send_signal(getattr(signal, end))
            switch.process.wait(30)
        assert works()
        wait_for(lambda: belongings(net.host) == before, message=f"the host to be as before: {before}")
        assert works()


def test_port_is_taken_away_and_comes_back(stack):
    net = Lan(stack)
    before = belongings(net.host)
    switch = net.switch("tap,ifname=tap0,port=2")
    guest = net.guest("tap0", GUEST)
    with Conversation(net.host, net.lan, LAN) as talk:
        for _ in range(2):
            switch.ok("port/add uplink,ifname=eth0,port=1")
            assert guest.ping(LAN) == 3
            assert guest.ping(HOST) == 3
            assert talk.works()
            switch.ok("port/del 1")
            assert not lan.can_reach(guest, LAN)
            assert not lan.can_reach(guest, HOST)
            assert talk.works()
            assert belongings(net.host) == before
    switch.assert_balanced()


def test_switch_that_was_killed_is_followed_by_another(stack):
    net = Lan(stack)
    for _ in range(2):
        switch = net.switch("uplink,ifname=eth0", "tap,ifname=tap0", check_exit=False)
        guest = net.guest("tap0", GUEST)
        assert guest.ping(HOST, 1) == 1
        assert guest.ping(LAN, 1) == 1
        switch.kill()


# -- VLANs ---------------------------------------------------------------------------------------------------


def tagged_with(frames, vid, kinds=(b"\x81\x00", b"\x88\xa8", b"\x91\x00")):
    return [each for each in frames if each[12:14] in kinds and int.from_bytes(each[14:16], "big") & 0xFFF == vid]


ATTACKS = {
    "untagged": (),
    "own VLAN": (tag(20),),
    "other VLAN": (tag(10),),
    "own, other": (tag(20), tag(10)),
    "other, own": (tag(10), tag(20)),
    "own, own, other": (tag(20), tag(20), tag(10)),
    "priority": (tag(0, pcp=7),),
    "priority, other": (tag(0, pcp=7), tag(10)),
    "priority, priority, other": (tag(0), tag(0), tag(10)),
    "service other": (service_tag(10),),
    "service own, other": (service_tag(20), tag(10)),
    "service priority, other": (service_tag(0), tag(10)),
    "own, service other": (tag(20), service_tag(10)),
    "old service other": (service_tag(10, 0x9100),),
    "VLAN 4095, other": (tag(4095), tag(10)),
}


@pytest.mark.parametrize("uplink", ["vlan=0", "vlan=20,trunk=10", "vlan=0,trunk=10",
                                    pytest.param("vlan=none,trunk=10", marks=pytest.mark.full)])
def test_guest_in_vlan_20_reaches_neither_the_host_nor_vlan_10(stack, uplink):
    """The attacker may write any tags: what leaves its VLAN is an untagged frame in VLAN 20, and nothing else."""
    native_is_its_own = "vlan=20" in uplink
    net = Lan(stack)
    switch = net.switch(f"uplink,ifname=eth0,port=1,{uplink}", "tap,ifname=mallory,port=2,vlan=20",
                        "tap,ifname=victim,port=3,vlan=10", "tap,ifname=peer,port=4,vlan=20")
    mallory, victim, peer = (net.guest(name, address) for name, address in
                             (("mallory", GUEST), ("victim", "10.0.0.12"), ("peer", "10.0.0.13")))
    source, host_mac = mallory.mac("mallory"), net.host.mac("eth0")
    mouth = stack.enter_context(Wire(mallory, "mallory"))
    ears = {"host": Wire(net.host, "eth0"), "wire": Wire(net.lan, "lan0"), "victim": Wire(victim, "victim"),
            "peer": Wire(peer, "peer")}
    for ear in ears.values():
        stack.enter_context(ear)
    targets = {"everybody": BROADCAST, "host": host_mac, "lan": net.lan.mac("lan0"), "victim": victim.mac("victim"),
               "nobody": host(0xDEAD)}
    for attack, tags in ATTACKS.items():
        for name, target in targets.items():
            text = f"attack {attack} to {name};".encode()
            mouth.send(frame(target, source, *tags, payload=text))
            mouth.send(frame(target, source, *tags, kind=0x0806, payload=ask_for(HOST, source, GUEST)))
            mouth.send(udp_frame(target, source, GUEST, HOST, text, *tags))
    mouth.send(frame(BROADCAST, source, payload=b"attack is over"))
    heard = {"peer": ears["peer"].wait_for(lambda frame: b"attack is over" in frame)}
    time.sleep(0.3)
    heard = {name: heard.get(name, []) + ear.heard() for name, ear in ears.items()}
    assert len(marked(heard["peer"], b"attack untagged to everybody;")) == 2, "the attacker is heard in its own VLAN"
    assert marked(heard["victim"], b"attack") == [] and marked(heard["victim"], mac(source)) == []
    for place in ("wire", "host"):
        assert tagged_with(heard[place], 10, (b"\x81\x00", b"\x88\xa8")) == []
    if not native_is_its_own:
        assert marked(heard["host"], mac(source)) == []
        assert marked(heard["wire"], mac(source)) == []
        assert not lan.can_reach(mallory, HOST) and not lan.can_reach(mallory, LAN)
        assert GUEST not in net.host.run("ip", "neigh").stdout
    switch.assert_balanced()


def ask_for(address, source, own):
    """The body of an ARP request."""
    return (b"\0\x01\x08\0\x06\x04\0\x01" + mac(source) + lan.socket.inet_aton(own) + bytes(6)
            + lan.socket.inet_aton(address))


def test_native_vlan_of_the_uplink_is_the_hosts(stack):
    """vlan=20 on the uplink: members of VLAN 20 are on the LAN and reach the host, and those of VLAN 10 do not."""
    net = Lan(stack)
    switch = net.switch("uplink,ifname=eth0,vlan=20", "tap,ifname=tap0,vlan=20", "tap,ifname=tap1,vlan=10")
    same, other = net.guest("tap0", "10.0.0.11"), net.guest("tap1", "10.0.0.12")
    for address in (HOST, LAN):
        send_tcp(same, net.host if address == HOST else net.lan, address, size=5 * MIB)
        assert not lan.can_reach(other, address)
    assert not lan.can_reach(net.host, "10.0.0.12")
    switch.assert_balanced()


@pytest.fixture
def trunk(stack):
    """An uplink with VLAN 0 native and 10 and 20 tagged, guests in each, and a packet socket on the LAN's side."""
    net = Lan(stack)
    switch = net.switch("uplink,ifname=eth0,port=1,trunk=10+20", "tap,ifname=ten,port=2,vlan=10",
                        "tap,ifname=tagged,port=3,trunk=10+20", "tap,ifname=nil,port=4")
    ears = {"lan": stack.enter_context(Wire(net.lan, "lan0"))}
    for name in ("ten", "tagged", "nil"):
        ears[name] = stack.enter_context(Wire(net.guest(name), name))
    yield types.SimpleNamespace(switch=switch, net=net, **ears)
    switch.assert_balanced()


def test_tags_cross_a_trunk_with_their_priorities(trunk):
    """From a trunk port to the wire and back, each VLAN and each priority as it was."""
    for vid in (10, 20):
        for pcp in range(8):
            for here, there in (("tagged", "lan"), ("lan", "tagged")):
                sent = frame(ANYBODY, host(vid + pcp), tag(vid, pcp=pcp), payload=f"{here} {vid} {pcp}".encode())
                getattr(trunk, here).send(sent)
                heard = getattr(trunk, there).wait_for(lambda frame: frame == sent)  # pylint: disable=cell-var-from-loop
                assert heard.count(sent) == 1


def test_trunk_tags_what_comes_from_an_access_port(trunk):
    own = frame(BROADCAST, host(1), payload=b"from the access port")
    trunk.ten.send(own)
    tagged = own[:12] + tag(10) + own[12:]
    assert trunk.lan.wait_for(lambda frame: frame == tagged).count(tagged) == 1
    back = frame(host(1), host(2), tag(10, pcp=6), payload=b"from the wire")
    trunk.lan.send(back)
    trunk.ten.wait_for(lambda frame: frame == back[:12] + back[16:])
    assert marked(trunk.nil.heard(), b"from the") == []
    assert marked(trunk.tagged.heard(), b"from the access port") == [tagged]


def test_trunk_drops_vlans_that_it_does_not_carry(trunk):
    dropped = trunk.switch.drops(1).get("not-member", 0)
    for number in range(3):
        trunk.lan.send(frame(BROADCAST, host(9), tag(30), payload=f"VLAN 30 {number}".encode()))
    trunk.lan.send(frame(BROADCAST, host(9), tag(10), payload=b"VLAN 10"))
    heard = trunk.ten.wait_for(lambda frame: b"VLAN 10" in frame) + trunk.tagged.wait_for(lambda frame: b"VLAN 10" in frame)
    assert marked(heard + trunk.nil.heard(), b"VLAN 30") == []
    assert trunk.switch.drops(1)["not-member"] == dropped + 3


def test_tagged_frames_of_full_size_cross(trunk):
    """1,500 bytes of payload and a tag: four bytes more than an untagged frame may have."""
    for here, there in (("tagged", "lan"), ("lan", "tagged")):
        sent = frame(ANYBODY, host(3), tag(10), payload=here.encode().ljust(1500, b"x"))
        getattr(trunk, here).send(sent)
        getattr(trunk, there).wait_for(lambda frame: frame == sent)  # pylint: disable=cell-var-from-loop


def test_second_tag_is_left_alone(trunk):
    for here, there in (("tagged", "lan"), ("lan", "tagged")):
        sent = frame(ANYBODY, host(4), tag(20, pcp=3), tag(77, pcp=1), payload=b"two tags " + here.encode())
        getattr(trunk, here).send(sent)
        getattr(trunk, there).wait_for(lambda frame: frame == sent)  # pylint: disable=cell-var-from-loop


@pytest.mark.parametrize("offload", ["on", "off"])
def test_tcp_over_a_trunk_uplink_arrives_whole(stack, offload):
    """Tagged on the wire and untagged at the guest: GSO frames lose and gain a tag on their way."""
    net = Lan(stack)
    switch = net.switch(f"uplink,ifname=eth0,port=1,vlan=none,trunk=10,offload={offload}", "tap,ifname=tap0,vlan=10")
    guest = net.guest("tap0", GUEST)
    lan.put_in_vlan(net.lan, "lan0", 10)
    send_tcp(guest, net.lan, LAN)
    send_tcp(net.lan, guest, GUEST)
    send_udp(guest, net.lan, LAN)
    assert not lan.can_reach(guest, HOST), "the host has no VLAN 10"
    switch.assert_balanced()


# -- without the right to load BPF programs ------------------------------------------------------------------

BASICS = ("test_group_frame_is_heard_once_by_everybody_else", "test_frame_for_one_is_heard_by_that_one_alone",
          "test_guest_is_on_the_lan_with_its_own_address", "test_tcp_arrives_whole",
          "test_conversation_of_host_and_lan_costs_the_switch_nothing")
REST = ("test_udp_arrives_once_and_whole", "test_nothing_stays_behind_and_the_hosts_connection_survives",
        "test_host_off_leaves_the_host_out", "test_guest_in_vlan_20_reaches_neither_the_host_nor_vlan_10",
        "test_gso_frames_cross_the_uplink", "test_uplink_that_is_switched_off_and_on", "test_guest_gets_addresses")


@pytest.mark.parametrize("tests", [BASICS, pytest.param(REST, marks=pytest.mark.full)], ids=["basics", "rest"])
def test_the_same_in_a_user_namespace(tests):
    """Root of a user namespace may create a TAP but load no program, so the switch has to recognize its echoes itself."""
    said = subprocess.run(
        ["unshare", "-Urn", "--mount", "--fork", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "--tb=short", __file__, "-k", " or ".join(tests)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=150)
    assert said.returncode == 0, said.stdout[-8000:]
    assert re.search(r"\d\d passed", said.stdout) and "skipped" not in said.stdout, said.stdout
