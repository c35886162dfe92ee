"""Plugs: other networks by libvdeplug; a far side that hangs or dies affects one port only."""

import contextlib
import grp
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from console import Console
from frames import BROADCAST, LARGEST_FRAME, frame, host
from lab import settle
from lan import MIB, ask_dhcp, send_tcp, statistics
from netns import Namespace
from process import cpu_share, paused, stat_fields
from switch import PROGRAM, Switch, wait_for
from users import NOBODY, console_of, needs_two_users, public_dir
from vdeclient import VdeClient

PLUG, ALICE = 9, 1
HERE, THERE = "10.0.0.11", "10.0.0.12"
WITHOUT_PLUGINS = {"VDEPLUGIN_PATH": "/nonexistent"}


def plug(vnl, *more):
    """The port spec of a plug to VNL on port 9."""
    return "--port", ",".join((f"plug,port={PLUG}", f"vnl={vnl.replace(',', ',,')}", *more))


def is_up(switch, port=PLUG):
    return any("module plug" in line for line in switch.ok(f"port/allprint {port}"))


def wait_up(*switches, timeout=10):
    for switch in switches:
        wait_for(lambda: is_up(switch), timeout, f"the plug: {switch.stderr()}")  # pylint: disable=cell-var-from-loop


def status_of(pid):
    """State, parent, and session of a process; () if there is none."""
    with contextlib.suppress(OSError):
        fields = stat_fields(pid)
        return fields[0], int(fields[1]), int(fields[3])
    return ()


def processes(wanted):
    """PIDs for which WANTED(state, parent, session) is true, zombies included."""
    found = ((int(pid), status_of(pid)) for pid in os.listdir("/proc") if pid.isdigit())
    return [pid for pid, status in found if status and wanted(*status)]


def children(switch):
    return processes(lambda _, parent, __: parent == switch.pid)


def session(leader):
    """All of a helper's processes that live."""
    return processes(lambda state, _, leads: leads == leader and state != "Z")


def helper(switch):
    """The one helper of a switch, living."""
    return wait_for(lambda: [pid for pid in children(switch) if status_of(pid)[:1] not in ((), ("Z",))],
                    message="a helper")[-1]


def exchange(here, there, numbers=(1, 2), timeout=5):
    """A frame each way between two clients. While networks find each other frames get lost, so it is tried again."""
    sent = [frame(BROADCAST, host(number), payload=os.urandom(30)) for number in numbers]
    missing, end = {(there, sent[0]), (here, sent[1])}, time.monotonic() + timeout
    while missing:
        assert time.monotonic() < end, f"{len(missing)} of 2 do not come through"
        here.send(sent[0])
        there.send(sent[1])
        missing -= {(client, wanted) for client, wanted in missing if hears(client, wanted)}


def hears(client, wanted, timeout=0.3):
    with contextlib.suppress(TimeoutError):
        while client.recv(timeout) != wanted:
            pass
        return True
    return False


# -- the networks --------------------------------------------------------------------------------------------


def test_slirp_gives_an_address_and_a_way_out(stack, tmp_path):
    """DHCP, and a file by HTTP from the loopback interface of the switch's host."""
    net, guest = (stack.enter_context(Namespace()) for _ in range(2))
    (tmp_path / "file").write_bytes(os.urandom(2 * MIB))
    stack.enter_context(net.running("/usr/bin/python3", "-m", "http.server", "-b", "127.0.0.1", "-d", tmp_path, 8080,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    net.wait_listening(8080)
    switch = stack.enter_context(Switch("--port", "tap,ifname=tap0", *plug("slirp://"), prefix=net.prefix))
    wait_for(lambda: net.has("tap0"), message="tap0")
    guest.take("tap0", net)
    guest.up("tap0")
    wait_up(switch)
    assert ask_dhcp(guest, "tap0").startswith("10.0.2.")
    guest.run("busybox", "wget", "-q", "-O", tmp_path / "got", "http://10.0.2.2:8080/file")
    assert (tmp_path / "got").read_bytes() == (tmp_path / "file").read_bytes()
    assert cpu_share(helper(switch)) < 0.1, "busy when there is nothing to do"
    switch.assert_balanced()


class Joined:
    """Two hosts on a wire, each with a switch and a guest; ends[0] has the plug, and ends[1] too unless it is vde://."""

    def __init__(self, stack, tmp_path, scheme):
        self.stack, self.dirs = stack, [tmp_path / "a", tmp_path / "b"]
        self.nets = [stack.enter_context(Namespace()) for _ in range(2)]
        self.nets[0].add_veth("eth0", self.nets[1], "eth0")
        for net, address in zip(self.nets, ("10.1.0.1/24", "10.1.0.2/24")):
            net.up("eth0", address)
            net.run("ip", "route", "add", "default", "dev", "eth0")
        self.vnls = {
            "vde": (f"vde://{self.dirs[1]}", None),
            "vxvde": ("vxvde://239.1.2.3",) * 2,
            "udp": ("udp://4001->10.1.0.2:4001", "udp://4001->10.1.0.1:4001"),
        }[scheme]
        self.ends, self.guests = [None, None], [None, None]
        for side in (1, 0):
            self.start(side)

    def start(self, side):
        words = plug(self.vnls[side]) if self.vnls[side] else ()
        switch = Switch("--port", "tap,ifname=tap0", *words, prefix=self.nets[side].prefix, dir=self.dirs[side])
        self.ends[side] = switch
        self.stack.callback(lambda: switch.process.returncode is not None or switch.close())
        guest = self.guests[side] = self.stack.enter_context(Namespace())
        wait_for(lambda: self.nets[side].has("tap0"), message="tap0")
        guest.take("tap0", self.nets[side])
        guest.run("ip", "link", "set", "tap0", "address", host(side))  # so that the other guest need not send ARP again
        # Frames are carried in datagrams, which should not be fragmented.
        guest.up("tap0", f"{(HERE, THERE)[side]}/24", mtu=1400)

    def wait_up(self):
        wait_up(*(switch for switch, vnl in zip(self.ends, self.vnls) if vnl))

    def check(self):
        here, there = self.guests
        self.wait_up()
        wait_for(lambda: here.ping(THERE, 1) == 1, 20, "a ping to the other side")
        send_tcp(here, there, THERE, 4 * MIB)
        send_tcp(there, here, HERE, 4 * MIB)
        for switch in self.ends:
            switch.assert_balanced()
            for pid in (switch.pid, *children(switch)):
                assert cpu_share(pid) < 0.1, "busy when there is nothing to do"

    def kill_and_restart(self, side):
        left = children(self.ends[side])
        self.ends[side].kill()
        wait_for(lambda: not any(map(session, left)), 3, "the helper of a switch that was killed to end")
        self.start(side)


@pytest.mark.parametrize("scheme", ["vde", "vxvde", "udp"])
def test_two_switches_are_one_network_again_after_either_was_killed(stack, tmp_path, scheme):
    joined = Joined(stack, tmp_path, scheme)
    joined.check()
    for side in (0, 1):
        joined.kill_and_restart(side)
        joined.check()


def test_far_side_that_returns_is_found_within_seconds_and_all_is_said_once(stack, tmp_path):
    near = stack.enter_context(Switch(*plug(f"vde://{tmp_path}/far")))
    near.wait_said("cannot connect: No such file or directory")
    with Switch(dir=tmp_path / "far") as far:
        wait_up(near, timeout=3)
        with VdeClient(near.dir) as alice, VdeClient(far.dir) as bob:
            exchange(alice, bob)
            assert any("vswitchd: port 9" in line for line in far.ok("port/print"))
    near.wait_said("lost: the far side hung up")
    wait_for(lambda: not is_up(near), message="the port to be without endpoint")
    assert cpu_share(near.pid, 2) < 0.1, "busy while nobody is there"
    said = near.stderr()
    assert [said.count(words) for words in ("connected\n", "lost: ", "cannot connect")] == [1, 1, 2], said
    with Switch(dir=tmp_path / "far"):
        wait_up(near, timeout=3)


def test_command_carries_frames_and_ends_with_its_port(stack):
    far = stack.enter_context(Switch())
    near = stack.enter_context(Switch(*plug(f"cmd://vde_plug vde://{far.dir}")))
    wait_up(near)
    leader = helper(near)
    with VdeClient(near.dir) as alice, VdeClient(far.dir) as bob:
        exchange(alice, bob)
    assert len(session(leader)) == 2, "the helper and its command"
    near.ok(f"port/epclose {PLUG} {near.endpoint_id(PLUG)}")
    wait_for(lambda: not session(leader), 3, "both to end")


ECHO = """
import sys
while True:
    head = sys.stdin.buffer.read(2)
    if len(head) < 2: break
    sys.stdout.buffer.write(head + sys.stdin.buffer.read(head[0] << 8 | head[1]))
    sys.stdout.buffer.flush()
"""


def test_command_that_writes_before_it_reads_on_does_not_lock_up(stack, tmp_path):
    """Both pipes fill. The echo must not deadlock because each side waits for the other to read."""
    (tmp_path / "echo.py").write_text(ECHO)
    near = stack.enter_context(Switch(*plug(f"cmd://{sys.executable} {tmp_path}/echo.py"), "--loop-block", 0))
    wait_up(near)
    with VdeClient(near.dir, port=ALICE) as alice:
        for number in range(3000):
            alice.send(frame(host(PLUG), host(ALICE), payload=number.to_bytes(4, "big"), size=4000))
        settle(near, alice)
        counted = wait_for(lambda: near.port(PLUG)["IN"][0] > 0 and near.port(PLUG)["IN"], message="an echo")[0]
        wait_for(lambda: near.port(PLUG)["IN"][0] >= 3000 - near.drops(PLUG).get("queue-full", 0), 30,
                 f"all to come back after {counted}")
        near.assert_balanced()


def test_tap_of_libvdeplug(stack):
    net = stack.enter_context(Namespace())
    switch = stack.enter_context(Switch("--port", "tap,ifname=tap0", *plug("tap://far0"), prefix=net.prefix))
    guests = [stack.enter_context(Namespace()) for _ in range(2)]
    for guest, name, address in zip(guests, ("tap0", "far0"), (HERE, THERE)):
        wait_for(lambda: net.has(name), message=name)  # pylint: disable=cell-var-from-loop
        guest.take(name, net)
        guest.up(name, f"{address}/24")
    wait_up(switch)
    send_tcp(*guests, THERE, 4 * MIB)
    send_tcp(*reversed(guests), HERE, 4 * MIB)
    guests[1].run("ip", "link", "del", "far0")
    switch.wait_said("lost: ")


def test_what_the_far_side_refuses_is_counted(stack):
    """A TAP that is down accepts nothing; up again, everything."""
    net = stack.enter_context(Namespace())
    switch = stack.enter_context(Switch(*plug("tap://far0"), prefix=net.prefix))
    wait_up(switch)
    with VdeClient(switch.dir) as alice:
        for number in (40, 80):
            net.down("far0")
            for _ in range(40):
                alice.send(frame(BROADCAST, host(ALICE)))
            wait_for(lambda: switch.drops(PLUG) == {"refused": number}, message=f"{number} refused: {switch.drops(PLUG)}")
            balance = switch.assert_balanced()
            assert balance["egress_drops"] == number and balance["handed"] == balance["copies"] - number
            net.up("far0")
            before = statistics(net, "far0", "rx_packets")
            alice.send(frame(BROADCAST, host(ALICE)))
            wait_for(lambda: statistics(net, "far0", "rx_packets") > before, message="the frame at the TAP")  # pylint: disable=cell-var-from-loop
            assert switch.drops(PLUG) == {"refused": number}


def test_what_a_program_refuses_is_counted(stack):
    """It neither reads nor writes."""
    switch = stack.enter_context(Switch(*plug("cmd://sh -c 'exec 0<&-; sleep 30'")))
    wait_up(switch)
    with VdeClient(switch.dir) as alice:
        time.sleep(0.3)  # the shell has closed its end
        for number in (40, 80):
            for _ in range(40):
                alice.send(frame(BROADCAST, host(ALICE)))
            wait_for(lambda: switch.drops(PLUG) == {"refused": number}, message=f"{number} refused: {switch.drops(PLUG)}")  # pylint: disable=cell-var-from-loop
        switch.assert_balanced()


def test_what_a_program_leaves_behind_is_counted(stack):
    """It ends without having read what its helper holds for it: all but what is in the pipe is counted as lost, exactly."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    taken = 0
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, bytes(2 + 1514)) == 2 + 1514:  # as libvdeplug writes a frame
            taken += 1
    os.close(reading)
    os.close(writing)
    switch = stack.enter_context(Switch(*plug("cmd://sleep 2")))
    wait_up(switch)
    with VdeClient(switch.dir) as alice:
        for number in (1, 2):
            for _ in range(200):
                alice.send(frame(BROADCAST, host(ALICE), size=1514))
            settle(switch, alice)
            wait_for(lambda: switch.stderr().count("lost: ") == number, message="its end")  # pylint: disable=cell-var-from-loop
            assert switch.drops(PLUG) == {"refused": number * (200 - taken)}
            wait_up(switch)
        switch.assert_balanced()


def test_what_waits_when_the_far_side_dies_is_counted(stack):
    far = stack.enter_context(Switch(check_exit=False))
    near = stack.enter_context(Switch(*plug(f"vde://{far.dir}")))
    wait_up(near)
    with VdeClient(near.dir) as alice, paused(far.pid):
        for _ in range(3000):
            alice.send(frame(BROADCAST, host(ALICE), size=1514))
        settle(near, alice)
        far.process.kill()
        near.wait_said("lost: ")
        drops = near.drops(PLUG)
    assert drops["refused"] > 300, "what the helper's socket held"
    assert 3000 - sum(drops.values()) < 1500, "the far side's socket does not hold so much"
    near.assert_balanced()


def test_point_to_point(stack, tmp_path):
    """Also after one end was killed and has left its sockets."""
    ends = [stack.enter_context(Switch(*plug(f"ptp://{tmp_path}/wire"))) for _ in range(2)]
    wait_up(*ends)
    with VdeClient(ends[0].dir) as alice, VdeClient(ends[1].dir) as bob:
        for victim in (None, 0, 1, 0):
            if victim is not None:
                first = helper(ends[victim])
                os.kill(first, signal.SIGKILL)
                wait_for(lambda: not status_of(first), message="its end")  # pylint: disable=cell-var-from-loop
            exchange(alice, bob, timeout=15)  # the one that stayed learns of it when it sends


def test_longest_frames_pass_and_longer_ones_are_counted(stack):
    far = stack.enter_context(Switch())
    near = stack.enter_context(Switch(*plug(f"vde://{far.dir}")))
    wait_up(near)
    with VdeClient(near.dir) as alice, VdeClient(far.dir) as bob:
        for sender, receiver, number in ((alice, bob, 1), (bob, alice, 2)):
            sent = frame(BROADCAST, host(number), payload=os.urandom(100), size=LARGEST_FRAME)
            sender.send(sent)
            assert receiver.recv() == sent


def test_vlans_of_a_plug(stack):
    far = stack.enter_context(Switch("--port", "vde,port=1,trunk=10+20", "--port", "vde,port=2,vlan=20"))
    near = stack.enter_context(Switch(*plug(f"vde://{far.dir}[1]", "vlan=none", "trunk=20"),
                                      "--port", "vde,port=2,vlan=20", "--port", "vde,port=3,vlan=10"))
    wait_up(near)
    with VdeClient(near.dir, port=2) as alice, VdeClient(near.dir, port=3) as carol, VdeClient(far.dir, port=2) as bob:
        exchange(alice, bob)
        assert not carol.pending()


# -- a far side that hangs -----------------------------------------------------------------------------------


class Others:
    """Two more clients of a switch, which must not be affected."""

    def __init__(self, stack, switch):
        self.switch = switch
        self.clients = [stack.enter_context(VdeClient(switch.dir, port=port)) for port in (21, 22)]
        self.console = stack.enter_context(Console(switch.dir / "mgmt"))

    def check(self):
        exchange(*self.clients, numbers=(21, 22), timeout=1)
        begin = time.monotonic()
        assert self.console.cmd("port/print")[0] == 1000
        assert time.monotonic() - begin < 1


@contextlib.contextmanager
def silent_switch(directory):
    """A switch that accepts connections and sends nothing."""
    directory.mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(directory / "ctl"))
        silent.listen(20)
        yield


def test_far_side_that_accepts_and_says_nothing(stack, tmp_path):
    """vde_open() blocks forever. The port waits and is retried, and others are not affected."""
    stack.enter_context(silent_switch(tmp_path / "far"))
    near = stack.enter_context(Switch(*plug(f"vde://{tmp_path}/far")))
    others = Others(stack, near)
    first = helper(near)
    assert not is_up(near)
    before = near.fds()
    assert cpu_share(first) < 0.1
    near.wait_said("cannot connect: no answer within 10 s", timeout=15)
    others.check()
    wait_for(lambda: not status_of(first), 3, "the helper that hung to be gone")
    wait_for(lambda: helper(near) != first, 3, "another one")
    wait_for(lambda: near.fds() == before, 3, "as many descriptors as before")
    assert cpu_share(near.pid) < 0.1
    begin = time.monotonic()
    near.ok(f"port/del {PLUG}")
    wait_for(lambda: not children(near), 3, "the helper to end")
    assert time.monotonic() - begin < 3
    near.assert_balanced()


@pytest.mark.parametrize("frozen", ["far switch", "helper"])
def test_far_side_that_stops_reading_under_traffic(stack, frozen):
    far = stack.enter_context(Switch())
    near = stack.enter_context(Switch(*plug(f"vde://{far.dir}")))
    wait_up(near)
    others = Others(stack, near)
    with VdeClient(near.dir, port=ALICE) as alice, VdeClient(far.dir) as bob:
        exchange(alice, bob)
        victim = far.pid if frozen == "far switch" else helper(near)
        with paused(victim):
            for number in range(10):
                for _ in range(1500):
                    alice.send(frame(host(2), host(1), size=1514))
                others.check()
            settle(near, alice)
            assert near.drops(PLUG).get("queue-full", 0) > 1000
            assert not others.clients[0].pending(), "frames for the far side went elsewhere"
            near.assert_balanced()
            assert cpu_share(near.pid) < 0.1
        wait_for(lambda: "unsent packets: 0 " in near.port_text(PLUG), message="an empty queue")
        bob.pending()
        exchange(alice, bob)
        near.assert_balanced()


def test_stopped_helper_ends_all_the_same(stack):
    far = stack.enter_context(Switch())
    near = stack.enter_context(Switch(*plug(f"vde://{far.dir}")))
    wait_up(near)
    os.kill(helper(near), signal.SIGSTOP)
    near.ok(f"port/epclose {PLUG} {near.endpoint_id(PLUG)}")
    wait_for(lambda: not children(near), 3, "the helper to end")


def test_chatter_of_a_command_is_escaped_and_bounded(stack, tmp_path):
    (tmp_path / "noise").write_text("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); printf 'noise \\033[31m %s\\n' $i >&2; done\n"
                                    "sleep 60")
    near = stack.enter_context(Switch(*plug(f"cmd://sh {tmp_path}/noise")))
    wait_up(near)
    near.wait_said(r"it says: noise \\x1b\[31m 1$")
    others = Others(stack, near)
    others.check()
    wait_for(lambda: cpu_share(near.pid) < 0.1, 20, "the noise to end")
    assert near.stderr().count("noise") < 30


# -- ends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["port/epclose", "port/del", "port/del while it is away"])
def test_removed_plug_is_gone_for_good(stack, ending):
    """Neither helper, zombie nor descriptor stays, and it does not come back."""
    far, near = (stack.enter_context(Switch()) for _ in range(2))
    before = near.fds(), near.ok("port/allprint")
    for _ in range(3):
        if "away" in ending:
            near.ok(f"port/add plug,port={PLUG},vnl=vde:///nonexistent")
        else:
            near.ok(f"port/add plug,port={PLUG},vnl=vde://{far.dir}")
            wait_up(near)
        if ending == "port/epclose":
            near.ok(f"port/epclose {PLUG} {near.endpoint_id(PLUG)}")
            time.sleep(0.3)
            assert not is_up(near)
        near.ok(f"port/del {PLUG}")
        wait_for(lambda: not children(near), 3, "the helper to be gone and buried")
    time.sleep(0.3)
    assert not children(near)
    assert (near.fds(), near.ok("port/allprint")) == before
    wait_for(lambda: "endpoint" not in "".join(far.ok("port/allprint")), message="the far switch to see the end")


def test_helper_that_is_killed_is_started_again(stack):
    far = stack.enter_context(Switch())
    near = stack.enter_context(Switch(*plug(f"vde://{far.dir}")))
    before = None
    with VdeClient(near.dir) as alice, VdeClient(far.dir) as bob:
        for _ in range(3):
            wait_up(near)
            first = helper(near)
            before = before or near.fds()
            os.kill(first, signal.SIGKILL)
            wait_for(lambda: not status_of(first) and helper(near) != first, message="another helper")  # pylint: disable=cell-var-from-loop
            wait_up(near)
            exchange(alice, bob)
            assert near.fds() == before and len(children(near)) == 1
    near.wait_said("lost: its helper process ended unexpectedly")


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_switch(stack, tmp_path, ending):
    """Not even a command that does not read what it is sent, nor one of its own."""
    (tmp_path / "deaf").write_text("sleep 1000 & sleep 1000")
    switch = stack.enter_context(Switch(*plug(f"cmd://sh {tmp_path}/deaf"), "--port", "plug,vnl=slirp://"))
    leaders = wait_for(lambda: len(children(switch)) == 2 and children(switch), message="two helpers")
    wait_for(lambda: sum(len(session(leader)) for leader in leaders) == 5, message="all processes")
    for leader in leaders:
        for command in set(session(leader)) - {leader}:
            links = [os.readlink(path) for path in pathlib.Path(f"/proc/{command}/fd").iterdir()]
            assert not any("socket:" in link for link in links), "a command has the helper's end of the frames"
    switch.process.send_signal(ending)
    switch.process.wait(10)
    wait_for(lambda: not any(map(session, leaders)), 3, "everything to end")


def test_helper_that_hangs_does_not_outlive_a_switch_that_was_killed(tmp_path):
    """It is blocked in vde_open() on a switch that does not answer."""
    with silent_switch(tmp_path / "far"), Switch(*plug(f"vde://{tmp_path}/far")) as near:
        leader = helper(near)
        time.sleep(0.3)
        near.kill()
        wait_for(lambda: not session(leader), 3, "it to end")


def test_commands_end_with_a_helper_that_was_killed(stack, tmp_path):
    (tmp_path / "deaf").write_text("sleep 1000 & sleep 1000")
    near = stack.enter_context(Switch(*plug(f"cmd://sh {tmp_path}/deaf")))
    leader = helper(near)
    wait_for(lambda: len(session(leader)) == 4, message="all processes")
    os.kill(leader, signal.SIGKILL)
    wait_for(lambda: not session(leader), 3, "everything to end")


def test_plug_that_ends_at_once_is_not_tried_all_the_time(stack, tmp_path):
    (tmp_path / "ends").write_text(f"echo >> {tmp_path}/count")
    near = stack.enter_context(Switch(*plug(f"cmd://sh {tmp_path}/ends")))
    near.wait_said("lost: the far side hung up")
    time.sleep(3)
    assert (tmp_path / "count").read_text().count("\n") <= 10
    assert near.stderr().count("lost: ") <= 8, near.stderr()


FAKE = """#!/usr/bin/python3 -S
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
frames, status = map(int, sys.argv[1:3])
os.write(status, b"module\\nup\\n")
%s
time.sleep(1000)
"""


@pytest.mark.parametrize("deed", ["pass", "os.close(frames)", "os.close(status)",
                                  "os.write(status, b'up\\nup\\n' + b'x' * 5000)",
                                  "os.write(status, b'refused 18446744073709551616\\nrefused -1\\nrefused \\nrefused x\\n')"])
def test_helper_that_behaves_badly_is_ended(stack, tmp_path, deed):
    """It ignores SIGTERM, closes one of its ends and stays, reports "up" repeatedly, or more frames refused than it ever
    received."""
    (tmp_path / "vswplug").write_text(FAKE % deed)
    (tmp_path / "vswplug").chmod(0o755)
    shutil.copy(PROGRAM, tmp_path / "vswitchd")
    near = stack.enter_context(Switch(*plug("slirp://"), program=tmp_path / "vswitchd"))
    first = helper(near)
    near.wait_said("connected")
    time.sleep(0.5)
    assert cpu_share(near.pid) < 0.2
    near.assert_balanced()
    if deed.startswith("os.close"):
        wait_for(lambda: not status_of(first), 14, "it to end")
        wait_for(lambda: helper(near) != first, message="another one")
    near.ok(f"port/del {PLUG}")
    wait_for(lambda: not children(near), 3, "the helper to end")


def test_helper_has_only_what_it_needs(stack):
    """Of the switch's descriptors: its own three, and nothing that the switch has open."""
    net = stack.enter_context(Namespace())
    far = stack.enter_context(Switch())
    near = stack.enter_context(Switch("--port", "tap,ifname=tap0", *plug(f"vde://{far.dir}"), prefix=net.prefix))
    stack.enter_context(VdeClient(near.dir))
    wait_up(near)
    first = helper(near)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: helper(near) != first, message="another helper")
    wait_up(near)
    links = [os.readlink(path) for path in pathlib.Path(f"/proc/{helper(near)}/fd").iterdir()]
    kinds = sorted("socket" if "socket:" in link else "pipe" if "pipe:" in link else link for link in links)
    assert kinds == ["/dev/null", "pipe", "pipe", "pipe", "socket", "socket", "socket"]
    ignored = re.search(r"SigIgn:\s+(\w+)", pathlib.Path(f"/proc/{helper(near)}/status").read_text(encoding="utf-8"))[1]
    assert int(ignored, 16) & (1 << 31) - 1 == 0  # the C library keeps the next two for its threads


# -- invalid plugs -------------------------------------------------------------------------------------------


def start(directory, *words, program=PROGRAM, prefix=(), env=None):
    """Starts a switch that should refuse to. Returns its status and output."""
    ended = subprocess.run([*prefix, str(program), "-s", str(directory), "-f", "/dev/null", *words], input="", text=True,
                           capture_output=True, timeout=20, env={**os.environ, **(env or {})})
    return ended.returncode, ended.stderr


BAD = {
    "plug": ("vnl= is missing",),
    "plug,vnl=": ("vnl= is missing",),
    "plug,vnl=foo://x": ("libvdeplug has no module for foo://", "slirp"),
    "plug,vnl=../../x://": ("no scheme",),
    "plug,vnl=://x": ("no scheme",),
    f"plug,vnl={'s' * 200}://": ("no scheme",),
    f"plug,vnl=vde://{'x' * 1100}": ("too long", "1023"),
    "plug,vln=slirp://": ("vln", "vnl"),
    "plug,vnl=slirp://,trunk=4095": ("trunk=4095",),
}


def test_bad_plugs_are_refused_at_the_start_in_one_clear_line(tmp_path):
    for spec, words in BAD.items():
        status, said = start(tmp_path / "sw", "--port", spec)
        assert status == 1, spec
        assert len(said.strip().splitlines()) == 1, said
        assert f"--port {spec[:100]}" in said and all(word in said for word in words), said


def test_bad_plugs_are_refused_at_the_console_and_leave_nothing(switch, console):
    before = switch.fds(), switch.ok("port/allprint")
    for spec in BAD:
        assert console.cmd(f"port/add {spec}")[0] != 1000
    wait_for(lambda: not children(switch), 3, "helpers to end")
    assert (switch.fds(), switch.ok("port/allprint")) == before


@pytest.mark.parametrize("scheme, package", [
    ("slirp", "libvdeplug-slirp"), ("pcap", "libvdeplug-pcap"), ("vlan", "libvdeplug-vlan"),
    ("vdesl", "libvdeplug-vdesl"), ("vde", "libvdeplug2"), ("vxvde", "libvdeplug2")])
def test_missing_module_is_named_with_its_package(tmp_path, scheme, package):
    status, said = start(tmp_path / "sw", *plug(f"{scheme}://x"), env=WITHOUT_PLUGINS)
    assert status == 1 and f"{scheme}://" in said and package in said, said


def test_module_that_does_not_load_is_named_with_the_reason(tmp_path):
    (tmp_path / "libvdeplug_slirp.so").write_bytes(b"no library")
    status, said = start(tmp_path / "sw", *plug("slirp://"), env={"VDEPLUGIN_PATH": str(tmp_path)})
    assert status == 1 and "cannot be loaded" in said and str(tmp_path) in said, said


def test_missing_helper_program_is_named(tmp_path):
    shutil.copy(PROGRAM, tmp_path / "vswitchd")
    status, said = start(tmp_path / "sw", *plug("slirp://"), program=tmp_path / "vswitchd")
    assert status == 1 and "vswplug" in said and str(tmp_path) in said, said


@pytest.mark.parametrize("place", [".", "../libexec/vswitchd"])
def test_missing_libvdeplug_is_named_and_the_rest_works_without(tmp_path, place):
    """Wherever the helper is found: beside the program as built, or as installed."""
    (tmp_path / "sbin" / place).mkdir(parents=True)
    shutil.copy(PROGRAM, tmp_path / "sbin" / "vswitchd")
    program = pathlib.Path(PROGRAM).with_name("vswplug").read_bytes()
    helper_program = tmp_path / "sbin" / place / "vswplug"
    helper_program.write_bytes(program)
    helper_program.chmod(0o755)
    with Switch(*plug("slirp://"), program=tmp_path / "sbin" / "vswitchd") as works:
        wait_up(works)
    helper_program.write_bytes(program.replace(b"libvdeplug.so.2", b"libvdeplug.so.x"))
    status, said = start(tmp_path / "sw", *plug("slirp://"), program=tmp_path / "sbin" / "vswitchd")
    assert status == 1 and "libvdeplug.so.x" in said and "libvdeplug2" in said, said
    assert len(said.strip().splitlines()) == 1
    with Switch(program=tmp_path / "sbin" / "vswitchd"):
        pass


def test_path_without_scheme_is_a_switch(stack):
    far = stack.enter_context(Switch())
    near = stack.enter_context(Switch(*plug(str(far.dir))))
    near.wait_said(f"no scheme://, so it is a path, as in vde://{far.dir}")
    wait_up(near)


def test_relative_path_means_the_directory_of_the_start(stack, tmp_path):
    """Also when it is tried again, and for a daemon, which has left it."""
    pidfile = tmp_path / "pid"
    subprocess.run([PROGRAM, "-s", tmp_path / "near", "-d", "-p", pidfile, *plug("vde://far")], cwd=tmp_path, check=True,
                   timeout=20)
    try:
        with Switch(dir=tmp_path / "far") as far:
            wait_for(lambda: any("vswitchd: port 9" in line for line in far.ok("port/print")), 5, "the plug")
    finally:
        os.kill(int(pidfile.read_text()), signal.SIGTERM)
        wait_for(lambda: not pidfile.exists(), message="the daemon's end")


# -- a plug into the switch itself ---------------------------------------------------------------------------


def test_plug_into_the_own_directory_is_refused_at_the_start(tmp_path):
    (tmp_path / "link").symlink_to("sw")
    for vnl in (f"vde://{tmp_path}/sw", f"{tmp_path}/sw", f"vde://{tmp_path}/sw[3]", f"vde://{tmp_path}/link",
                f"vde://{tmp_path}/./sw/"):
        status, said = start(tmp_path / "sw", *plug(vnl))
        assert status == 1 and "this switch itself" in said, said


def test_plug_into_the_usual_directory_is_refused_where_that_is_the_own():
    private = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh")
    status, said = start("/run/vde.ctl", *plug("vde://"), prefix=private)
    assert status == 1 and "this switch itself" in said, said


@pytest.mark.parametrize("way", ["link", "command", "file"])
def test_plug_that_comes_back_by_another_way_is_refused_when_it_arrives(stack, tmp_path, way):
    """A link that is made later, a program that plugs in, a file with a VNL in it."""
    own = tmp_path / "sw"
    vnl = {"link": f"vde://{tmp_path}/link", "command": f"cmd://vde_plug vde://{own}", "file": f"{tmp_path}/vnl"}[way]
    (tmp_path / "vnl").write_text(f"vde://{own}\n")
    switch = stack.enter_context(Switch(*plug(vnl), dir=own))
    (tmp_path / "link").symlink_to(own)
    switch.wait_said("it is this switch itself")
    switch.wait_said("it leads back into this switch")
    others = Others(stack, switch)
    others.check()
    assert not any("vswplug" in line and "module unix" in line for line in switch.ok("port/allprint"))
    time.sleep(1)
    assert not any(client.pending() for client in others.clients), "a frame came round"
    switch.assert_balanced()


# -- trust ---------------------------------------------------------------------------------------------------


@needs_two_users
def test_who_may_only_manage_ports_makes_no_plug():
    """A plug may run a program: that takes the switch's own user."""
    with public_dir() as base:
        words = ("--dirmode", "0755", "--mgmtmode", "0660", "--mgmtgroup", grp.getgrgid(NOBODY).gr_name)
        with Switch(*words, dir=base / "sw") as switch, console_of(NOBODY, switch.dir / "mgmt") as member, \
                Console(switch.dir / "mgmt") as root:
            for vnl in (f"cmd://touch {base}/made", "slirp://", "vde:///x,port=3"):
                assert member.cmd(f"port/add plug,vnl={vnl}")[0] == 1001
            assert not (base / "made").exists() and not children(switch)
            assert root.cmd(f"port/add plug,vnl=cmd://touch {base}/made")[0] == 1000
            wait_for((base / "made").exists, message="the command to run")
