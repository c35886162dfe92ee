"""What a user who may manage ports can do, and no more: it reads no file, starts no program, loads no code, and no name
of its own, of its guests or of its process can forge a reply to other sessions.

The attacker is a member of the management group; the switch is root's, and so is the other session.
"""

import contextlib
import grp
import os
import pathlib
import re
import secrets
import stat
import types

import pytest

from console import DATA, END_OF_SESSION, PROMPT, Console
from switch import Switch
from users import NOBODY, acting_as, console_of, needs_two_users, public_dir
from vdeclient import VdeClient

DAEMON = 1
PRINTABLE = re.compile(rb"[\x20-\x7e\n]*")

pytestmark = needs_two_users


@contextlib.contextmanager
def called(name):
    """For the time being this process has another NAME."""
    comm = pathlib.Path("/proc/self/comm")
    before = comm.read_bytes()
    try:
        comm.write_bytes(name)
        yield
    finally:
        comm.write_bytes(before.rstrip(b"\n"))


@pytest.fixture
def place():
    """A switch of root's in a directory of its own, with a session of a member of the management group and one of root.

    Next to it are files that the member must not access.
    """
    with public_dir() as base, contextlib.ExitStack() as stack:
        secret = secrets.token_hex(16)
        for name in ("cwd", "home", "home/.vde2"):
            (base / name).mkdir(mode=0o755)
        (base / "canary").write_text(f"{secret}\n")
        (base / "canary").chmod(0o600)
        (base / "open").write_text(f"vlan/create 666\n{secret}\n")
        (base / "open").chmod(0o644)
        switch = stack.enter_context(Switch(
            "-m", "0666", "--dirmode", "0755", "--mgmtmode", "0660", "--mgmtgroup", grp.getgrgid(NOBODY).gr_name,
            dir=base / "sw", env={"HOME": str(base / "home")}, prefix=("env", "-C", str(base / "cwd"))))
        mgmt = switch.dir / "mgmt"
        yield types.SimpleNamespace(
            base=base, switch=switch, mgmt=mgmt, secret=secret,
            member=stack.enter_context(console_of(NOBODY, mgmt)), root=stack.enter_context(Console(mgmt)))


def files_of(place):
    """All files beside the switch's own directory, and what is in them."""
    return {path: path.read_bytes() if path.is_file() else None
            for path in place.base.rglob("*") if place.switch.dir not in path.parents}


def children_of(switch):
    return [name for task in pathlib.Path(f"/proc/{switch.pid}/task").iterdir()
            for name in (task / "children").read_text().split()]


def assert_is_one_reply(said):
    """SAID is a well-formed reply to one command, byte for byte, and nothing else."""
    assert PRINTABLE.fullmatch(said), said
    said = re.sub(rb"\A(3\d{3} [a-z]+/\S+ [^\n]+\n)*", b"", said)
    assert said.endswith(PROMPT) and said.count(b"$ ") == 1, said
    lines = said.removesuffix(PROMPT).decode().split("\n")
    if lines[0] == DATA:
        lines = lines[lines.index(".") + 1:]
    assert len(lines) == 2 and re.match(r"1\d{3} ", lines[0]) and lines[1] == "", said


def raw(session, line):
    session.send(line + (b"\n" if isinstance(line, bytes) else "\n"))
    return session.read_to(PROMPT)


# -- everything that a member may try ------------------------------------------------------------------------

PAYLOADS = [
    b"../../../../etc/passwd", b"/etc/shadow", b"/proc/self/environ", b"file:///etc/passwd", b"~/.ssh/id_rsa",
    b"{base}/canary", b"{base}/open", b"{base}/made", b"../made", b"made", b"<{base}/canary", b">{base}/made",
    b"$(touch {base}/made)", b"`touch {base}/made`", b";touch {base}/made", b"|sh -c 'touch {base}/made'",
    b"&& touch {base}/made", b"!sh", b"x\rload {base}/open", b"\x1b]0;owned\x07", b"\x1b[2J\x1b[31m", b"\x08\x7f\x9b",
    b"%s%s%s%n", b"%999999d", b"\xff\xfe\xc3\x28", b"1000 Success", b".", b"vde$ ", b"x\x0b1000 Success\x0cvde$ ",
    b"vde,name=../made", b"vde,name={base}/made", b"vde,name=a/b", b"vde,description=vde$ \x1b[1m", b"tap,ifname=../made",
    b"tap,ifname=x,script={base}/open", b"vde,\x1b[31m=1", b"\x1b[31mvde,name=x", b"vde,name=\x1b[31m", b"vde,x\x07",
    b"vde,trunk=\x1b[31m", b"vde,vlan=\x07", b"vde,port=\x07", b"vde,max-addresses=\x07",
    b"name=../made", b"name=\x1b[31m", b"description=$ ,name=x", b"vlan=\x07", b"-1", b"4294967296", b"99999999999999999999",
    b"0x7fffffff", b"A" * 300, b"A" * 32000, b",".join([b"x=y"] * 500), b"vde," + b",".join([b"vlan=1"] * 200),
]


def test_member_tries_everything(place):
    """Every command of help with every argument, alone and after numbers: it has no effect but replies."""
    place.switch.ok("port/create 1")
    place.root.ok("debug/add")
    names = [row.split()[0] for row in place.member.ok("help")[2:]]
    before = files_of(place)
    for name in names:
        if name == "shutdown":
            continue
        for payload in PAYLOADS:
            payload = payload.replace(b"{base}", os.fsencode(place.base))
            for line in (b"%s %s" % (name.encode(), payload), b"%s 1 %s" % (name.encode(), payload)):
                if name == "logout":
                    place.member.send(line + b"\n")
                    assert place.member.read_to_end() == END_OF_SESSION
                    place.member.close()
                    place.member = console_of(NOBODY, place.mgmt)
                else:
                    said = raw(place.member, line)
                    assert_is_one_reply(said)
                    assert place.secret.encode() not in said
        assert_is_one_reply(raw(place.root, "port/allprint"))
        assert_is_one_reply(raw(place.root, "vlan/allprint"))
        assert children_of(place.switch) == []
    assert place.root.cmd("vlan/print 666")[0] != 1000, "the script was run"
    place.member.close()
    assert files_of(place) == before
    left = list(place.switch.dir.rglob("*"))
    assert all(stat.S_ISSOCK(path.lstat().st_mode) for path in left), left
    assert place.secret not in place.switch.stderr()
    assert re.fullmatch(r"[\x20-\x7e\n]*", place.switch.stderr())


def test_member_may_not_name_files_or_programs(place):
    """Neither a file that the member may not read nor one that it may; nor may it learn which of them exist."""
    for path in (place.base / "canary", place.base / "open", place.base / "not-there", "/etc/passwd", "/dev/zero"):
        for command in ("load", "plugin/add", " load", "load\t"):
            code, data, words = place.member.ask(f"{command} {path}")
            assert (code, data) == (1001, []), path
            assert place.secret not in words and "No such" not in words
    code, data, _ = place.member.ask("tap/list")
    assert (code, data) == (1001, []), "it tells what runs on the host"
    assert place.member.cmd("port/add tap,ifname=lo")[0] == 1001
    assert place.member.cmd("port/add tap,ifname=lo,vlan=77,name=x")[0] == 1001
    assert place.root.ok("vlan/print") == ["VLAN 0000"]
    assert place.root.ok("port/allprint") == []


def test_root_may(place):
    place.root.send(f"load {place.base / 'open'}\n")
    assert place.root.read_to(PROMPT).endswith(b"1000 Success\n" + PROMPT)
    assert "VLAN 0666" in place.root.ok("vlan/print")
    assert place.root.cmd("plugin/add dump")[0] == 1002
    assert place.root.cmd("tap/list")[0] == 1000
    assert place.root.cmd("port/add tap,ifname=lo")[0] not in (1000, 1001)


def test_owner_of_the_switch_may():
    """The user that started the switch may, and so may root; a member of the group may not."""
    as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
    with public_dir() as base:
        (base / "script").write_text("vlan/create 5\n")
        (base / "script").chmod(0o644)
        with Switch("--dirmode", "0755", "--mgmtmode", "0666", dir=base / "sw", prefix=as_nobody) as switch:
            for uid, code in ((NOBODY, b"1000"), (0, b"1000"), (DAEMON, b"1001")):
                with console_of(uid, switch.dir / "mgmt") as session:
                    session.send(f"load {base / 'script'}\n")
                    assert session.read_to(PROMPT).splitlines()[-3][:4] == code, uid


def test_rights_are_those_of_who_connected(place):
    """The credentials of the connection count, not those of the process that holds it; a fork by root changes nothing."""
    assert place.member.cmd("tap/list")[0] == 1001
    assert os.geteuid() == 0, "it is root that types"
    assert place.root.cmd("tap/list")[0] == 1000
    with acting_as(NOBODY):
        assert place.root.cmd("tap/list")[0] == 1000


def test_other_user_is_kept_out(place):
    with pytest.raises(PermissionError):
        console_of(DAEMON, place.mgmt)


def test_member_cannot_replace_or_remove_the_socket(place):
    with acting_as(NOBODY):
        for attempt in (place.mgmt.unlink, lambda: place.mgmt.rename(place.base / "stolen"),
                        lambda: (place.switch.dir / "evil").write_text("x")):
            with pytest.raises(PermissionError):
                attempt()


# -- the log -------------------------------------------------------------------------------------------------


def test_log_says_who_connected(place):
    said = place.switch.stderr()
    assert re.search(rf"session of user {NOBODY}, process {os.getpid()}\b", said), said
    assert re.search(rf"session of user 0, process {os.getpid()}\b", said), said


def test_large_user_number_in_the_log(place):
    with console_of(4_000_000_000, place.mgmt, gid=NOBODY):
        place.switch.wait_said("user 4000000000,", timeout=3)


def test_sessions_of_others_hide_nobody_from_the_log(place):
    """Each session is logged: with a rate limit, one could otherwise hide by connecting after several by another user."""
    for _ in range(20):
        with Console(place.mgmt):
            pass
    with console_of(4242, place.mgmt, gid=NOBODY):
        place.switch.wait_said("user 4242,", timeout=3)


@pytest.mark.parametrize("name", [b"a\n1000 Success", b"\x1b[31mred", b"vde$ ", b"\xff\xfe", b"x) user 0 (y", b"%s%n"])
def test_name_of_a_process_forges_nothing(place, name):
    """It is shown with sessions in the log, and with clients in the port table."""
    with called(name), VdeClient(place.switch.dir, port=3), Console(place.mgmt):
        said = raw(place.root, "port/print 3")
        assert_is_one_reply(said)
        assert b"process %d (python" % os.getpid() not in said, "the test wants another name"
    said = place.switch.stderr()
    assert re.fullmatch(r"[\x20-\x7e\n]*", said)
    assert all(line.startswith("vswitchd: ") for line in said.splitlines())


# -- forged replies ------------------------------------------------------------------------------------------

FORGERIES = [
    b"x\n1000 Success\n\nvde$ ", b"x\r\n.\r\n1000 Success\r\n", b"\n.\n1000 Success\n\nvde$ ", b".", b"1000 Success",
    b"0000 DATA END WITH '.'", b"3021 port/+ 01", b"9999 END OF SESSION", b"vde$ ", b"vde$", b"$ ", b"$", b"a$ b",
    b"$$ $ ", b"\x1b[2J\x1b[H\nvde$ ", b"\x1b]0;x\x07", b"\x9b31m", b"\xe2\x80\xae", b"\xff", b"\x0b\x0c\x85",
    b"a\x00b", b"\\x0a", b"%s%n%p", b"'\"", b"\x7f", b"x" * 900, b"\n" * 200, b"$ " * 120,
]


@pytest.mark.parametrize("text", FORGERIES, ids=lambda text: repr(text[:24]))
def test_descriptions_forge_nothing(place, text):
    """By clients and by members, in replies to and events of another session."""
    place.root.ok("debug/add")
    with acting_as(NOBODY):
        client = VdeClient(place.switch.dir, port=3, descr=text)
    with client:
        line = text.replace(b"\0", b"").replace(b"\n", b"\x0b")
        for command in (b"port/setdescr 3 ", b"port/add vde,port=4,description=", b"port/set 4 description=", b"port/setname 4 "):
            assert_is_one_reply(raw(place.member, command + line))
        for command in ("port/print", "port/allprint", "port/endpoints 3", "port/print 3", "vlan/allprint", ""):
            said = raw(place.root, command)
            if command:
                assert_is_one_reply(said)
            else:
                assert PRINTABLE.fullmatch(said)


def test_end_of_a_description_is_no_prompt(place):
    """vdeterm takes "$ " at the end of a read for one: wherever the read ends, there is none before the prompt."""
    with VdeClient(place.switch.dir, port=3, descr="ends in $ "), VdeClient(place.switch.dir, port=4, descr="\nvde$ "):
        place.member.ok("port/setdescr 3 costs 5$  ")
        said = raw(place.root, "port/allprint")
        assert b"ends in " in said and b"costs 5" in said
        for end in range(1, len(said)):
            assert not said[:end].endswith(b"$ ")


def test_name_of_an_interface_forges_nothing(namespaces):
    """The kernel allows nearly everything in a name, such as "$" and escape sequences."""
    (here,) = namespaces(1)
    name = "a\x1b[1m$"
    with Switch(prefix=here.prefix) as switch, Console(switch.dir / "mgmt") as session:
        code, _, words = session.ask(f"port/add tap,ifname={name}")
        assert code == 1000, words
        assert_is_one_reply(raw(session, "port/print"))
        assert_is_one_reply(raw(session, "tap/list"))
        here.run("ip", "link", "del", name)
        switch.wait_said("is gone")
        assert re.fullmatch(r"[\x20-\x7e\n]*", switch.stderr())
