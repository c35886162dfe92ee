"""The management console: every command that `help` lists, and what it does to ports with clients, TAPs, addresses and queues."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import typing

import pytest

from console import Console, state_of, text
from frames import BROADCAST, LARGEST_FRAME, frame, host, tag
from lab import Lab, settle
from process import cpu_share
from switch import PROGRAM, Switch, wait_for
from vdeclient import NEW_PORT0, Refused, VdeClient, connect_ctl, data_socket, read_reply, request_v3, socket_path


def program_of(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


# -- every command -------------------------------------------------------------------------------------------


class Use(typing.NamedTuple):
    """A command used well, and badly. Without LOOK it is the command's own reply in which SHOWN must be found.

    Without BAD it takes no arguments, and then, as in vde_switch, it does not matter what stands there.
    """

    line: str
    shown: str = ""
    bad: str = ""
    bad_code: int = 0
    look: str = ""
    before: tuple = ()
    after: tuple = ()
    code: int = 1000


STATION = "02:00:00:00:aa:01"

USES = {
    "ds/showinfo": Use("ds/showinfo", r"^ctl dir /\S+/sw\nstd mode 0600$"),
    "help": Use("help vlan/", r"^vlan/create +N +create", "help no/such", 1000),
    "showinfo": Use("showinfo", r"^pid \d+ MAC \S+ uptime \d+\nmgmt \S+/mgmt perm 0600$"),
    "debug/list": Use("debug/list port/", r"^port/\+ +021 OFF +new port$", "debug/list no/such", 1002),
    "debug/add": Use("debug/add port/ep", r"^port/ep/\+ +031 ON ", "debug/add no/such", 1022, "debug/list",
                     after=("debug/del port/ep",)),
    "debug/del": Use("debug/del fstp", r"^fstp/root +045 OFF ", "debug/del no/such", 1022, "debug/list",
                     before=("debug/add fstp",)),
    "plugin/list": Use("plugin/list", r"^NAME +HELP\n-{12} ", "plugin/list x", 1002, code=1002),
    "plugin/add": Use("plugin/add dump", "", "plugin/add", 1022, code=1002),
    "plugin/del": Use("plugin/del dump", "", "plugin/del", 1022, code=1002),
    "hash/showinfo": Use("hash/showinfo", r"^GC interval \d+ secs\nGC expire \d+ secs\nMin persistence \d+ secs\n"
                         r"Entries \d+ of 65536$"),
    "hash/setsize": Use("hash/setsize 300", "^Hash size 512$", "hash/setsize 0", 1022, "hash/showinfo"),
    "hash/setgcint": Use("hash/setgcint 7", "^GC interval 7 secs$", "hash/setgcint x", 1022, "hash/showinfo"),
    "hash/setexpire": Use("hash/setexpire 250", "^GC expire 250 secs$", "hash/setexpire -1", 1022, "hash/showinfo"),
    "hash/setminper": Use("hash/setminper 9", "^Min persistence 9 secs$", "hash/setminper", 1022, "hash/showinfo"),
    "hash/print": Use("hash/print", f"^Hash: \\d{{4}} Addr: {STATION} VLAN 0000 to port: 020  age 0 secs$",
                      before=(f"hash/addstatic {STATION} 20",), after=(f"hash/delete {STATION}",)),
    "hash/find": Use(f"hash/find {STATION.replace(':', '.')} 0", f"Addr: {STATION} .*to port: 020 ",
                     "hash/find 02:00", 1022, before=(f"hash/addstatic {STATION} 20",),
                     after=(f"hash/delete {STATION}",)),
    "hash/addstatic": Use(f"hash/addstatic {STATION} 20", "to port: 020 .*\n  -- static$",
                          "hash/addstatic 01:00:5e:00:00:01 20", 1022, f"hash/find {STATION}",
                          after=(f"hash/delete {STATION}",)),
    "hash/delete": Use(f"hash/delete {STATION}", rf"\A(?![\s\S]*{STATION})", f"hash/delete {STATION}", 1019,
                       "hash/print", before=(f"hash/addstatic {STATION} 20",)),
    "hash/flush": Use("hash/flush 20", r"\A(?![\s\S]*to port: 020)", "hash/flush 250", 1006, "hash/print"),
    "fstp/showinfo": Use("fstp/showinfo", r"^MAC \S+ Priority 32768 \(0x8000\)\nFSTP=false$"),
    "fstp/setfstp": Use("fstp/setfstp 0", "^FSTP=false$", "fstp/setfstp 2", 1022, "fstp/showinfo"),
    "fstp/setedge": Use("fstp/setedge 0 20 1", "", "fstp/setedge 0 20", 1022, code=1095),
    "fstp/bonus": Use("fstp/bonus 0 20 10", "", "fstp/bonus 77 20 10", 1006, code=1095),
    "fstp/print": Use("fstp/print 0", r"^FST DATA VLAN 0000 ROOTSWITCH FSTP IS DISABLED\n \+\+ root 80:00:",
                      "fstp/print 77", 1006),
    "port/showinfo": Use("port/showinfo", r"^Numports=\d+\nHUB=false\ncounters=true\n"),
    "port/setnumports": Use("port/setnumports 300", "^Numports=300$", "port/setnumports 0", 1022, "port/showinfo"),
    "port/sethub": Use("port/sethub 1", "^HUB=true$", "port/sethub 2", 1022, "port/showinfo",
                       after=("port/sethub 0",)),
    "port/setvlan": Use("port/setvlan 21 21", "^Port 0021 untagged_vlan=0021 ", "port/setvlan 21 4096", 1022,
                        "port/allprint 21", before=("port/create 21", "vlan/create 21")),
    "port/createauto": Use("port/createauto", r"\APort \d{4}\Z"),
    "port/create": Use("port/create 22", "^Port 0022 .* INACTIVE - NOT Unnamed Allocatable$", "port/create 99999",
                       1022, "port/allprint 22"),
    "port/remove": Use("port/remove 23", r"\A(?![\s\S]*Port 0023)", "port/remove 23", 1006, "port/allprint",
                       before=("port/create 23",)),
    "port/allocatable": Use("port/allocatable 24 1", "INACTIVE - Unnamed Allocatable$", "port/allocatable 24 2", 1022,
                            "port/allprint 24", before=("port/create 24",)),
    "port/setuser": Use("port/setuser 25 daemon", r"\(User: daemon - Group: NONE\)$", "port/setuser 25 not-there",
                        1022, "port/allprint 25", before=("port/create 25",)),
    "port/setgroup": Use("port/setgroup 26 daemon", r"\(User: NONE - Group: daemon\)$",
                         "port/setgroup 26 not-there", 1022, "port/allprint 26", before=("port/create 26",)),
    "port/epclose": Use("port/epclose 40 {id40}", "INACTIVE", "port/epclose 40 99999", 1006, "port/allprint 40"),
    "port/defqlen": Use("port/defqlen 100", "^default length of port packet queues: 100$", "port/defqlen x", 1022,
                        "port/showinfo"),
    "port/epqlen": Use("port/epqlen 41 {id41} 50", "unsent packets: 0 max 50$", "port/epqlen 41 99999 50", 1006,
                       "port/print 41"),
    "port/resetcounter": Use("port/resetcounter 41", r"^ IN:  pkts +0 +bytes +0$", "port/resetcounter 99999", 1022,
                             "port/print 41"),
    "port/print": Use("port/print 41", "^Port 0041 untagged_vlan=0000 ACTIVE - ", "port/print 20", 1006),
    "port/allprint": Use("port/allprint 20", "^Port 0020 untagged_vlan=0000 INACTIVE - ", "port/allprint 250", 1006),
    "port/add": Use("port/add vde,port=27,name=web", "^Port 0027$", "port/add vde,no=thing", 1022),
    "port/del": Use("port/del 28", r"\A(?![\s\S]*Port 0028)", "port/del 28", 1006, "port/allprint",
                    before=("port/create 28",)),
    "port/setname": Use("port/setname 29 db", "^ Name: db ", "port/setname 29 ctl", 1022, "port/allprint 29",
                        before=("port/create 29",)),
    "port/setdescr": Use("port/setdescr 30 a fine  port ", "^ Description: a fine  port$", "port/setdescr 250 x", 1006,
                         "port/allprint 30", before=("port/create 30",)),
    "port/setlearn": Use("port/setlearn 31 3", "^ Addresses: 0 of 3$", "port/setlearn 31 some", 1022,
                         "port/allprint 31", before=("port/create 31",)),
    "port/set": Use("port/set 32 max-addresses=4,description=x", "^ Addresses: 0 of 4$", "port/set 32 no=thing", 1022,
                    "port/allprint 32", before=("port/create 32",)),
    "port/drops": Use("port/drops 40", r"^Port 0040\n runt in 1$", "port/drops 99999", 1022),
    "port/endpoints": Use("port/endpoints 41", r"^endpoint \d{4} queued 0\n IN:  pkts ", "port/endpoints 250", 1006),
    "vlan/create": Use("vlan/create 51", "^VLAN 0051$", "vlan/create 5000", 1022, "vlan/print"),
    "vlan/remove": Use("vlan/remove 52", r"\A(?![\s\S]*VLAN 0052)", "vlan/remove 52", 1006, "vlan/print",
                       before=("vlan/create 52",)),
    "vlan/addport": Use("vlan/addport 53 33", "^ -- Port 0033 tagged=1 active=0 ", "vlan/addport 77 33", 1006,
                        "vlan/allprint 53", before=("vlan/create 53", "port/create 33")),
    "vlan/delport": Use("vlan/delport 54 34", r"\A(?![\s\S]*Port 0034)", "vlan/delport 0 34", 1098,
                        "vlan/allprint 54", before=("vlan/create 54", "port/create 34", "vlan/addport 54 34")),
    "vlan/print": Use("vlan/print 0", r"\AVLAN 0000\n -- Port 00", "vlan/print 77", 1006),
    "vlan/allprint": Use("vlan/allprint 0", "^ -- Port 0020 tagged=0 active=0 ", "vlan/allprint 77", 1006),
    "frame/balance": Use("frame/balance", r"\Areceived \d+\n(\w+ \d+\n){6}queued \d+\Z"),
    "tap/list": Use("tap/list"),
    "listen/print": Use("listen/print", r"^VDE \S+/ctl any port$", look="listen/print"),
    "listen/del": Use("listen/del 127.0.0.1:7077", "^VDE ", "listen/del 127.0.0.1:7077", 1006, "listen/print",
                      before=("port/add stream,addr=127.0.0.1:7077,server=on",)),
    # These do more than reply, and so have tests of their own.
    "load": None,
    "logout": None,
    "shutdown": None,
}


class Busy(typing.NamedTuple):
    console: Console
    names: dict


@pytest.fixture(scope="module")
def busy():
    """A switch with port 20, to which nothing is attached, and clients on 40 and 41."""
    with Switch("-n", "500", rc="port/create 20\n") as switch, Lab(switch, [40, 41]) as lab:
        lab.send(40, b"runt", frame(BROADCAST, host(40)))
        with Console(switch.dir / "mgmt") as session:
            yield Busy(session, {f"id{port}": session.endpoint_ids(port)[0] for port in (40, 41)})


def test_every_command_of_help_has_a_test(console):
    rows = [line.split() for line in console.ok("help")[2:]]
    assert {row[0] for row in rows if set(row[1]) != {"="}} == set(USES)


def test_help(console):
    """libvdemgmt completes from it: whatever follows the dashes, the first word of each line."""
    head, dashes, *rows = console.ok("help")
    assert re.fullmatch(r"COMMAND PATH +SYNTAX +HELP", head) and dashes.startswith("-" * 12 + " ")
    for row in rows:
        assert re.fullmatch(r"\S+ +\S.*", row) and len(row) < 128, row
    menus = [row.split()[0] for row in rows if "============" in row]
    for command in (row.split()[0] for row in rows):
        menu = command.rpartition("/")[0]
        assert not menu or menu in menus, command


@pytest.mark.parametrize("path", [path for path, use in USES.items() if use])
def test_command(busy, path):
    use = USES[path]
    for line in use.before:
        busy.console.ok(line)
    code, data, words = busy.console.ask(use.line.format_map(busy.names))
    assert code == use.code, words
    found = busy.console.ok(use.look) if use.look else data
    assert re.search(use.shown, text(found), re.MULTILINE), text(found)
    for line in use.after:
        busy.console.ok(line)


@pytest.mark.parametrize("path", [path for path, use in USES.items() if use])
def test_command_used_badly(busy, path):
    use = USES[path]
    bad, expected = (use.bad, use.bad_code) if use.bad else (f"{path} what ever", use.code)
    before = state_of(busy.console)
    code, _, words = busy.console.ask(bad.format_map(busy.names))
    assert code == expected, words
    if use.bad:
        assert state_of(busy.console) == before


def test_numbers_that_name_no_port(console):
    for command, rest in (("port/print", ""), ("port/setvlan", " 0"), ("port/remove", ""), ("port/setdescr", " x"),
                          ("hash/flush", ""), ("vlan/addport 0", "")):
        assert console.cmd(f"{command} 5000{rest}")[0] == 1022, command
        assert console.cmd(f"{command} 77{rest}")[0] == 1006, command
        assert console.cmd(f"{command} nobody{rest}")[0] == 1006, command
        assert console.cmd(f"{command} no/body{rest}")[0] == 1022, command


# -- live ports ----------------------------------------------------------------------------------------------


def lists(switch):
    """All that a command that failed must not have changed."""
    return state_of(switch) + [switch.names()]


def is_heard(sender, *receivers):
    sent = frame(BROADCAST, host(sender.port), payload=os.urandom(8))
    sender.send(sent)
    return [receiver.recv() for receiver in receivers] == [sent] * len(receivers)


def has_hung_up(client):
    """Whether the switch pulls the cable of CLIENT."""
    client.ctl.settimeout(10)
    return client.ctl.recv(16) == b""


def test_port_added_is_there_at_once(switch, console):
    assert console.ok("port/add vde,port=7,name=roof,vlan=20,trunk=30+40-41,max-addresses=5,description=to the roof,, $HOME") == \
        ["Port 0007"]
    assert console.ok("vlan/print") == [f"VLAN 00{vid:02}" for vid in (0, 20, 30, 40, 41)]
    assert console.ok("port/allprint roof")[4:] == [
        " Name: roof Type: vde State: down", " VLAN: 20 Trunk: 30+40-41", " Addresses: 0 of 5", " Drops: in 0 out 0",
            " Up: on Isolated: off Offload: on Reserved: forward",
        " Description: to the roof, $HOME"]
    with VdeClient(switch.dir, ctl="roof") as client, VdeClient(switch.dir) as other:
        assert (client.port, other.port) == (7, 1), "it is for those who ask for it"


@pytest.fixture
def in_the_way(switch):
    """A file with the name that a port is to get."""
    path = switch.dir / "inthe.way"
    path.write_text("precious")
    yield
    assert path.read_text() == "precious"
    path.unlink()


@pytest.mark.usefixtures("in_the_way")
@pytest.mark.parametrize("spec, code", [
    ("vde,port=5", 1017),
    ("vde,name=taken,vlan=30", 1017),
    ("vde,port=99999,vlan=30", 1022),
    ("vde,name=mgmt,vlan=30", 1022),
    ("vde,name=inthe.way,vlan=30", None),
    ("vde,vlan=30,trunk=30", 1022),
    ("vde,vlan=30,trunk=40-4095", 1022),
    ("vde,vlan=30,colour=red", 1022),
    ("vde,vlan=30,vlan=31", 1022),
    ("vde,vlan=30,max-addresses=many", 1022),
    ("vde,vlan=30,name", 1022),
    ("vdee,vlan=30", 1022),
    ("tap,vlan=30,trunk=31-35", 1022),
    ("tap,ifname=much-too-long-a-name,vlan=30", 1022),
    ("tap,ifname=lo,vlan=30,trunk=31-35,name=uplink", None),
    ("", 1022),
    (",", 1022),
    ("vde," + "x" * 5000, 1022),
], ids=lambda value: repr(value)[:60])
def test_port_that_cannot_be_added(switch, console, spec, code):
    """No port, no VLAN, no socket is left of it."""
    console.ok("port/add vde,port=5,name=taken,vlan=20")
    before = lists(switch)
    got, data, words = console.ask(f"port/add {spec}")
    assert got == code or (code is None and got not in (None, 1000)), words
    assert data == [] and ": " in words
    assert lists(switch) == before


def test_port_added_and_deleted_again_and_again(switch, console):
    """Nothing is left of it: no descriptor, no socket, no number taken."""
    before, descriptors = lists(switch), switch.fds()
    for _ in range(100):
        assert console.ok("port/add vde,name=web") == ["Port 0001"]
        with VdeClient(switch.dir, ctl="web") as client:
            console.ok("port/del web")
            assert has_hung_up(client)
    assert lists(switch) == before
    wait_for(lambda: switch.fds() == descriptors, message="the descriptors to be closed")


def test_port_deleted_with_clients_attached(switch, console):
    with Lab(switch, [1, 2]) as lab, VdeClient(switch.dir, port=2) as second:
        lab.learn(1, 2)
        assert console.cmd("port/remove 2")[0] == 1098
        console.ok("port/del 2")
        assert has_hung_up(lab[2]) and has_hung_up(second)
        assert not os.path.exists(lab[2].path) and not os.path.exists(second.path)
        assert console.cmd("port/allprint 2")[0] == 1006
        assert "to port: 002" not in text(console.ok("hash/print"))
        assert lab.send(1, frame(host(2), host(1))) == {}
        with VdeClient(switch.dir, port=2) as newcomer:
            assert is_heard(newcomer, lab[1])


def test_settings_of_a_port(switch, console):
    """All of them at once, on a port that is in use: its clients stay."""
    with Lab(switch, [1, 2]) as lab:
        console.ok("port/set 2 vlan=20,trunk=30+40-42,name=roof,max-addresses=3,description=to the roof,, and beyond")
        shown = text(console.ok("port/print roof"))
        for line in (" Name: roof Type: any State: up", " VLAN: 20 Trunk: 30+40-42", " Addresses: 0 of 3",
                     " Description: to the roof, and beyond"):
            assert line in shown.splitlines(), shown
        assert lab.send(1, frame(BROADCAST, host(1))) == {}
        console.ok("port/set 1 vlan=20")
        assert list(lab.send(1, frame(BROADCAST, host(1)))) == [2]
        console.ok("port/set 1 vlan=none,trunk=40")
        assert lab.send(1, frame(BROADCAST, host(1), tag(40))) == {2: [frame(BROADCAST, host(1), tag(40))]}
        console.ok("port/set roof name=,description=")
        assert " Name: NONE " in text(console.ok("port/print 2"))
        assert "Description" not in text(console.ok("port/print 2"))


@pytest.mark.usefixtures("in_the_way")
@pytest.mark.parametrize("keys", [
    "vlan=30,trunk=31,max-addresses=1,name=roof,description=x,colour=red",
    "vlan=30,trunk=31,max-addresses=1,description=x,name=taken",
    "vlan=30,trunk=31,max-addresses=1,description=x,name=ctl",
    "vlan=30,trunk=31,max-addresses=1,description=x,name=inthe.way",
    "max-addresses=1,name=roof,description=x,vlan=30,trunk=30",
    "max-addresses=1,name=roof,description=x,vlan=5000",
    "name=roof,description=x,max-addresses=-1",
    "port=9,name=roof",
    "name=roof,name=floor",
    "name=roof,",
    "roof",
])
def test_settings_are_changed_all_or_none(switch, console, keys):
    """What was learned and pinned stays, too."""
    console.ok("port/add vde,port=5,name=taken")
    console.ok("port/add vde,port=1,name=cellar,vlan=20,trunk=21,max-addresses=9,description=down")
    console.ok("hash/addstatic 02:00:00:00:00:aa cellar 20")
    with Lab(switch, [1]) as lab:
        lab.learn(1)
        before = lists(switch)
        code, _, words = console.ask(f"port/set cellar {keys}")
        assert code not in (None, 1000) and ": " in words, words
        assert lists(switch) == before


def test_name_stands_wherever_a_number_does(switch, console):
    for command in ("vlan/create 20", "vlan/create 30", "port/add vde,port=3,name=web"):
        console.ok(command)
    with VdeClient(switch.dir, ctl="web"):
        endpoint = console.endpoint_ids("web")[0]
        for command in ("port/setvlan web 20", "port/allocatable web 0", "port/setuser web daemon",
                        "port/setgroup web daemon", f"port/epqlen web {endpoint} 9", "port/resetcounter web",
                        "port/setdescr web the web", "port/setlearn web 5", "vlan/addport 30 web",
                        "hash/addstatic 02:00:00:00:00:09 web 20", "hash/flush web", "port/set web max-addresses=6",
                        "port/drops web", "port/endpoints web"):
            console.ok(command)
        assert console.ok("port/print web") == console.ok("port/print 3")
        assert "to port: 003" in text(console.ok("hash/find 02:00:00:00:00:09 20"))
        for command in ("vlan/delport 30 web", f"port/epclose web {endpoint}", "port/setname web db", "port/remove db"):
            console.ok(command)
        assert console.cmd("port/allprint 3")[0] == 1006


def test_renamed_port_is_found_by_its_new_name_alone(switch, console):
    console.ok("port/add vde,port=3,name=old")
    with VdeClient(switch.dir, ctl="old") as stays:
        console.ok("port/setname old new")
        assert not (switch.dir / "old").exists()
        assert console.cmd("port/print old")[0] == 1006
        with VdeClient(switch.dir, ctl="new") as client, VdeClient(switch.dir) as other:
            assert client.port == stays.port == 3
            assert is_heard(other, stays, client)
        for arguments in ("new new", "3 new", "3"):
            console.ok(f"port/setname {arguments}")
        assert "new" not in os.listdir(switch.dir)
        assert " Name: NONE " in text(console.ok("port/print 3"))


def test_name_of_a_port_that_was_made_by_a_client(switch, console):
    with VdeClient(switch.dir, port=3) as first:
        console.ok("port/setname 3 web")
        with VdeClient(switch.dir, ctl="web") as second, VdeClient(switch.dir) as other:
            assert second.port == 3
            assert is_heard(other, first, second)


@pytest.mark.parametrize("remove", ["port/remove web", "port/del 3"])
def test_socket_of_a_named_port_goes_with_it(switch, console, remove):
    console.ok("port/add vde,port=3,name=web")
    assert (switch.dir / "web").exists()
    console.ok(remove)
    assert not (switch.dir / "web").exists()
    console.ok("port/add vde,port=4,name=web")
    with VdeClient(switch.dir, ctl="web") as client:
        assert client.port == 4


@pytest.mark.parametrize("command", ["port/del web", "port/remove web", "port/setname web db", "port/set web name="])
def test_client_that_asks_after_the_name_has_gone(switch, console, command):
    """It connected while the port had that name: it must not get another port, nor may one be created for it."""
    console.ok("port/add vde,port=3,name=web")
    path = socket_path()
    with connect_ctl(switch.dir, "web") as stream, data_socket(path):
        settle(switch)
        console.ok(command)
        stream.sendall(request_v3(path))
        with pytest.raises(Refused):
            read_reply(stream)
    os.unlink(path)
    assert "Port 0001" not in text(console.ok("port/allprint"))


@pytest.mark.parametrize("command", ["port/setdescr 1 ", "port/set 1 description="])
def test_longest_description(console, command):
    console.ok("port/create 1")
    console.ok(command + "x" * 255)
    assert console.cmd(command + "y" * 256)[0] == 1022
    assert " Description: " + "x" * 255 in console.ok("port/allprint 1")


def test_port_print_tells_who_is_there(switch, console):
    console.ok("port/add vde,port=3,name=web,vlan=20,trunk=30+40-42,description=the web")
    with VdeClient(switch.dir, ctl="web", descr="QEMU of bob"):
        shown = console.ok("port/print 3")
        id_, = console.endpoint_ids(3)
        assert shown[0] == "Port 0003 untagged_vlan=0020 ACTIVE - NOT Unnamed Allocatable"
        assert shown[4:6] == [f"  -- endpoint ID {id_:04} module unix prog   : QEMU of bob",
                              "              unsent packets: 0 max 16384"]
        assert re.fullmatch(r" {14}peer: user \S+ process \d+ \(.+\)", shown[6]), shown[6]
        assert shown[6].endswith(f" process {os.getpid()} ({program_of(os.getpid())})")
        assert shown[7:] == [" Name: web Type: vde State: up", " VLAN: 20 Trunk: 30+40-42", " Addresses: 0 of 4096",
                             " Drops: in 0 out 0", " Up: on Isolated: off Offload: on Reserved: forward",
                             " Description: the web"]
    wait_for(lambda: console.cmd("port/print 3")[0] == 1006, message="the client to go")
    assert " Name: web Type: vde State: down" in console.ok("port/allprint 3")


def test_port_zero_is_for_clients_that_ask_for_it(switch, console):
    with VdeClient(switch.dir, request=NEW_PORT0), VdeClient(switch.dir) as other:
        assert console.ok("port/print 0")[0].startswith("Port 0000 untagged_vlan=0000 ACTIVE")
        assert other.port == 1


# -- TAPs ----------------------------------------------------------------------------------------------------

HOLDER = """
import fcntl, struct, sys
with open("/dev/net/tun", "r+b", buffering=0) as tap:
    fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", b"held0", 0x1002))
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def held_tap(namespace):
    """held0, held by another program. Yields that program's process number. (The switch looks for a holder by the name of
    the interface among all processes, so no other test may have a TAP of this name.)"""
    with namespace.running(sys.executable, "-c", HOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        yield holder.pid


def test_tap_of_another_program_is_named(namespaces, tmp_path):
    (here,) = namespaces(1)
    with held_tap(here) as holder:
        name = program_of(holder)
        with Switch(prefix=here.prefix) as switch, Console(switch.dir / "mgmt") as console:
            assert f"held0 process {holder} ({name})" in console.ok("tap/list")
            before = lists(switch)
            code, data, words = console.ask("port/add tap,ifname=held0,vlan=20,name=uplink")
            assert (code, data) == (1016, [])
            assert f"process {holder} ({name}) holds it" in words
            assert lists(switch) == before
        done = here.run(PROGRAM, "-s", tmp_path / "sw", "-f", "/dev/null", "--port", "tap,ifname=held0", check=False)
        assert done.returncode == 1
        assert f"process {holder} ({name}) holds it" in done.stdout


def test_tap_made_and_removed_while_the_switch_runs(namespaces):
    here, there = namespaces(2)
    with Switch(prefix=here.prefix) as switch, Console(switch.dir / "mgmt") as console:
        for round_ in range(2):
            assert console.ok("port/add tap,ifname=tap0,vlan=20,description=to the host") == ["Port 0001"]
            console.ok("port/add tap,ifname=tap1,vlan=20")
            shown = text(console.ok("port/print 1"))
            assert re.search(r"module tuntap      : tap0$", shown, re.MULTILINE)
            assert " Type: tap State: up" in shown and " Description: to the host" in shown
            assert f"tap0 process {switch.pid} " in text(console.ok("tap/list"))
            here.up("tap0", "10.0.0.1/24")
            there.take("tap1", here)
            there.up("tap1", "10.0.0.2/24")
            assert here.ping("10.0.0.2", 1) == 1, round_
            console.ok("port/del 1")
            console.ok("port/del 2")
            wait_for(lambda: not here.has("tap0") and not there.has("tap1"), message="the TAPs to go")
            assert console.ok("tap/list") == [] or f"process {switch.pid} " not in text(console.ok("tap/list"))


# -- addresses -----------------------------------------------------------------------------------------------


def test_pinned_address(switch, console):
    """Frames to it go there alone, and no other port can take them over."""
    pinned = host(77)
    with Lab(switch, [1, 2, 3]) as lab:
        console.ok(f"hash/addstatic {pinned} 2")
        to_it = frame(pinned, host(1))
        assert lab.send(1, to_it) == {2: [to_it]}
        console.ok("hash/setminper 0")
        lab.send(3, *[frame(BROADCAST, pinned)] * 5)
        assert lab.send(1, to_it) == {2: [to_it]}
        for command in ("hash/flush", "hash/flush 2", "hash/setsize 64", "hash/setexpire 1"):
            console.ok(command)
            assert lab.send(1, to_it) == {2: [to_it]}, command
        console.ok(f"hash/addstatic {pinned} 3")
        assert lab.send(1, to_it) == {3: [to_it]}
        console.ok("port/del 3")
        assert console.cmd(f"hash/find {pinned}")[0] == 1019
        assert lab.send(1, to_it) == {2: [to_it]}, "flooded"


def test_pinned_address_is_forgotten_on_request(console):
    console.ok("port/create 1")
    console.ok("hash/addstatic 02:00:00:00:00:09 1")
    console.ok("hash/delete 02:00:00:00:00:09")
    assert console.cmd("hash/delete 02:00:00:00:00:09")[0] == 1019
    assert console.ok("hash/print") == []


def test_pinned_address_goes_when_its_port_leaves_the_vlan(switch, console):
    for command in ("vlan/create 20", "port/create 1", "vlan/addport 20 1", "hash/addstatic 02:00:00:00:00:09 1 20"):
        console.ok(command)
    assert console.cmd("hash/addstatic 02:00:00:00:00:09 1 30")[0] == 1022
    console.ok("vlan/delport 20 1")
    assert console.ok("hash/print") == []


def test_pinned_address_outlives_the_client(switch, console):
    console.ok("port/create 1")
    console.ok(f"hash/addstatic {host(9)} 1")
    with VdeClient(switch.dir, port=1):
        pass
    wait_for(lambda: console.cmd("port/print 1")[0] == 1006, message="the client to go")
    assert console.cmd(f"hash/find {host(9)}")[0] == 1000


@pytest.mark.parametrize("command", ["port/setlearn {} {}", "port/set {} max-addresses={}"])
def test_limit_of_addresses(switch, console, command):
    with Lab(switch, [1, 2]) as lab:
        lab.send(1, *[frame(BROADCAST, host(number)) for number in range(100, 110)])
        console.ok(command.format(1, 4))
        assert " Addresses: 4 of 4" in console.ok("port/print 1")
        lab.send(1, *[frame(BROADCAST, host(number)) for number in range(200, 220)])
        assert " Addresses: 4 of 4" in console.ok("port/print 1")
        assert text(console.ok("hash/print")).count("to port: 001") == 4
        console.ok(command.format(1, 0))
        lab.send(1, frame(BROADCAST, host(300)))
        assert console.ok("hash/print") == []
        to_it = frame(host(300), host(2))
        assert lab.send(2, to_it) == {1: [to_it]}, "unknown, so flooded"


def test_addresses_expire(switch, console):
    with Lab(switch, [1, 2]) as lab:
        lab.learn(1)
        assert console.cmd(f"hash/find {host(1)}")[0] == 1000
        console.ok("hash/setexpire 1")
        assert "GC expire 1 secs" in console.ok("hash/showinfo")
        wait_for(lambda: console.cmd(f"hash/find {host(1)}")[0] == 1019, 5, "the address to expire")
        lab.learn(2)
        wait_for(lambda: console.cmd(f"hash/find {host(2)}")[0] == 1019, 5, "an address learned later to expire")


def test_expiry_of_no_time_at_all(switch, console):
    """Odd, but no reason to spin."""
    with Lab(switch, [1, 2]) as lab:
        console.ok("hash/setexpire 0")
        lab.learn(1, 2)
        assert cpu_share(switch.pid) < 0.2
        console.ok("hash/setexpire 2147483647")
        lab.learn(1, 2)
        assert console.cmd(f"hash/find {host(1)}")[0] == 1000
        assert cpu_share(switch.pid, 0.2) < 0.2


def test_minimum_persistence(switch, console):
    """How long an address stays behind its port, even if another port uses it."""
    with Lab(switch, [1, 2, 3]) as lab:
        console.ok("hash/setminper 1000")
        lab.send(1, frame(BROADCAST, host(9)))
        lab.send(2, frame(BROADCAST, host(9)))
        assert "to port: 001" in text(console.ok(f"hash/find {host(9)}"))
        console.ok("hash/setminper 0")
        lab.send(2, frame(BROADCAST, host(9)))
        assert "to port: 002" in text(console.ok(f"hash/find {host(9)}"))


# -- queues and counters -------------------------------------------------------------------------------------


def flood_of(lab, sender, frames):
    for number in range(frames):
        lab[sender].send(frame(BROADCAST, host(sender), payload=number.to_bytes(4, "big")))
    settle(lab.switch, lab[sender])


@pytest.mark.parametrize("how", ["port/defqlen", "port/epqlen"])
def test_length_of_a_queue(switch, console, how):
    """A client that does not read loses exactly the frames that do not fit into the socket and the queue."""
    frames = 3000
    if how == "port/defqlen":
        console.ok("port/defqlen 10")
    with Lab(switch, [1, 2]) as lab:
        if how == "port/epqlen":
            console.ok(f"port/epqlen 2 {console.endpoint_ids(2)[0]} 10")
        flood_of(lab, 1, frames)
        assert "              unsent packets: 10 max 10" in console.ok("port/print 2")
        assert "queued 10" in console.ok("port/endpoints 2")[0]
        dropped = switch.drops(2)
        received = []
        while heard := lab.heard().get(2):
            received += heard
        assert dropped == {"queue-full": frames - len(received)}
        assert "              unsent packets: 0 max 10" in console.ok("port/print 2")
        if how == "port/epqlen":
            console.ok(f"port/epqlen 2 {console.endpoint_ids(2)[0]} {frames}")
            console.ok("port/resetcounter 2")
            flood_of(lab, 1, frames)
            assert switch.drops(2) == {}


def test_counters_are_reset(switch, console):
    with Lab(switch, [1, 2, 3]) as lab:
        lab.send(1, b"runt", frame(BROADCAST, host(1)))
        assert switch.port(1)["IN"] == (1, 60) and switch.drops(1) == {"runt": 1}
        console.ok("port/resetcounter 1")
        assert switch.port(1) == {"IN": (0, 0), "OUT": (0, 0)} and switch.drops(1) == {}
        assert switch.port(2)["OUT"] == (1, 60)
        console.ok("port/resetcounter")
        assert all(switch.port(port) == {"IN": (0, 0), "OUT": (0, 0)} for port in (1, 2, 3))


def test_drops_by_reason(switch, console):
    """Counters match what was sent, on the right port and in the right direction."""
    for command in ("vlan/create 20", "vlan/create 30", "port/add vde,port=1,vlan=none,trunk=20"):
        console.ok(command)
    with Lab(switch, [1, 2, 3]) as lab:
        lab.learn(2, 3)
        lab.send(1, b"runt", b"runt")
        lab.send(1, *[frame(BROADCAST, host(1))] * 3)
        lab.send(1, *[frame(BROADCAST, host(1), tag(30))] * 4)
        lab.send(2, *[frame(host(2), host(9))] * 5)
        lab.send(2, *[frame(BROADCAST, host(2), size=LARGEST_FRAME + 1)] * 6)
        lab.send(2, *[frame(BROADCAST, host(2), tag(4095))] * 7)
        assert console.ok("port/drops 1") == ["Port 0001", " runt in 2", " untagged in 3", " not-member in 4"]
        assert console.ok("port/drops 2") == ["Port 0002", " oversize in 6", " bad-tag in 7", " same-port in 5"]
        assert console.ok("port/drops 3") == ["Port 0003"]
        assert console.ok("port/drops") == [line for port in (1, 2, 3) for line in console.ok(f"port/drops {port}")]
        assert " Drops: in 18 out 0" in console.ok("port/print 2")
