"""Events: what subscribed sessions receive, in which format and order, and what they lose if they do not read."""

import re
import time

import pytest

from console import EVENT, PROMPT, Console, text
from frames import BROADCAST, frame, host, tag
from lab import Lab, settle
from process import paused
from switch import Switch
from vdeclient import NEW_PORT0, Refused, VdeClient, ask, request_v3


@pytest.fixture
def listener(switch):
    """A second session, which only listens; what it has subscribed to is up to the test."""
    with Console(switch.dir / "mgmt") as session:
        yield session


def events(session):
    """All events up to now. An empty line is answered by a prompt alone."""
    session.send("\n")
    session.reply()
    found, session.events = session.events, []
    return found


def fd(console, port, but=""):
    """The number of the endpoint of PORT, of two the one that is not BUT, as events show it."""
    number, = {f"{number:2}" for number in console.endpoint_ids(port)} - {but}
    return number


# -- order and format ----------------------------------------------------------------------------------------


def test_guest_that_comes_and_goes(switch, console, listener):
    listener.ok("debug/add")
    with VdeClient(switch.dir, descr="user=bob pid=7"):
        first = fd(console, 1)
        assert listener.next_events(3) == ["3021 port/+ 01", f"3031 port/ep/+ Port 01 FD {first}",
                                           f'3023 port/descr Port 01 FD {first} -> "user=bob pid=7"']
        with VdeClient(switch.dir, port=1, descr="second") as second:
            number = fd(console, 1, first)
            assert listener.next_events(2) == [f"3031 port/ep/+ Port 01 FD {number}",
                                               f'3023 port/descr Port 01 FD {number} -> "second"']
            second.send(frame(BROADCAST, host(5)))
            assert listener.next_events(1) == [f"3011 hash/+ {host(5)} VLAN 00:00 Port 1"]
        assert listener.next_events(1) == [f"3032 port/ep/- Port 01 FD {number}"]
    assert sorted(listener.next_events(3)) == sorted([
        f"3032 port/ep/- Port 01 FD {first}", "3022 port/- 01", f"3012 hash/- {host(5)} VLAN 00:00 Port 1"])
    assert events(listener) == []


def test_port_that_is_there_already(switch, console, listener):
    """It is not new when a client attaches, nor is it when the next one does."""
    listener.ok("debug/add port")
    console.ok("port/create 12")
    assert listener.next_events(1) == ["3021 port/+ 12"]
    for _ in range(2):
        with VdeClient(switch.dir, port=12, descr="d"):
            number = fd(console, 12)
            assert listener.next_events(2) == [f"3031 port/ep/+ Port 12 FD {number}",
                                               f'3023 port/descr Port 12 FD {number} -> "d"']
        assert listener.next_events(2) == [f"3032 port/ep/- Port 12 FD {number}", "3022 port/- 12"]
    assert events(listener) == []


def test_port_that_a_client_made_and_comes_back_to(switch, console, listener):
    listener.ok("debug/add port/+")
    listener.ok("debug/add port/-")
    for _ in range(3):
        with VdeClient(switch.dir, port=3):
            pass
        switch.wait_left(3)
    assert events(listener) == ["3021 port/+ 03"] + ["3022 port/- 03"] * 3


def test_last_endpoint_leaves_before_its_port(switch, console, listener):
    """Detach: port/ep/-, then port/-; and the addresses go, too."""
    with Lab(switch, [1, 2]) as lab:
        lab.learn(1, 2)
        number = fd(console, 2)
        listener.ok("debug/add")
        lab[2].close()
        told = listener.next_events(3)
        assert set(told) == {f"3032 port/ep/- Port 02 FD {number}", "3022 port/- 02",
                             f"3012 hash/- {host(2)} VLAN 00:00 Port 2"}
        assert told.index(f"3032 port/ep/- Port 02 FD {number}") < told.index("3022 port/- 02")


def test_high_numbers(switch, console, listener):
    listener.ok("debug/add")
    console.ok("port/create 1234")
    assert listener.next_events(1) == ["3021 port/+ 1234"]
    with VdeClient(switch.dir, request=NEW_PORT0) as client:
        told = listener.next_events(3)
        assert told[0] == "3021 port/+ 00" and told[1].startswith("3031 port/ep/+ Port 00 FD ")
        client.send(frame(BROADCAST, host(0xabcdef)))
        assert listener.next_events(1) == ["3011 hash/+ 02:00:00:ab:cd:ef VLAN 00:00 Port 0"]


def test_low_byte_of_a_vlan_comes_first(switch, console, listener):
    """In vde_switch it is so, and programs know it."""
    for command in ("vlan/create 7", "vlan/create 1027", "port/create 1", "vlan/addport 7 1", "vlan/addport 1027 1"):
        console.ok(command)
    listener.ok("debug/add hash/")
    with VdeClient(switch.dir, port=1) as client:
        client.send(frame(BROADCAST, host(1), tag(7)))
        assert listener.next_events(1) == [f"3011 hash/+ {host(1)} VLAN 07:00 Port 1"]
        client.send(frame(BROADCAST, host(1), tag(0x403)))
        assert listener.next_events(1) == [f"3011 hash/+ {host(1)} VLAN 03:04 Port 1"]


@pytest.mark.parametrize("command", ["hash/flush", "hash/flush 1", "hash/setsize 64", "port/setvlan 1 20",
                                     "port/setlearn 1 0", f"hash/delete {host(1)}"])
def test_forgetting_is_told_before_the_reply(switch, console, command):
    console.ok("vlan/create 20")
    with Lab(switch, [1, 2]) as lab:
        lab.learn(1)
        console.ok("debug/add hash")
        console.send(command + "\n")
        assert console.read_to(PROMPT).decode().splitlines()[:2] == [
            f"3012 hash/- {host(1)} VLAN 00:00 Port 1", "1000 Success"]


def test_expiry(switch, listener):
    with Lab(switch, [1]) as lab:
        lab.learn(1)
        listener.ok("debug/add hash")
        listener.ok("hash/setexpire 1")
        assert listener.next_events(1, timeout=5) == [f"3012 hash/- {host(1)} VLAN 00:00 Port 1"]


def test_static_entries(console, listener):
    """They are elements of the table as others are."""
    console.ok("port/create 1")
    listener.ok("debug/add hash")
    console.ok(f"hash/addstatic {host(9)} 1")
    console.ok(f"hash/delete {host(9)}")
    assert events(listener) == [f"3011 hash/+ {host(9)} VLAN 00:00 Port 1", f"3012 hash/- {host(9)} VLAN 00:00 Port 1"]


def test_move(switch, console, listener):
    console.ok("hash/setminper 0")
    with Lab(switch, [1, 2]) as lab:
        lab.learn(1)
        listener.ok("debug/add hash/")
        lab.send(2, frame(BROADCAST, host(1)))
        assert listener.next_events(1) == [f"3013 hash/move {host(1)} VLAN 00:00 Port 2 from 1"]


def test_shared_address(switch, console, listener):
    """Two stations use it alternately, each with frames of its own."""
    console.ok("hash/setminper 0")
    listener.ok("debug/add hash/shared")
    with Lab(switch, [1, 2, 3]) as lab:
        for number in range(20):
            lab.send(1 + number % 2, frame(BROADCAST, host(9), payload=b"%d" % number))
        told = listener.next_events(1)
        assert re.fullmatch(rf"3014 hash/shared {host(9)} VLAN 00:00 Port [12] and [12]", told[0])


def test_loop(switch, listener):
    """Frames that leave port 1 are sent to port 2, and vice versa."""
    listener.ok("debug/add port/loop")
    with Lab(switch, [1, 2, 3]) as lab:
        lab[3].send(frame(BROADCAST, host(3)))
        end = time.monotonic() + 10
        while not any("loop" in switch.drops(port) for port in (1, 2)) and time.monotonic() < end:
            for one, other in ((1, 2), (2, 1)):
                for each in lab[one].pending():
                    lab[other].send(each)
        told, = listener.next_events(1)
        assert told in ("3024 port/loop 01", "3024 port/loop 02")
        blocked = int(told[-1])
        assert " State: blocked" in text(listener.ok(f"port/print {blocked}"))


def test_cable_that_is_pulled(switch, console, listener):
    listener.ok("debug/add port")
    with VdeClient(switch.dir, port=3, descr="x"):
        number = fd(console, 3)
        console.ok(f"port/epclose 3 {number.strip()}")
        assert listener.next_events(5)[3:] == [f"3032 port/ep/- Port 03 FD {number}", "3022 port/- 03"]
    console.ok("port/del 3")
    assert events(listener) == []


def test_deleting_a_port_is_told_before_the_reply(switch, console):
    with VdeClient(switch.dir, port=3):
        number = fd(console, 3)
        console.ok("debug/add port")
        console.send("port/del 3\n")
        assert console.read_to(PROMPT).decode().splitlines()[:3] == [f"3032 port/ep/- Port 03 FD {number}",
                                                                    "3022 port/- 03", "1000 Success"]


def test_tap_that_comes_and_goes(namespaces):
    """Of a TAP the description is the interface's name."""
    (here,) = namespaces(1)
    with Switch(prefix=here.prefix) as switch, Console(switch.dir / "mgmt") as session:
        session.ok("debug/add port")
        session.send("port/add tap,ifname=tap0,port=3\n")
        told = session.read_to(PROMPT).decode().splitlines()
        number = fd(session, 3)
        assert told[:4] == ["3021 port/+ 03", f"3031 port/ep/+ Port 03 FD {number}",
                            f'3023 port/descr Port 03 FD {number} -> "tap0"', "0000 DATA END WITH '.'"]
        here.run("ip", "link", "del", "tap0")
        assert session.next_events(2) == [f"3032 port/ep/- Port 03 FD {number}", "3022 port/- 03"]


def test_refused_client_is_no_event(switch, console, listener):
    """It was never attached: a port created for it must not cause events either."""
    console.ok("port/create 3")
    listener.ok("debug/add")
    for request in (request_v3("/not/there"), request_v3("/not/there", port=3), b"x" * 130):
        with pytest.raises(Refused):
            ask(switch.dir, request)
    told = events(listener)
    assert told.count("3021 port/+ 01") == told.count("3022 port/- 01"), told
    assert "port/ep" not in text(told)


@pytest.mark.parametrize("descr, shown", [
    (b"x\n1000 Success\n.\n", r"x\x0a1000 Success\x0a.\x0a"),
    (b"a\rb\tc\0", r"a\x0db\x09c"),
    (b"\x1b]0;owned\x07\x1b[31m", r"\x1b]0;owned\x07\x1b[31m"),
    (b"back\\slash", r"back\\slash"),
    (b"\xff\xfe\xc3", r"\xff\xfe\xc3"),
    (b"%s%n%x", "%s%n%x"),
], ids=repr)
def test_descriptions_are_escaped(switch, listener, descr, shown):
    listener.ok("debug/add port/descr")
    with VdeClient(switch.dir, descr=descr):
        told, = listener.next_events(1)
        assert re.fullmatch(r'3023 port/descr Port 01 FD +\d+ -> ".*"', told)
        assert told.partition(' -> "')[2].removesuffix('"').removesuffix(r"\x00") == shown
        assert events(listener) == []


def test_description_cannot_end_a_read_like_a_prompt(switch, listener):
    """vdeterm takes "$ " at the end of what it has read for one, and a read may end anywhere in an event."""
    listener.ok("debug/add port/descr")
    with VdeClient(switch.dir, descr="vde$ " * 40):
        assert "$ " not in listener.next_events(1)[0]


# -- subscriptions -------------------------------------------------------------------------------------------


def test_sessions_have_their_own(switch, console):
    with Console(switch.dir / "mgmt") as ports, Console(switch.dir / "mgmt") as addresses:
        ports.ok("debug/add port/+")
        addresses.ok("debug/add hash")
        with VdeClient(switch.dir) as client:
            client.send(frame(BROADCAST, host(1)))
            settle(switch, client)
            assert events(ports) == ["3021 port/+ 01"]
            assert events(addresses) == [f"3011 hash/+ {host(1)} VLAN 00:00 Port 1"]
            assert events(console) == []
        assert [line for line in console.ok("debug/list") if " ON " in line] == []
        assert [line.split()[0] for line in ports.ok("debug/list") if " ON " in line] == ["port/+"]
        assert [line.split()[0] for line in addresses.ok("debug/list") if " ON " in line] == [
            "hash/+", "hash/-", "hash/move", "hash/shared"]


@pytest.mark.parametrize("prefix, heard", [("", {"+", "ep/+", "descr"}), ("p", {"+", "ep/+", "descr"}),
                                           ("port/", {"+", "ep/+", "descr"}), ("port/e", {"ep/+"}),
                                           ("port/ep/+", {"ep/+"}), ("port/d", {"descr"}), ("fstp", set())])
def test_prefix(switch, listener, prefix, heard):
    listener.ok(f"debug/add {prefix}")
    with VdeClient(switch.dir):
        assert {line.split()[1].removeprefix("port/") for line in events(listener)} == heard


def test_codes(listener):
    """As in vde_switch: no such category, already on, not on."""
    assert listener.cmd("debug/add nothing")[0] == 1022
    assert listener.cmd("debug/del nothing")[0] == 1022
    assert listener.cmd("debug/del port")[0] == 1002
    assert listener.cmd("debug/add port/+")[0] == 1000
    assert listener.cmd("debug/add port/+")[0] == 1017
    assert listener.cmd("debug/add port")[0] == 1000
    assert listener.cmd("debug/add port")[0] == 1017
    assert listener.cmd("debug/del")[0] == 1000
    assert listener.cmd("debug/del")[0] == 1002


def test_end_of_a_subscription(switch, console, listener):
    listener.ok("debug/add")
    console.ok("port/create 1")
    assert events(listener) == ["3021 port/+ 01"]
    listener.ok("debug/del port/+")
    console.ok("port/create 2")
    with VdeClient(switch.dir, port=2):
        assert [line.split()[1] for line in events(listener)] == ["port/ep/+", "port/descr"]
        listener.ok("debug/del")
    switch.wait_left(2)
    assert events(listener) == []


def test_stdin_has_events_too(switch):
    assert switch.cmd("debug/add port/+")[0] == 1000
    assert switch.cmd("port/create 5")[0] == 1000
    switch.process.stdin.write(b"debug/list port/+\n")
    assert " ON " in text(switch.ok("debug/list port/+"))


def test_script_without_a_session_has_none(tmp_path):
    with Switch(rc="debug/add port\nport/create 1\n") as switch:
        assert "Bad file descriptor" in switch.stderr()
        assert switch.ok("port/allprint 1")


# -- events and replies --------------------------------------------------------------------------------------


def test_events_are_never_inside_a_reply(switch):
    """One session asks without end while addresses come and go; a reply with an event in it would be malformed."""
    with Lab(switch, [1, 2]) as lab, Console(switch.dir / "mgmt") as session:
        session.ok("debug/add")
        count = 0
        for round_ in range(40):
            session.send("port/allprint\nhash/print\nhelp\nhash/flush\n\nnonsense\n")
            for number in range(30):
                lab[1].send(frame(BROADCAST, host(1000 * round_ + number)))
            said = b"".join(session.read_to(PROMPT) for _ in range(6)).decode()
            inside = False
            for line in said.replace(PROMPT.decode(), "\n").splitlines():
                if line == "0000 DATA END WITH '.'":
                    assert not inside
                    inside = True
                elif line == ".":
                    inside = False
                elif EVENT.match(line):
                    assert not inside, line
                    count += 1
                elif not inside:
                    assert re.match(r"1000 Success$|1038 |$", line), line
        assert count > 100


# -- readers that are slow -----------------------------------------------------------------------------------


def learn_many(lab, port, first, number):
    """Lets the switch learn NUMBER addresses: that many events of 43 bytes and more."""
    for each in range(first, first + number):
        lab[port].send(frame(BROADCAST, host(each)))
    settle(lab.switch, lab[port])


def tally(lines):
    """The number of FDB events received, and the number reported as lost."""
    lost = [int(line.split()[2]) for line in lines if line.startswith("3001 debug/lost ")]
    return sum(" hash/+ " in line for line in lines), sum(lost)


def catch_up(session):
    """Reads until no more events arrive. Returns the events."""
    said = b""
    while more := session.read_for(0.3):
        said += more
    lines = said.decode().splitlines()
    assert all(EVENT.match(line) for line in lines), [line for line in lines if not EVENT.match(line)][:3]
    return lines


def test_slow_reader_is_told_how_much_it_missed(switch, listener):
    happened = 20_000
    with Lab(switch, [1]) as lab:
        switch.ok("port/setlearn 1 65536")
        listener.ok("debug/add hash/+")
        learn_many(lab, 1, 1000, happened)
        lines = catch_up(listener)
        received, lost = tally(lines)
        assert lost > 0, "the test wants more events"
        assert received + lost == happened
        assert received * 43 >= 64 << 10, "what may wait"
        learn_many(lab, 1, 100_000, 10)
        assert tally(catch_up(listener)) == (10, 0), "from now on it misses nothing"


def test_slow_reader_that_asks_something_is_told_as_well(switch, listener):
    """It reads all that is waiting and sends a command, before the switch notices either."""
    happened = 20_000
    with Lab(switch, [1]) as lab:
        switch.ok("port/setlearn 1 65536")
        listener.ok("debug/add hash/+")
        learn_many(lab, 1, 1000, happened)
        with paused(switch.pid):
            said = listener.read_for(0.2)
            listener.send("showinfo\n")
        said += listener.read_to(PROMPT)
        said += listener.read_for(0.5)
        received, lost = tally(said.decode().replace(PROMPT.decode(), "\n").splitlines())
        assert received + lost == happened


def test_slow_reader_costs_others_nothing(switch, console, listener):
    with Lab(switch, [1, 2]) as lab, Console(switch.dir / "mgmt") as eager:
        switch.ok("port/setlearn 1 65536")
        for session in (listener, eager):
            session.ok("debug/add hash/+")
        told = []
        for batch in range(40):
            learn_many(lab, 1, 1000 + 500 * batch, 500)
            lab.heard()
            told += eager.next_events(500)
        assert tally(told) == (20_000, 0)
        assert console.ok("showinfo")
        received, lost = tally(catch_up(listener))
        assert lost > 0 and received + lost == 20_000


# -- guests --------------------------------------------------------------------------------------------------


def test_qemu_guest_that_comes_and_goes(boot, switch, listener):
    listener.ok("debug/add")
    guest, = boot(guest=[f"vde,sock={switch.dir},port=7"])
    guest.up("eth0", "10.0.0.1/24")
    told = listener.next_events(3)
    number, = listener.endpoint_ids(7)
    assert told[:2] == ["3021 port/+ 07", f"3031 port/ep/+ Port 07 FD {number:2}"]
    assert re.fullmatch(rf'3023 port/descr Port 07 FD {number:2} -> "QEMU.*pid={guest.pid}.*"', told[2]), told[2]
    guest.run("arping -I eth0 -c 1 -w 1 10.0.0.9")
    assert f"3011 hash/+ {guest.mac()} VLAN 00:00 Port 7" in events(listener)
    guest.close()
    told = listener.next_events(3)
    assert set(told) == {f"3032 port/ep/- Port 07 FD {number:2}", "3022 port/- 07",
                         f"3012 hash/- {guest.mac()} VLAN 00:00 Port 7"}
    assert told.index(f"3032 port/ep/- Port 07 FD {number:2}") < told.index("3022 port/- 07")
