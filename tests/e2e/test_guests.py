"""Real guests in VLANs: an access port each, a trunk, and one boot for all tests."""

import types

import pytest

from switch import Switch

# Ports created before clients attach, by vde_switch's commands.
RC = """
vlan/create 10
vlan/create 20
port/create 1
port/setvlan 1 10
port/create 2
port/setvlan 2 10
port/create 3
port/setvlan 3 20
port/create 4
vlan/addport 10 4
vlan/addport 20 4
"""

MBIT = 1_000_000


@pytest.fixture(scope="module")
def lab(boot):
    """alice: VLAN 10. bob: VLAN 10 on eth0 and VLAN 20 on eth1. carol: both VLANs, tagged, on one trunk."""
    with Switch(rc=RC) as switch:
        card = f"vde,sock={switch.dir},port={{}}".format
        alice, bob, carol = boot(alice=[card(1)], bob=[card(2), card(3)], carol=[card(4)])
        alice.up("eth0", "10.0.10.1/24")
        bob.up("eth0", "10.0.10.2/24")
        bob.up("eth1", "10.0.20.2/24")
        carol.up("eth0")
        carol.add_vlan("eth0", 10, "10.0.10.3/24")
        carol.add_vlan("eth0", 20, "10.0.20.3/24")
        bob.serve_iperf3()
        yield types.SimpleNamespace(switch=switch, alice=alice, bob=bob, carol=carol)
        for guest in (alice, bob, carol):
            guest.close()


def test_guests_of_one_vlan_ping(lab):
    assert lab.alice.ping("10.0.10.2", 5) == 5
    assert lab.bob.ping("10.0.10.1", 5, size=1472) == 5


def test_the_switch_knows_where_the_guests_are(lab):
    lab.alice.ping("10.0.10.2", 1)
    table = "\n".join(lab.switch.ok("hash/print"))
    assert f"Addr: {lab.alice.mac()} VLAN 0010 to port: 001" in table
    assert f"Addr: {lab.bob.mac()} VLAN 0010 to port: 002" in table


def test_iperf3_between_guests_of_one_vlan(lab):
    assert lab.alice.iperf3("10.0.10.2") > 10 * MBIT
    assert lab.alice.iperf3("10.0.10.2", options="-R") > 10 * MBIT
    assert lab.alice.iperf3("10.0.10.2", options="-u -b 10M") > 9 * MBIT


def test_another_vlan_hears_nothing(lab):
    """alice takes an address of VLAN 20 and calls bob there, by broadcast: it must stay in VLAN 10."""
    lab.alice.up("eth0", "10.0.20.1/24")
    same_vlan, other_vlan = lab.bob.heard("eth0"), lab.bob.heard("eth1")
    assert lab.alice.arping("eth0", "10.0.20.2", 3) == 0
    assert lab.alice.ping("10.0.20.2", 1, deadline=1) == 0
    assert lab.bob.heard("eth0") >= same_vlan + 3
    assert lab.bob.heard("eth1") == other_vlan
    lab.alice.ok("ip addr del 10.0.20.1/24 dev eth0")


def test_trunk_reaches_both_vlans(lab):
    assert lab.carol.ping("10.0.10.1", 3, size=1472) == 3
    assert lab.carol.ping("10.0.20.2", 3, size=1472) == 3
    assert lab.bob.ping("10.0.20.3", 3) == 3


def test_trunk_carries_tcp(lab):
    """Full-size segments with a tag are 4 bytes longer than those of an access port."""
    assert lab.carol.iperf3("10.0.20.2") > 10 * MBIT
    assert lab.carol.iperf3("10.0.10.2", options="-R") > 10 * MBIT


def test_trunk_hears_each_vlan_on_its_own_interface(lab):
    lab.carol.ping("10.0.10.1", 1)
    before = {vid: lab.carol.heard(f"eth0.{vid}") for vid in (10, 20)}
    lab.alice.arping("eth0", "10.0.10.99", 3)
    assert lab.carol.heard("eth0.10") >= before[10] + 3
    assert lab.carol.heard("eth0.20") == before[20]


def test_no_frame_vanished_uncounted(lab):
    lab.switch.assert_balanced()
