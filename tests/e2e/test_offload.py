"""Checksum offload and GSO frames: between any two endpoints each byte arrives, in frames that the receiver supports."""

import concurrent.futures
import contextlib
import os
import threading
import types

import pytest

import lan
from frames import (BROADCAST, GSO_ECN, GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_UDP, GSO_UDP_L4, family_of, frame, host,
                    mac, payload_of, sequence_of, tag, tcp_frame, udp_frame, vnet_header)
from lab import settle
from lan import MIB, Wire
from switch import wait_for
from vdeclient import VdeClient

ENDS = ("on", "on2", "off", "vde")
ADDRESS = {name: (f"10.0.0.{number}", f"fd00::{number}") for number, name in enumerate(ENDS, 1)}
PAIRS = [("on", "on2"), ("on", "off"), ("on", "vde"), ("off", "vde")]


@pytest.fixture(scope="module")
def lab():
    """Four guests: TAPs with offloads, `on` and `on2`, a TAP without, `off`, and a VDE client."""
    with contextlib.ExitStack() as stack:
        net = lan.Lan(stack)
        switch = net.switch("tap,ifname=on,port=1", "tap,ifname=on2,port=2", "tap,ifname=off,port=3,offload=off")
        guests = {name: net.guest(name, ADDRESS[name][0]) for name in ENDS[:3]}
        guests["vde"] = net.vde_guest(switch, "vde", ADDRESS["vde"][0], port=4)
        for name, guest in guests.items():
            lan.allow_ipv6(guest, name, f"{ADDRESS[name][1]}/64")
        yield types.SimpleNamespace(switch=switch, port={name: number for number, name in enumerate(ENDS, 1)}, **guests)
        switch.assert_balanced()


def both_ways(lab, one, other):
    for here, there in ((one, other), (other, one)):
        yield getattr(lab, here), getattr(lab, there), *ADDRESS[there]


@pytest.mark.parametrize("one, other", PAIRS)
def test_tcp_arrives_whole(lab, one, other):
    for here, there, ipv4, ipv6 in both_ways(lab, one, other):
        lan.send_tcp(here, there, ipv4)
        lan.send_tcp(here, there, ipv6, size=5 * MIB)
    lab.switch.assert_balanced()


@pytest.mark.parametrize("one, other", PAIRS)
def test_udp_arrives_whole(lab, one, other):
    for here, there, ipv4, ipv6 in both_ways(lab, one, other):
        lan.send_udp(here, there, ipv4)
        lan.send_udp(here, there, ipv6)


def test_taps_with_offloads_exchange_gso_frames(lab):
    """Far fewer and longer frames than the wire's 1,514 bytes."""
    before = lab.switch.port(lab.port["on"])["IN"], lab.switch.port(lab.port["on2"])["OUT"]
    lan.send_tcp(lab.on, lab.on2, ADDRESS["on2"][0])
    after = lab.switch.port(lab.port["on"])["IN"], lab.switch.port(lab.port["on2"])["OUT"]
    for (frames, size), (frames_then, size_then) in zip(after, before):
        assert (size - size_then) / (frames - frames_then) > 5000


@pytest.mark.parametrize("receiver", ["off", "vde"])
def test_others_receive_complete_frames(lab, receiver):
    """A capture where frames leave the switch: correct checksums, no frame above the MTU, no duplicates."""
    there, (ipv4, ipv6) = getattr(lab, receiver), ADDRESS[receiver]
    lan.finish_frames(there, receiver)
    with lan.Capture(there, receiver) as capture:
        lan.send_tcp(lab.on, there, ipv4, size=2 * MIB)
        lan.send_tcp(lab.on, there, ipv6, size=2 * MIB)
        lan.send_tcp(there, lab.on, ADDRESS["on"][0], size=2 * MIB)
        lan.send_udp(lab.on, there, ipv4)
        lan.send_udp(lab.on, there, ipv6)
        capture.assert_clean(least=4 * MIB // 1448)


def test_datagrams_cut_by_the_kernel_of_the_sender(lab):
    """UDP_SEGMENT: one write, many datagrams, which leave the sender as one GSO frame."""
    for receiver in ("on2", "off", "vde"):
        for address in ADDRESS[receiver]:
            family = family_of(address)
            with lan.new_socket(getattr(lab, receiver), family, lan.socket.SOCK_DGRAM) as server, \
                    lan.new_socket(lab.on, family, lan.socket.SOCK_DGRAM) as client:
                server.bind((address, 0))
                server.settimeout(5)
                client.setsockopt(lan.socket.IPPROTO_UDP, 103, 1001)  # UDP_SEGMENT
                data = os.urandom(30_500)
                client.sendto(data, server.getsockname())
                came = [server.recv(65536) for _ in range(31)]
                assert [len(datagram) for datagram in came] == 30 * [1001] + [470]
                assert b"".join(came) == data


def test_offloads_change_under_traffic(lab):
    """`port/set N offload=off` and back, during a TCP transfer: the data arrives intact."""
    done = threading.Event()

    def turn():
        for number in range(200):
            if done.is_set():
                break
            lab.switch.ok(f"port/set {lab.port['on2']} offload={'off' if number % 2 == 0 else 'on'}")
            done.wait(0.01)
        lab.switch.ok(f"port/set {lab.port['on2']} offload=on")

    turning = threading.Thread(target=turn)
    turning.start()
    try:
        lan.send_tcp(lab.on, lab.on2, ADDRESS["on2"][0])
        lan.send_tcp(lab.on2, lab.on, ADDRESS["on"][0])
    finally:
        done.set()
        turning.join()
    lab.switch.assert_balanced()


def test_jumbo_frames_between_taps():
    with contextlib.ExitStack() as stack:
        net = lan.Lan(stack)
        switch = net.switch("tap,ifname=on", "tap,ifname=off,offload=off")
        one, other = net.guest("on", "10.0.1.1", mtu=9000), net.guest("off", "10.0.1.2", mtu=9000)
        lan.finish_frames(other, "off")
        with lan.Capture(other, "off") as capture:
            lan.send_tcp(one, other, "10.0.1.2")
            lan.send_tcp(other, one, "10.0.1.1", size=5 * MIB)
            lan.send_udp(one, other, "10.0.1.2", sizes=(8972, 20000))
            capture.assert_clean(mtu=9000)
            assert max(len(frame) for _, frame in capture.frames()) == 9014
        switch.assert_balanced()


def test_guest_with_a_smaller_mtu_gets_segments_of_its_size():
    """TCP negotiates the smaller MSS; the GSO size follows."""
    with contextlib.ExitStack() as stack:
        net = lan.Lan(stack)
        switch = net.switch("tap,ifname=on", "tap,ifname=off,offload=off")
        one, other = net.guest("on", "10.0.1.1", mtu=9000), net.guest("off", "10.0.1.2", mtu=1400)
        lan.finish_frames(other, "off")
        with lan.Capture(other, "off") as capture:
            lan.send_tcp(one, other, "10.0.1.2", size=5 * MIB)
            capture.assert_clean(mtu=1400)
        switch.assert_balanced()


# -- tags ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("near, far", [
    ("offload=on", "offload=off"), ("offload=off", "offload=on"),
    pytest.param("offload=on", "offload=on", marks=pytest.mark.full),
    pytest.param("offload=off", "offload=off", marks=pytest.mark.full)])
def test_tcp_between_a_trunk_and_an_access_port(near, far):
    """Removing or adding a tag moves the checksum's offset by four bytes."""
    with contextlib.ExitStack() as stack:
        net = lan.Lan(stack)
        switch = net.switch(f"tap,ifname=trunk,vlan=none,trunk=10,{near}", f"tap,ifname=access,vlan=10,{far}")
        trunk, access = net.guest("trunk", "10.0.1.1"), net.guest("access", "10.0.1.2")
        lan.put_in_vlan(trunk, "trunk", 10)
        for ipv4, ipv6, guest, name in (("10.0.1.1", "fd00::1", trunk, "trunk"), ("10.0.1.2", "fd00::2", access, "access")):
            lan.allow_ipv6(guest, name, f"{ipv6}/64")
        lan.send_tcp(trunk, access, "10.0.1.2", size=10 * MIB)
        lan.send_tcp(access, trunk, "10.0.1.1", size=10 * MIB)
        lan.send_tcp(trunk, access, "fd00::2", size=5 * MIB)
        lan.send_tcp(access, trunk, "fd00::1", size=5 * MIB)
        lan.send_udp(trunk, access, "10.0.1.2")
        if near == "offload=on":
            frames, size = switch.port(lan.port_of(switch, "trunk"))["IN"]
            assert size / frames > 2000
        switch.assert_balanced()


def test_tcp_between_two_trunks():
    with contextlib.ExitStack() as stack:
        net = lan.Lan(stack)
        switch = net.switch("tap,ifname=one,vlan=none,trunk=10", "tap,ifname=other,vlan=none,trunk=10")
        one, other = net.guest("one", "10.0.1.1"), net.guest("other", "10.0.1.2")
        lan.put_in_vlan(one, "one", 10)
        lan.put_in_vlan(other, "other", 10)
        lan.send_tcp(one, other, "10.0.1.2")
        lan.send_tcp(other, one, "10.0.1.1", size=5 * MIB)
        switch.assert_balanced()


# -- GSO frames byte by byte ---------------------------------------------------------------------------------

A, B = host(0xA), host(0xB)
IPV4, IPV6 = ("10.9.0.1", "10.9.0.2"), ("fd09::1", "fd09::2")


@pytest.fixture
def bench():
    """A TAP with offloads whose far end is a packet socket of ours, and VDE clients: plain, and on a trunk."""
    with contextlib.ExitStack() as stack:
        net = lan.Lan(stack)
        switch = net.switch("tap,ifname=raw,port=1,trunk=10", "vde,port=2", "vde,port=3,vlan=none,trunk=10",
                            "tap,ifname=twin,port=4")
        raw, twin = net.guest("raw"), net.guest("twin")
        wire, far = (stack.enter_context(Wire(*end, vnet=True)) for end in ((raw, "raw"), (twin, "twin")))
        plain, trunk = (stack.enter_context(VdeClient(switch.dir, port=port)) for port in (2, 3))
        for client, tags in ((plain, ()), (trunk, (tag(10),))):
            client.send(frame(BROADCAST, B, *tags))
        settle(switch, plain, trunk)
        yield types.SimpleNamespace(switch=switch, wire=wire, plain=plain, trunk=trunk, far=far, net=net, raw=raw)
        switch.assert_balanced()


def hear(bench, client, count):
    """The next COUNT frames of a client, and no more."""
    came = []
    while len(came) < count:
        came.append(client.recv())
    settle(bench.switch)
    return came + client.pending()


@pytest.mark.parametrize("source, target", [IPV4, IPV6], ids=["ipv4", "ipv6"])
def test_tcp_gso_frame_reaches_a_vde_client_in_segments(bench, source, target):
    at = 54 if source in IPV6 else 34
    gso, mss = GSO_TCPV6 if source in IPV6 else GSO_TCPV4, 1400
    for size in (1, 1400, 1401, 9000, 9001, 60000):
        payload = os.urandom(size)
        header = vnet_header(gso, mss, at, 16, at + 20) if size > mss else vnet_header(start=at, offset=16)
        bench.wire.send(tcp_frame(B, A, source, target, payload, needs_csum=True), header)
        segments = hear(bench, bench.plain, -(-size // mss))
        assert [len(segment) for segment in segments] == [
            at + 20 + min(mss, size - start) for start in range(0, size, mss)]
        assert b"".join(map(payload_of, segments)) == payload
        assert [sequence_of(segment) - 1000 for segment in segments] == list(range(0, size, mss))
        pushed = [bool(segment[at + 13] & 8) for segment in segments]
        assert pushed == [False] * (len(segments) - 1) + [True], "PSH belongs to the last segment"
        if source in IPV4:
            numbers = [segment[18:20] for segment in segments]
            assert len(set(numbers)) == len(segments), "each IPv4 packet has a number of its own"


@pytest.mark.parametrize("source, target", [IPV4, IPV6], ids=["ipv4", "ipv6"])
def test_udp_gso_frame_reaches_a_vde_client_as_datagrams(bench, source, target):
    payload, at = os.urandom(10_001), 54 if source in IPV6 else 34
    bench.wire.send(udp_frame(B, A, source, target, payload, needs_csum=True),
                    vnet_header(GSO_UDP_L4, 1000, at, 6, at + 8))
    datagrams = [payload_of(each) for each in hear(bench, bench.plain, 11)]
    assert [len(datagram) for datagram in datagrams] == 10 * [1000] + [1]
    assert b"".join(datagrams) == payload


def test_tagged_gso_frame_reaches_a_trunk_in_tagged_segments(bench):
    payload = os.urandom(10_000)
    bench.wire.send(tcp_frame(B, A, *IPV4, payload, tag(10, pcp=5), needs_csum=True),
                    vnet_header(GSO_TCPV4, 1400, 38, 16, 58))
    segments = hear(bench, bench.trunk, 8)
    assert {segment[12:16] for segment in segments} == {tag(10, pcp=5)}
    assert b"".join(payload_of(segment[:12] + segment[16:]) for segment in segments) == payload
    assert bench.plain.pending() == []


def test_cwr_belongs_to_the_first_segment(bench):
    """RFC 3168: CWR is set in the first segment only."""
    cwr = 0x80
    bench.wire.send(tcp_frame(B, A, *IPV4, os.urandom(5000), needs_csum=True, flags=0x18 | cwr),
                    vnet_header(GSO_TCPV4 | GSO_ECN, 1400, 34, 16, 54))
    segments = hear(bench, bench.plain, 4)
    assert [bool(segment[47] & cwr) for segment in segments] == [True, False, False, False]
    for segment in segments:
        payload_of(segment)


def test_gso_frame_to_a_tap_arrives_in_one_piece(bench):
    payload = os.urandom(60_000)
    bench.far.send(frame(BROADCAST, host(0xC)))
    bench.wire.wait_for(lambda frame: frame[6:12] == mac(host(0xC)))
    bench.wire.send(tcp_frame(host(0xC), A, *IPV4, payload, needs_csum=True), vnet_header(GSO_TCPV4, 1400, 34, 16, 54))
    came = bench.far.wait_for(lambda frame: payload[-8:] in frame)
    assert any(frame.endswith(payload) for frame in came)


def test_flooded_gso_frame_reaches_each_as_it_takes_it(bench):
    payload = os.urandom(4200)
    bench.wire.send(tcp_frame(BROADCAST, A, *IPV4, payload, needs_csum=True), vnet_header(GSO_TCPV4, 1400, 34, 16, 54))
    assert b"".join(map(payload_of, hear(bench, bench.plain, 3))) == payload
    assert any(frame.endswith(payload) for frame in bench.far.wait_for(lambda frame: payload[-8:] in frame))


# -- invalid headers -----------------------------------------------------------------------------------------

TCP = tcp_frame(B, A, *IPV4, bytes(9000), needs_csum=True)
TCP6 = tcp_frame(B, A, *IPV6, bytes(9000), needs_csum=True)
UDP = udp_frame(B, A, *IPV4, bytes(9000), needs_csum=True)
NOT_IP = frame(B, A, size=9000)


def lies():
    """(frame, header) pairs whose header does not match the frame."""
    kinds = (GSO_NONE, GSO_TCPV4, GSO_UDP, GSO_TCPV6, GSO_UDP_L4, GSO_TCPV4 | GSO_ECN, 7, 255)
    for data in (TCP, TCP6, UDP, NOT_IP, TCP[:60], TCP[:34], TCP[:14], UDP[:40]):
        for gso in kinds:
            for size in (0, 1, 8, 1400, 65535):
                for start, offset in ((34, 16), (54, 16), (34, 6), (0, 0), (13, 1), (65535, 65535), (len(data) - 1, 0)):
                    for headers in (0, 54, 65535):
                        yield data, vnet_header(gso, size, start, offset, headers)
                yield data, vnet_header(gso, size, flags=0)
                yield data, vnet_header(gso, size, flags=255)


def test_headers_that_lie_hurt_nobody(bench):
    """Those that the kernel accepts are delivered in frames that fit, or counted; then traffic goes on."""
    accepted = 0
    for number, (data, header) in enumerate(lies()):
        with contextlib.suppress(OSError):
            bench.wire.send(data, header)
            accepted += 1
        if number % 50 == 0:
            bench.plain.pending()
    assert accepted > 50, "the kernel refuses all of them: this test tests nothing"
    bench.switch.ok("ds/showinfo")
    wait_for(lambda: queued(bench) == 0, message="the queues to empty")
    assert all(len(each) <= 9234 for each in bench.plain.pending())
    payload = os.urandom(5000)
    bench.wire.send(tcp_frame(B, A, *IPV4, payload, needs_csum=True), vnet_header(GSO_TCPV4, 1400, 34, 16, 54))
    assert b"".join(map(payload_of, hear(bench, bench.plain, 4))) == payload
    assert bench.switch.process.poll() is None


def queued(bench):
    bench.plain.pending()
    return bench.switch.balance()["queued"]


def test_tap_with_an_mtu_lowered_under_traffic():
    """Frames that are too long now are delivered or counted, whatever the kernel does, and TCP gets through."""
    with contextlib.ExitStack() as stack:
        net = lan.Lan(stack)
        switch = net.switch("tap,ifname=one", "tap,ifname=other")
        one, other = net.guest("one", "10.0.1.1"), net.guest("other", "10.0.1.2")
        with concurrent.futures.ThreadPoolExecutor() as threads, Wire(one, "one") as talker:
            sending = threads.submit(lan.send_tcp, one, other, "10.0.1.2", timeout=60)
            for mtu in (1400, 576, 1500, 68, 1500):
                other.run("ip", "link", "set", "other", "mtu", mtu)
                for _ in range(20):
                    talker.send(frame(other.mac("other"), one.mac("one"), size=1514))
                assert switch.cmd("port/showinfo")[0] == 1000
            sending.result(60)
        lan.send_tcp(one, other, "10.0.1.2", size=5 * MIB)
        sent = lan.statistics(one, "one", "tx_packets")[0]
        out = switch.port(lan.port_of(switch, "other"))
        assert sent == out["OUT"][0] + sum(switch.drops(lan.port_of(switch, "one")).values()) + sum(
            switch.drops(lan.port_of(switch, "other")).values())
        switch.assert_balanced()
