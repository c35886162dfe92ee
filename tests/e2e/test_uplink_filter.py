"""Which of the host's frames reach the switch: those for addresses behind it, however many, and no others."""

import contextlib
import random
import time

import pytest

import lan
from frames import BROADCAST, frame, mac, marked
from lan import Lan, Wire
from switch import wait_for

BURST = 100  # frames in a row that any socket buffer holds


def some_addresses(count, seed=1):
    """COUNT individual addresses that differ in their last four bytes, where the filter looks."""
    chance = random.Random(seed)
    return ["02:00:" + ":".join(f"{byte:02x}" for byte in number.to_bytes(4, "big"))
            for number in chance.sample(range(1 << 32), count)]


@contextlib.contextmanager
def behind_a_tap(known, *more):
    """A LAN whose switch has learned the addresses KNOWN behind a TAP, and has had time to narrow its filter."""
    with contextlib.ExitStack() as stack:
        net = Lan(stack)
        switch = net.switch("uplink,ifname=eth0,port=1", "tap,ifname=tap0,port=2", *more)
        guest = net.guest("tap0")
        mouth = stack.enter_context(Wire(guest, "tap0"))
        for number, address in enumerate(known):
            mouth.send(frame(BROADCAST, address))
            if number % BURST == 0:
                switch.ok("ds/showinfo")  # the TAP's own queue is short: let the switch read it
        wait_for(lambda: set(lan.addresses_behind(switch, 2)) >= set(known), message="the addresses to be learned")
        time.sleep(0.2)
        yield net, switch, mouth
        switch.assert_balanced()


def came_up(net, switch, targets):
    """How many frames reach the switch when the host sends one to each of TARGETS."""
    before = lan.frames_in(switch, 1)
    with Wire(net.host, "eth0") as host:
        for number, target in enumerate(targets):
            host.send(frame(target, net.host.mac("eth0") if number == 0 else "02:99:00:00:00:01", payload=b"for one"))
            if number % BURST == 0:
                switch.ok("ds/showinfo")
    switch.ok("ds/showinfo")
    return lan.frames_in(switch, 1) - before


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9, 64, 333, pytest.param(1200, marks=pytest.mark.full)])
def test_host_reaches_each_address_behind_the_switch_and_talks_to_others_alone(count):
    known = some_addresses(count)
    # the neighbours of each, where a search that is off by one would fail
    beside = [f"{address[:-2]}{int(address[-2:], 16) ^ 1:02x}" for address in known]
    with behind_a_tap(known) as (net, switch, mouth):
        mouth.heard()
        assert came_up(net, switch, known) == count
        wait_for(lambda: switch.port(2)["OUT"][0] >= count, message="the frames to go out")
        heard = {bytes(got[:6]) for got in marked(mouth.heard(), b"for one")}
        assert heard == set(map(mac, known))
        assert came_up(net, switch, set(beside) - set(known)) == 0


def test_all_comes_up_where_addresses_are_not_learned():
    """A hub, and a port that learns nothing, know no addresses: what the host sends to guests is flooded, not lost."""
    unknown = some_addresses(5, seed=2)
    with behind_a_tap([], "tap,ifname=tap1,port=3,max-addresses=0") as (net, switch, _):
        assert came_up(net, switch, unknown) == len(unknown)
    with behind_a_tap([]) as (net, switch, mouth):
        switch.ok("port/sethub 1")
        time.sleep(0.2)
        assert came_up(net, switch, unknown) == len(unknown)
        wait_for(lambda: len(marked(mouth.heard(), b"for one")) > 0, message="a frame for an unknown address")
        switch.ok("port/sethub 0")
        time.sleep(0.2)
        assert came_up(net, switch, unknown) == 0


def test_host_reaches_a_guest_that_has_been_silent_for_long():
    """Its address has aged out, and another address caused a new filter: the guest's must be in it all the same."""
    silent, talking = some_addresses(2, seed=3)
    with behind_a_tap([silent]) as (net, switch, mouth):
        switch.ok("hash/setexpire 1")
        wait_for(lambda: silent not in lan.addresses_behind(switch, 2), 15, message="the address to be forgotten")
        mouth.send(frame(BROADCAST, talking))
        wait_for(lambda: talking in lan.addresses_behind(switch, 2), message="another to be learned")
        time.sleep(0.2)
        assert came_up(net, switch, [silent]) == 1
        wait_for(lambda: len(marked(mouth.heard(), b"for one")) > 0, message="the frame to arrive")


def test_port_that_stops_learning_is_reached_all_the_same():
    with behind_a_tap([]) as (net, switch, _):
        unknown = some_addresses(5, seed=4)
        assert came_up(net, switch, unknown) == 0
        switch.ok("port/set 2 max-addresses=0")
        time.sleep(0.2)
        assert came_up(net, switch, unknown) == len(unknown)
