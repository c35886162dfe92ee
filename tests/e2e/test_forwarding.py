"""Forwarding: learning, VLANs, hub mode, MAC moves, sizes, duplicate addresses and loops.

Each test states exactly which port receives what: Lab.send() returns the frames that every port received.
"""

import contextlib
import re
import time

import pytest

from frames import BROADCAST, ETH_IPV4, ETH_RARP, LARGEST_FRAME, arp, frame, host, tag, unsolicited_na
from lab import Lab, assert_loop_is_cut
from switch import Switch, wait_for
from vdeclient import VdeClient

STP, LACP, LLDP = "01:80:c2:00:00:00", "01:80:c2:00:00:02", "01:80:c2:00:00:0e"
MULTICAST = "01:00:5e:01:02:03"
UNKNOWN = host(9999)


@pytest.fixture
def lab():
    """Three ports, nothing learned."""
    with Switch("-n", "20") as switch, Lab(switch, [1, 2, 3]) as it:
        yield it


def total_drops(switch, port):
    return sum(switch.drops(port).values())


# -- learning ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dst", [BROADCAST, MULTICAST, UNKNOWN, STP, LACP, LLDP],
                         ids=["broadcast", "multicast", "unknown", "stp", "lacp", "lldp"])
def test_flood(lab, dst):
    """To every port but the source; labs rely on LACP and LLDP passing."""
    sent = frame(dst, host(1))
    assert lab.send(1, sent) == {2: [sent], 3: [sent]}


def test_unicast_goes_to_one_port(lab):
    lab.learn(1, 2)
    sent = frame(host(2), host(1))
    answer = frame(host(1), host(2))
    assert lab.send(1, sent) == {2: [sent]}
    assert lab.send(2, answer) == {1: [answer]}


def test_unicast_to_its_own_port_is_not_sent_back(lab):
    lab.learn(1)
    assert lab.send(1, frame(host(1), host(77))) == {}


@pytest.mark.parametrize("src", [BROADCAST, MULTICAST])
def test_group_address_is_never_learned(lab, src):
    lab.send(1, frame(UNKNOWN, src))
    sent = frame(src, host(2))
    heard = lab.send(2, sent)
    assert heard == {1: [sent], 3: [sent]}


def test_bytes_and_order_are_kept(lab):
    lab.learn(2)
    frames = [frame(host(2), host(1), payload=bytes([n]) * (46 + 7 * n)) for n in range(60)]
    assert lab.send(1, *frames) == {2: frames}


def test_addresses_are_forgotten_with_their_port(lab):
    lab.learn(1, 2)
    lab[2].close()
    wait_for(lambda: lab.switch.cmd("port/print 2")[0] == 1006, message="port 2 to become inactive")
    del lab.clients[2]
    sent = frame(host(2), host(1))
    assert lab.send(1, sent) == {3: [sent]}


def test_hash_find_names_the_port(lab):
    """vde_switch prints the port number plus one here."""
    lab.learn(2)
    line, = lab.switch.ok(f"hash/find {host(2)}")
    assert re.fullmatch(rf"Hash: \d{{4}} Addr: {host(2)} VLAN 0000 to port: 002  age \d+ secs", line)
    assert lab.switch.cmd(f"hash/find {UNKNOWN}")[0] == 1019


def test_counters(lab):
    """Frames and bytes, in and out, of the port block."""
    lab.learn(2)
    before = {port: lab.switch.port(port) for port in (1, 2, 3)}
    lab.send(1, frame(host(2), host(1), size=100), frame(BROADCAST, host(1), size=200))
    grown = {(port, way): tuple(now - then for now, then in zip(lab.switch.port(port)[way], before[port][way]))
             for port in before for way in ("IN", "OUT")}
    assert grown == {(1, "IN"): (2, 300), (1, "OUT"): (0, 0), (2, "IN"): (0, 0), (2, "OUT"): (2, 300),
                     (3, "IN"): (0, 0), (3, "OUT"): (1, 200)}


# -- VLANs ---------------------------------------------------------------------------------------------------

# A port for each way to belong to VLANs 10 and 20.
PLAIN, ACCESS10, ACCESS10B, ACCESS20, TRUNK, NATIVE, TAGGED20 = range(1, 8)

VLAN_RC = "\n".join([
    "vlan/create 10", "vlan/create 20", *(f"port/create {port}" for port in range(1, 8)),
    "port/setvlan 2 10", "port/setvlan 3 10", "port/setvlan 4 20",
    "port/setvlan 5 4095", "vlan/addport 10 5", "vlan/addport 20 5",
    "port/setvlan 6 10", "vlan/addport 20 6",
    "port/setvlan 7 4095", "vlan/addport 20 7",
]) + "\n"

VLAN_OPTIONS = [part for port, keys in {
    PLAIN: "", ACCESS10: ",vlan=10", ACCESS10B: ",vlan=10", ACCESS20: ",vlan=20", TRUNK: ",vlan=none,trunk=10+20",
    NATIVE: ",vlan=10,trunk=20", TAGGED20: ",vlan=none,trunk=20-20",
}.items() for part in ("--port", f"vde,port={port}{keys}")]


@pytest.fixture(scope="module", params=["console", "options"])
def vlan_lab(request):
    """The same VLANs, made by console commands and by --port options."""
    how = {"rc": VLAN_RC} if request.param == "console" else {}
    args = [] if how else VLAN_OPTIONS
    with Switch("-n", "20", *args, **how) as switch, Lab(switch, range(1, 8)) as it:
        yield it


U10 = {ACCESS10: (), ACCESS10B: (), NATIVE: (), TRUNK: (tag(10),)}
U20 = {ACCESS20: (), TRUNK: (tag(20),), NATIVE: (tag(20),), TAGGED20: (tag(20),)}
KEPT = tag(20, pcp=5, dei=1)
INNER = tag(100, pcp=3)


@pytest.mark.parametrize("port, tags, heard", [
    (PLAIN, (), {}),
    (ACCESS10, (), U10),
    (ACCESS10, (tag(10),), U10),
    (ACCESS20, (), U20),
    (TRUNK, (tag(10, pcp=7),), U10),
    (NATIVE, (), U10),
    (NATIVE, (tag(10),), U10),
    (NATIVE, (tag(20),), U20),
    (TRUNK, (KEPT,), U20 | {NATIVE: (KEPT,), TAGGED20: (KEPT,)}),
    (TRUNK, (tag(20), INNER), {port: tags + (INNER,) for port, tags in U20.items()}),
    (TRUNK, (tag(10), INNER), {port: tags + (INNER,) for port, tags in U10.items()}),
], ids=["plain", "access", "access-tagged-its-own", "access20", "trunk10", "native", "native-tagged-its-own",
        "native20", "priority-kept", "stacked20", "stacked10"])
def test_vlan_egress(vlan_lab, port, tags, heard):
    """Which ports receive a flooded frame, and with which tag: byte for byte."""
    expected = {to: [frame(BROADCAST, host(50 + port), *out)] for to, out in heard.items() if to != port}
    assert vlan_lab.send(port, frame(BROADCAST, host(50 + port), *tags)) == expected


@pytest.mark.parametrize("port, tags", [
    (PLAIN, (tag(10),)),
    (ACCESS10, (tag(20),)),
    (TRUNK, ()),
    (TRUNK, (tag(30),)),
    (TRUNK, (tag(4095),)),
    (TAGGED20, (tag(10),)),
    (PLAIN, (tag(4095),)),
], ids=["plain-tagged", "other-vlan", "untagged-on-trunk", "unknown-vlan", "4095-on-trunk", "trunk-not-member", "4095"])
def test_vlan_ingress_drop(vlan_lab, port, tags):
    """A frame of a VLAN that the port is not in is not delivered, and its drop is counted on that port."""
    assert vlan_lab.send(port, frame(BROADCAST, host(60), *tags)) == {}
    before = total_drops(vlan_lab.switch, port)
    vlan_lab.send(port, frame(BROADCAST, host(60), *tags))
    assert total_drops(vlan_lab.switch, port) == before + 1


def test_vlan_unicast(vlan_lab):
    """An address is known per VLAN: the trunk's in 20 is unknown in 10."""
    vlan_lab.send(TRUNK, frame(BROADCAST, host(70), tag(20)))
    assert vlan_lab.send(ACCESS20, frame(host(70), host(71))) == {TRUNK: [frame(host(70), host(71), tag(20))]}
    assert set(vlan_lab.send(ACCESS10, frame(host(70), host(72)))) == {ACCESS10B, TRUNK, NATIVE}


@pytest.mark.parametrize("size", [14, 15, 16, 17])
def test_truncated_tag_is_dropped(vlan_lab, size):
    """A frame that ends inside its tag, or before the type after it."""
    before = total_drops(vlan_lab.switch, PLAIN)
    assert vlan_lab.send(PLAIN, frame(BROADCAST, host(61), tag(0))[:size]) == {}
    assert total_drops(vlan_lab.switch, PLAIN) == before + 1


@pytest.mark.parametrize("tags", [(), (tag(0, pcp=6),)], ids=["untagged", "priority"])
def test_vlan_zero(lab, tags):
    """VID 0 is "no tag", and the priority goes with the tag."""
    assert lab.send(1, frame(BROADCAST, host(1), *tags)) == {2: [frame(BROADCAST, host(1))],
                                                             3: [frame(BROADCAST, host(1))]}


@pytest.mark.parametrize("vid", [1, 2, 4093, 4094])
def test_vlan_numbers(vid):
    """Each end of the range; vde_switch refuses 4094."""
    with Switch(rc=f"vlan/create {vid}\nport/create 1\nport/setvlan 1 {vid}\nport/create 2\nvlan/addport {vid} 2\n"
                ) as switch, Lab(switch, [1, 2]) as lab:
        tagged = frame(BROADCAST, host(2), tag(vid))
        assert lab.send(1, frame(BROADCAST, host(1))) == {2: [frame(BROADCAST, host(1), tag(vid))]}
        assert lab.send(2, tagged) == {1: [frame(BROADCAST, host(2))]}


TRANSPARENT, TRANSPARENT2, ACCESS, UNTAGGED, TRUNK1020 = range(1, 6)


@pytest.fixture(scope="module")
def transparent_lab():
    with Switch("--port", "vde,port=1,vlan=transparent", "--port", "vde,port=2,vlan=transparent",
                "--port", "vde,port=3,vlan=10", "--port", "vde,port=4",
                "--port", "vde,port=5,vlan=none,trunk=10+20") as switch, Lab(switch, range(1, 6)) as it:
        yield it


@pytest.mark.parametrize("tags, heard", [
    ((), {UNTAGGED: ()}),
    ((tag(0, pcp=4),), {UNTAGGED: ()}),
    ((tag(10, pcp=2),), {ACCESS: (), TRUNK1020: (tag(10, pcp=2),)}),
    ((tag(20),), {TRUNK1020: (tag(20),)}),
    ((tag(3000),), {}),
    ((tag(4094), tag(10)), {}),
], ids=["untagged", "priority", "10", "20", "never-created", "stacked"])
def test_transparent_passes_every_tag(transparent_lab, tags, heard):
    """Between transparent ports bytes do not change; VID n reaches the ports of VLAN n, made or not."""
    sent = frame(BROADCAST, host(1), *tags)
    expected = {port: [frame(BROADCAST, host(1), *out)] for port, out in heard.items()}
    assert transparent_lab.send(TRANSPARENT, sent) == {TRANSPARENT2: [sent]} | expected


def test_transparent_hears_vlans_tagged(transparent_lab):
    tagged = frame(BROADCAST, host(3), tag(10))
    plain = frame(BROADCAST, host(4))
    assert transparent_lab.send(ACCESS, frame(BROADCAST, host(3))) == {
        TRANSPARENT: [tagged], TRANSPARENT2: [tagged], TRUNK1020: [tagged]}
    assert transparent_lab.send(UNTAGGED, plain) == {TRANSPARENT: [plain], TRANSPARENT2: [plain]}


def test_transparent_learns_per_tag(transparent_lab):
    transparent_lab.send(TRANSPARENT, frame(BROADCAST, host(80), tag(3000)))
    same = frame(host(80), host(81), tag(3000))
    other = frame(host(80), host(81), tag(3001))
    assert transparent_lab.send(TRANSPARENT2, same) == {TRANSPARENT: [same]}
    assert transparent_lab.send(TRANSPARENT2, other) == {TRANSPARENT: [other]}
    assert transparent_lab.send(TRUNK1020, frame(host(80), host(82), tag(20))).keys() == {TRANSPARENT, TRANSPARENT2}


# -- hub mode ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tags", [(), (tag(10),), (tag(0, pcp=3),), (tag(4095),), (tag(10), tag(20))],
                         ids=["untagged", "tagged", "priority", "4095", "stacked"])
def test_hub_leaves_tags_alone(tags):
    """A hub knows no VLANs and no addresses, and its port 0 is deaf."""
    with Switch("-x") as switch, VdeClient(switch.dir, request=1) as port0, Lab(switch, [1, 2, 3]) as lab:
        lab.learn()
        sent = frame(host(2), host(1), *tags)
        assert lab.send(1, sent) == {2: [sent], 3: [sent]}
        assert port0.pending() == []
        port0.send(sent)
        assert lab.heard() == {1: [sent], 2: [sent], 3: [sent]}


# -- moves ---------------------------------------------------------------------------------------------------


def reaches(lab, dst):
    """The ports that receive a unicast frame from port 3 to DST."""
    return set(lab.send(3, frame(dst, host(3))))


def test_default_minimum_persistence(lab):
    assert "Min persistence 3 secs" in "\n".join(lab.switch.ok("hash/showinfo"))


def test_address_moves_after_minper(lab):
    """Until the old port has been silent for minper the address stays there; its frames pass all the same."""
    lab.switch.ok("hash/setminper 1")
    lab.learn(1, 3)
    moved = frame(host(3), host(1))
    assert lab.send(2, moved) == {3: [moved]}
    assert reaches(lab, host(1)) == {1}
    wait_for(lambda: speak_slowly(lab, 2, moved) and reaches(lab, host(1)) == {2}, 5, "the address to move")


def speak_slowly(lab, port, sent):
    """Sends at a pace that is no loop to loop detection. Returns the ports that received it."""
    time.sleep(0.15)
    return lab.send(port, sent)


@pytest.mark.parametrize("announcement", [
    arp(host(1), 3, "0.0.0.0", "0.0.0.0", kind=ETH_RARP),
    arp(host(1), 1, "10.0.0.1", "10.0.0.1"),
    arp(host(1), 2, "10.0.0.1", "10.0.0.1"),
    unsolicited_na(host(1)),
], ids=["rarp", "gratuitous-arp-request", "gratuitous-arp-reply", "unsolicited-na"])
def test_announcement_moves_an_address_at_once(lab, announcement):
    """A migrated guest announces itself and must not wait for minper."""
    lab.learn(1, 3)
    assert reaches(lab, host(1)) == {1}
    lab.send(2, announcement)
    assert reaches(lab, host(1)) == {2}


def test_ordinary_arp_does_not_move_an_address(lab):
    lab.learn(1, 3)
    lab.send(2, arp(host(1), 1, "10.0.0.1", "10.0.0.2"))
    assert reaches(lab, host(1)) == {1}


# -- sizes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [60, 1514, 1518, 1519, 4096, 4097, 9018, LARGEST_FRAME])
def test_jumbo_frames_pass_whole(lab, size):
    lab.learn(2)
    sent = frame(host(2), host(1), payload=bytes(n & 255 for n in range(size - 14)))
    assert len(sent) == size
    assert lab.send(1, sent) == {2: [sent]}


@pytest.mark.parametrize("size, reason", [(1, "runt"), (13, "runt"), (LARGEST_FRAME + 1, "oversize"),
                                          (20000, "oversize"), (65535, "oversize")])
def test_impossible_sizes_are_dropped(lab, size, reason):
    """Never a truncated frame: a whole one or none, and a count."""
    assert lab.send(1, frame(BROADCAST, host(1), size=size)[:size]) == {}
    assert lab.switch.drops(1) == {reason: 1}


def test_empty_datagram_is_nothing(lab):
    assert lab.send(1, b"") == {}
    assert lab.switch.port(1)["IN"][0] == 0


# -- duplicates and loops ------------------------------------------------------------------------------------


def test_duplicate_address_is_explained():
    """Two guests started without mac= have the same address; the message names both ports and the remedy."""
    twin = "52:54:00:12:34:56"
    with Switch("--port", "vde,port=1,name=web", "--port", "vde,port=2") as switch, Lab(switch, [1, 2, 3]) as lab:
        end = time.monotonic() + 10
        while "give each -device a mac=" not in switch.stderr():
            assert time.monotonic() < end, switch.stderr()
            for port in (1, 2):
                lab.send(port, frame(host(3), twin, kind=ETH_IPV4))
                time.sleep(0.1)
        line = [line for line in switch.stderr().splitlines() if "give each -device a mac=" in line][0]
        assert twin in line and "web" in line and re.search(r"\b2\b", line.replace(twin, ""))


@contextlib.contextmanager
def looped(ports, sender):
    """A switch of three ports, two of which are bridged, on which SENDER has broadcast and the loop was cut."""
    with Switch() as switch, Lab(switch, [1, 2, 3]) as lab:
        assert_loop_is_cut(lab, ports, sender)
        lab.heard()
        yield lab


LOOPS = pytest.mark.parametrize("ports, sender", [((1, 2), 3), ((2, 3), 1), ((1, 3), 2)])


@LOOPS
def test_loop_is_cut(ports, sender):
    """A looped flood would keep the host busy forever; and the log reports what happened."""
    with looped(ports, sender) as lab:
        assert "loop" in lab.switch.stderr()


@LOOPS
def test_loop_leaves_the_sender_alone(ports, sender):
    """One of the two looped ports is blocked, not the station's own port."""
    with looped(ports, sender) as lab:
        assert not any("loop" in reason for reason in lab.switch.drops(sender))
