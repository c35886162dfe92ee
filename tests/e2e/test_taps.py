"""TAP interfaces of the switch, in namespaces of the tests: created, moved, set down, deleted, refused."""

import json
import subprocess

import pytest

from lan import address_taps, attached
from netns import NO_CAPABILITIES
from switch import PROGRAM, Switch, wait_for

MBIT = 1_000_000


@pytest.fixture
def pair(namespaces):
    """Two namespaces. The switch makes both TAPs in the first; a TAP may move to another and stays attached."""
    return namespaces(2)


def two_taps(namespace, *options):
    return Switch("-t", "tap0", "-t", "tap1", *options, prefix=namespace.prefix)


def test_two_taps_ping(pair):
    here, there = pair
    with two_taps(here) as switch:
        address_taps(switch, here, there)
        assert here.ping("10.0.0.2") == 3
        assert there.ping("10.0.0.1", size=1472) == 3
        switch.assert_balanced()
    assert not here.has("tap0") and not there.has("tap1")


def test_jumbo_frames_pass_whole(pair):
    here, there = pair
    with two_taps(here) as switch:
        address_taps(switch, here, there, mtu=9000)
        assert here.ping("10.0.0.2", size=8900) == 3
        assert there.ping("10.0.0.1", size=56) == 3
        switch.assert_balanced()


def test_tcp_between_taps(pair):
    """A kernel leaves checksums and segmentation to a TAP with offloads: then ping works and TCP does not,
    unless the switch completes them."""
    here, there = pair
    with two_taps(here) as switch:
        address_taps(switch, here, there)
        with there.running("iperf3", "-s", stdout=subprocess.DEVNULL):
            there.wait_listening(5201)
            for way in ([], ["-R"]):
                said = here.run("iperf3", "-J", "-c", "10.0.0.2", "-t", "1", *way).stdout
                assert json.loads(said)["end"]["sum_received"]["bits_per_second"] > 50 * MBIT
        switch.assert_balanced()


def test_tap_is_in_the_vlan_of_its_port(namespaces):
    here, same, other = namespaces(3)
    taps = [word for name, vlan in (("tap0", 10), ("tap1", 10), ("tap2", 20))
            for word in ("--port", f"tap,ifname={name},vlan={vlan}")]
    with Switch(*taps, prefix=here.prefix) as switch:
        address_taps(switch, here, same)
        wait_for(lambda: attached(switch, "tap2"), message="tap2 on the switch")
        other.take("tap2", here)
        other.up("tap2", "10.0.0.3/24")
        assert here.ping("10.0.0.2") == 3
        assert here.ping("10.0.0.3", 1) == 0
        assert "10.0.0.1" not in other.run("ip", "neigh").stdout
        switch.assert_balanced()


def test_down_and_up_under_traffic(pair):
    here, there = pair
    with two_taps(here) as switch:
        address_taps(switch, here, there)
        flood = ["busybox", "ping", "-i", "0.001", "-q", "10.0.0.2"]
        with here.running(*flood, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            for _ in range(5):
                for namespace, name in ((here, "tap0"), (there, "tap1")):
                    namespace.down(name)
                    assert switch.cmd("port/showinfo")[0] == 1000
                    namespace.up(name)
        wait_for(lambda: here.ping("10.0.0.2", 1) == 1, message="a ping through TAPs that are up again")
        assert there.ping("10.0.0.1") == 3
        switch.assert_balanced()


def test_deleted_tap_is_reported_and_the_switch_lives_on(namespaces):
    here, there = namespaces(2)
    with two_taps(here, "-t", "tap2") as switch:
        address_taps(switch, here, there)
        here.run("ip", "link", "del", "tap2")
        switch.wait_said("tap2")
        wait_for(lambda: not attached(switch, "tap2"), message="tap2 to leave the console's list")
        assert attached(switch, "tap0") and attached(switch, "tap1")
        assert here.ping("10.0.0.2") == 3
        switch.assert_balanced()


def start_without_privilege(namespace, directory, *options):
    """Starts a switch without capabilities and with an empty console, and waits for its end."""
    return subprocess.run(
        [*namespace.prefix, *NO_CAPABILITIES, PROGRAM, "-s", str(directory), "-f", "/dev/null", *options],
        input="", capture_output=True, text=True, timeout=20,
    )


@pytest.mark.parametrize("option", [("-t", "tap0"), ("--port", "tap,ifname=tap0")], ids=["-t", "--port"])
def test_without_privilege_the_error_names_both_ways_out(namespaces, tmp_path, option):
    (here,) = namespaces(1)
    said = start_without_privilege(here, tmp_path / "sw", *option).stderr
    assert "cannot create TAP tap0: CAP_NET_ADMIN is missing" in said
    assert "ip tuntap add dev tap0 mode tap user" in said
    assert "setcap cap_net_admin+ep" in said
    assert not here.has("tap0")


def test_without_privilege_a_tap_port_is_a_start_up_error(namespaces, tmp_path):
    (here,) = namespaces(1)
    assert start_without_privilege(here, tmp_path / "sw", "--port", "tap,ifname=tap0").returncode not in (0, -6, -11)


def test_tap_made_beforehand_needs_no_privilege(pair):
    """An administrator makes TAPs for a user once; they outlive each switch that attaches to them."""
    here, there = pair
    for name in ("tap0", "tap1"):
        here.add_tap(name, "user", "0")
    with Switch("-t", "tap0", "-t", "tap1", prefix=[*here.prefix, *NO_CAPABILITIES]) as switch:
        address_taps(switch, here, there)
        assert here.ping("10.0.0.2") == 3
        switch.assert_balanced()
    assert here.has("tap0") and there.has("tap1")
