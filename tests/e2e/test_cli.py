"""The command line: every option in every spelling, exit codes, what goes to which stream, files and defaults.

Most tests start a switch with one console command waiting on its stdin, after which it sees EOF and ends.
"""

import os
import re
import signal
import stat
import subprocess

import pytest

from frames import BROADCAST, frame, host
from process import is_alive
from startup import daemon, run_with_defaults
from switch import PROGRAM, Switch, wait_for
from users import NOBODY, needs_two_users
from vdeclient import VdeClient

BOTH = ["vswitchd", "vde_switch"]


@pytest.fixture
def program(tmp_path):
    """Makes the program callable by another name."""
    def named(name):
        link = tmp_path / "bin" / name
        link.parent.mkdir(exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(PROGRAM)
        return str(link)
    return named


@pytest.fixture
def run(program, tmp_path):
    """Runs the program to its end with DIR = tmp_path/sw and CONSOLE on stdin; returns the CompletedProcess."""
    def to_the_end(*args, name="vswitchd", console="", dir=tmp_path / "sw", rc=("-f", "/dev/null"), env=None):
        where = ["-s", str(dir)] if dir else []
        return subprocess.run([program(name), *where, *rc, *map(str, args)], input=console, capture_output=True,
                              text=True, timeout=30, check=False, cwd=tmp_path, env={**os.environ, **(env or {})})
    return to_the_end


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# -- options -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("args, console, expected", [
    (["-n", "5"], "port/showinfo", "Numports=5"),
    (["-n5"], "port/showinfo", "Numports=5"),
    (["--numports", "5"], "port/showinfo", "Numports=5"),
    (["-numports", "5"], "port/showinfo", "Numports=5"),
    (["--numports=5"], "port/showinfo", "Numports=5"),
    (["-numports=5"], "port/showinfo", "Numports=5"),
    (["--nump", "5"], "port/showinfo", "Numports=5"),
    (["-num", "5"], "port/showinfo", "Numports=5"),
    (["-n", "65535"], "port/showinfo", "Numports=65535"),
    ([], "port/showinfo", "HUB=false"),
    (["-x"], "port/showinfo", "HUB=true"),
    (["--hub"], "port/showinfo", "HUB=true"),
    (["-hub"], "port/showinfo", "HUB=true"),
    (["-hu"], "port/showinfo", "HUB=true"),
    (["-xF"], "port/showinfo", "HUB=true"),
    (["-xn5"], "port/showinfo", "Numports=5"),
    ([], "ds/showinfo", "std mode 0600"),
    (["-m", "660"], "ds/showinfo", "std mode 0660"),
    (["-m777"], "ds/showinfo", "std mode 0777"),
    (["-mod", "777"], "ds/showinfo", "std mode 0777"),
    (["--mod", "660"], "ds/showinfo", "std mode 0660"),
    (["--mode", "660"], "ds/showinfo", "std mode 0660"),
    (["-mode=660"], "ds/showinfo", "std mode 0660"),
    (["--dirmode", "0755"], "ds/showinfo", "std mode 0644"),
    (["--hashsize", "1000"], "hash/showinfo", "Hash size "),
    (["--hashsize", "0x40"], "hash/showinfo", "Hash size "),
    (["-macaddr", "02:11:22:33:44:55"], "showinfo", "MAC 02:11:22:33:44:55"),
    (["--macaddr", "02.11.22.33.44.5a"], "showinfo", "MAC 02:11:22:33:44:5a"),
    (["--priority", "0x1000"], "port/showinfo", "HUB=false"),
    (["-F"], "port/showinfo", "HUB=false"),
    (["--fstp"], "port/showinfo", "HUB=false"),
    (["-F", "-x"], "port/showinfo", "HUB=true"),
    (["-D", "3"], "port/showinfo", "HUB=false"),
    (["--debugclients", "3"], "port/showinfo", "HUB=false"),
    (["-M", "mgmt"], "port/showinfo", "HUB=false"),
    (["--mgmt", "mgmt", "--mgmtmode", "660"], "port/showinfo", "HUB=false"),
    (["-mgmt=mgmt", "-mgmtgroup", "daemon"], "port/showinfo", "HUB=false"),
    (["-f", "/nowhere/rc"], "port/showinfo", "HUB=false"),
    (["--rcfile", "/nowhere/rc"], "port/showinfo", "HUB=false"),
], ids=lambda value: " ".join(value) or "default" if isinstance(value, list) else "")
def test_option(run, name, args, console, expected):
    done = run(*args, name=name, console=console + "\n")
    assert expected in done.stdout
    assert "1000 Success" in done.stdout.splitlines()
    assert done.returncode == 0


@pytest.mark.parametrize("name, numports", [("vswitchd", 4096), ("vde_switch", 32)])
def test_default_number_of_ports(run, name, numports):
    assert f"Numports={numports}" in run(name=name, console="port/showinfo\n").stdout.splitlines()


@pytest.mark.parametrize("spelling", ["-s", "--sock", "-sock", "-sock=", "--vdesock", "-vdesock", "--unix", "-unix"])
def test_directory_option(run, tmp_path, spelling):
    target = tmp_path / "elsewhere"
    args = [spelling + str(target)] if spelling.endswith("=") else [spelling, target]
    done = run(*args, dir=None, console="ds/showinfo\n")
    assert f"ctl dir {target}" in done.stdout.splitlines()
    assert not target.exists()


def test_relative_directory_is_shown_absolute(run, tmp_path):
    done = run(dir="here", console="ds/showinfo\n")
    assert f"ctl dir {os.path.realpath(tmp_path)}/here" in done.stdout.splitlines()


# -- help, version, mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-h", "--help", "-help"])
@pytest.mark.parametrize("name, status", [("vswitchd", 0), ("vde_switch", 1)])
def test_help(run, name, status, option):
    """vde_switch exits with status 1 after --help, and scripts depend on it."""
    done = run(option, name=name)
    assert done.returncode == status
    assert done.stderr == ""
    assert name in done.stdout.splitlines()[0]
    for word in ("numports", "sock", "mode", "dirmode", "group", "daemon", "pidfile", "rcfile", "mgmt", "tap", "hub"):
        assert f"--{word}" in done.stdout, word


def test_help_names_our_own_options(run):
    assert "--port" in run("--help").stdout


@pytest.mark.parametrize("option", ["-v", "--version", "-version"])
def test_version_as_vde_switch(run, option):
    done = run(option, name="vde_switch")
    assert done.returncode == 0
    assert re.match(r"VDE \S+\n", done.stdout)


def test_version_as_vswitchd(run):
    done = run("--version")
    assert done.returncode == 0
    assert re.search(r"\d+\.\d+", done.stdout)


def test_unknown_option_as_vde_switch(run):
    """vde_switch reports it and goes on; existing start scripts depend on that."""
    done = run("--no-such-option", name="vde_switch", console="port/showinfo\n")
    assert "no-such-option" in done.stderr
    assert "1000 Success" in done.stdout
    assert done.returncode == 0


def test_unknown_option_as_vswitchd(run, tmp_path):
    done = run("--no-such-option")
    assert done.returncode == 1
    assert "no-such-option" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "sw").exists()


@pytest.mark.parametrize("args, culprit", [
    (["-n", "0"], "0"),
    (["-n", "-3"], "-3"),
    (["--macaddr", "02:11:22:33:44"], ""),
    (["--macaddr", "02:11:22:33:44:gg"], ""),
    (["-g", "no-such-group"], "no-such-group"),
    (["stray"], "stray"),
], ids=["n=0", "n=-3", "short-mac", "bad-mac", "unknown-group", "stray-argument"])
@pytest.mark.parametrize("name", BOTH)
def test_bad_value(run, tmp_path, name, args, culprit):
    """As vde_switch some of these only print the usage; under our own name the culprit is always named."""
    done = run(*args, name=name)
    assert done.returncode == 1
    assert done.stdout + done.stderr
    if name == "vswitchd":
        assert culprit in done.stderr
    assert not (tmp_path / "sw" / "ctl").exists()


PORT_MISTAKES = [
    (["vde,vlna=10"], ['unknown key "vlna"', '(did you mean "vlan"?)', "vde takes", "port", "name", "vlan", "trunk"]),
    (["vde,zzz=1"], ['unknown key "zzz"', "vde takes", "vlan"]),
    (["tap,ifname=t0,trnk=1"], ['unknown key "trnk"', '(did you mean "trunk"?)', "tap takes", "ifname"]),
    (["vdee,vlan=1"], ['"vdee"', "vde", "tap"]),
    ([""], ["vde", "tap"]),
    (["vde,vlan"], ["vlan"]),
    (["vde,vlan=4095"], ["4095", "4094", "none", "transparent"]),
    (["vde,vlan=-1"], ["-1", "4094"]),
    (["vde,vlan=ten"], ["ten", "4094"]),
    (["vde,vlan=10x"], ["10x", "4094"]),
    (["vde,vlan=99999999999999999999"], ["99999999999999999999", "4094"]),
    (["vde,trunk=10+4095"], ["4095", "4094"]),
    (["vde,trunk=20-10"], ["20-10"]),
    (["vde,trunk=10+"], ["10+"]),
    (["vde,trunk=10-20-30"], ["10-20-30"]),
    (["vde,port=five"], ["five"]),
    (["vde,port=4097"], ["4097", "4096"]),
    (["vde,port=5x"], ["5x"]),
    (["tap"], ["ifname"]),
    (["tap,ifname="], ["ifname"]),
    (["tap,ifname=a-name-too-long-for-an-interface"], ["a-name-too-long-for-an-interface", "15"]),
    (["vde,port=1,name=web", "vde,port=2,name=web"], ["web"]),
    (["vde,port=1,name=12"], ["12"]),
    (["vde,port=1,name=../x"], ["../x"]),
    (["vde,port=1,name="], ["name"]),
    *((["vde,port=1,name=" + name], [name]) for name in ("ctl", "stream", "vhost", "mgmt", "api")),
]


@pytest.mark.parametrize("specs, words", PORT_MISTAKES, ids=[" ".join(specs) for specs, _ in PORT_MISTAKES])
def test_port_mistake(run, tmp_path, specs, words):
    """One line: the option as typed, what is wrong with it, what would be right."""
    done = run(*(part for spec in specs for part in ("--port", spec)))
    assert done.returncode == 1
    line, = done.stderr.splitlines()
    start = f"vswitchd: --port {specs[-1]}: "
    assert line.startswith(start)
    for word in words:
        assert word in line.removeprefix(start)
    assert done.stdout == ""
    assert not (tmp_path / "sw").exists()


@pytest.mark.parametrize("spec, block", [
    ("vde,port=5,vlan=10", "Port 0005 untagged_vlan=0010"),
    ("vde,vlan=4094", "Port 0001 untagged_vlan=4094"),
    ("vde,port=4096", "Port 4096 untagged_vlan=0000"),
    ("vde,port=3,vlan=none", "Port 0003 untagged_vlan=4095"),
    ("vde,port=3,vlan=none,trunk=10+20-29", "Port 0003 untagged_vlan=4095"),
])
def test_port_option(run, spec, block):
    done = run("--port", spec, console="port/allprint\n")
    assert done.returncode == 0, done.stderr
    assert block in done.stdout


def test_trunk_makes_its_vlans():
    with Switch("--port", "vde,port=3,trunk=10+20-22") as switch:
        for vid, code in ((10, 1000), (19, 1006), (20, 1000), (21, 1000), (22, 1000), (23, 1006)):
            assert switch.cmd(f"vlan/allprint {vid}")[0] == code, vid
        assert " -- Port 0003 tagged=1 active=0" in "\n".join(switch.ok("vlan/allprint 21"))


def test_tap_failure_as_vde_switch(run):
    """vde_switch goes on without the TAP."""
    done = run("-t", "a-name-too-long-for-an-interface", name="vde_switch", console="port/showinfo\n")
    assert done.stderr
    assert "1000 Success" in done.stdout
    assert done.returncode == 0


# -- stdin ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args, stdin", [(["--nostdin"], subprocess.PIPE), ([], subprocess.DEVNULL)],
                         ids=["nostdin", "dev-null"])
def test_no_console(program, tmp_path, args, stdin):
    """Under systemd stdin is /dev/null, and its end means nothing."""
    directory = tmp_path / "sw"
    with subprocess.Popen([program("vswitchd"), "-s", directory, "-f", "/dev/null", *args], stdin=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            if process.stdin:
                process.stdin.close()
            wait_for((directory / "ctl").exists, message="ctl")
            for _ in range(3):
                with VdeClient(directory) as one, VdeClient(directory) as other:
                    one.send(frame(BROADCAST, host(1)))
                    assert other.recv() == frame(BROADCAST, host(1))
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


# -- pidfile and daemon --------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-p", "--pidfile", "-pidfile"])
def test_pidfile(tmp_path, option):
    path = tmp_path / "pid"
    with Switch(option, path) as switch:
        switch.ok("ds/showinfo")
        assert path.read_text() == f"{switch.pid}\n"
        assert mode_of(path) == 0o644
    assert not path.exists()


def test_existing_pidfile(run, tmp_path):
    """It may be that of a live switch, or a link planted by an attacker: left alone."""
    path = tmp_path / "pid"
    path.write_text("1\n")
    done = run("-p", path)
    assert done.returncode == 1
    assert str(path) in done.stderr
    assert path.read_text() == "1\n"
    assert not (tmp_path / "sw").exists()


@pytest.mark.parametrize("name", BOTH)
def test_daemon(program, tmp_path, name):
    """When the parent exits everything is in place, so a script may go on; at the end everything is removed."""
    with daemon(program(name), tmp_path) as pid:
        assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "pid", "sw"]
        assert os.getpgid(pid) != os.getpgid(0)
        assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
        with VdeClient(tmp_path / "sw") as one, VdeClient(tmp_path / "sw") as other:
            one.send(frame(BROADCAST, host(1)))
            assert other.recv() == frame(BROADCAST, host(1))
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_alive(pid), message="the daemon to end")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


@pytest.mark.parametrize("args", [["-n", "0"], ["-p", "pid"]], ids=["bad-option", "pidfile-exists"])
def test_daemon_reports_failure_to_the_caller(run, tmp_path, args):
    """Errors must be reported even though the switch goes into the background."""
    (tmp_path / "pid").write_text("1\n")
    done = run("-d", *args)
    assert done.returncode == 1
    assert done.stderr
    assert not (tmp_path / "sw").exists()


# -- rc file -------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path):
    """A HOME whose rc file makes VLAN 77."""
    rc = tmp_path / "home" / ".vde2" / "vde_switch.rc"
    rc.parent.mkdir(parents=True)
    rc.write_text("# ours\n\nvlan/create 77\nport/create 3\nport/setvlan 3 77\n")
    return {"HOME": str(tmp_path / "home")}


def test_rc_in_home(run, home):
    done = run(name="vde_switch", rc=(), env=home, console="port/allprint 3\n")
    assert "Port 0003 untagged_vlan=0077" in done.stdout


@pytest.mark.parametrize("option", ["-f", "--rcfile", "-rcfile"])
def test_rc_option_replaces_the_one_in_home(run, home, tmp_path, option):
    (tmp_path / "rc").write_text("vlan/create 78\n")
    done = run(name="vde_switch", rc=(option, "rc"), env=home, console="vlan/allprint\n")
    assert "VLAN 0078" in done.stdout
    assert "VLAN 0077" not in done.stdout


def test_missing_rc_is_ignored(run, home):
    done = run(name="vde_switch", rc=("-f", "missing"), env=home, console="vlan/allprint\n")
    assert "VLAN 0000" in done.stdout
    assert "VLAN 0077" not in done.stdout
    assert done.returncode == 0


def test_rc_output_is_discarded(run, tmp_path):
    """A parent that reads stdout must see only the answers to its own commands."""
    (tmp_path / "rc").write_text("showinfo\nno/such/command\nvlan/create 5\n")
    assert run(rc=("-f", "rc")).stdout == ""


# -- default directories -------------------------------------------------------------------------------------


@needs_two_users
@pytest.mark.parametrize("name, user, runtime_dir, directory", [
    ("vswitchd", 0, None, "/run/vsw"),
    ("vswitchd", NOBODY, "/run/user/65534", "/run/user/65534/vsw"),
    ("vswitchd", NOBODY, None, "/tmp/vsw-65534"),
    ("vde_switch", 0, None, "/run/vde.ctl"),
    ("vde_switch", NOBODY, "/run/user/65534", "/tmp/vde.ctl"),
])
def test_default_directory(name, user, runtime_dir, directory):
    done = run_with_defaults(name, user, runtime_dir)
    assert f"ctl dir {directory}" in done.stdout.splitlines(), done.stderr
    assert done.returncode == 0


@needs_two_users
@pytest.mark.parametrize("trap", ["mkdir /tmp/vsw-65534; chmod 777 /tmp/vsw-65534",
                                  "mkdir -m 777 /tmp/trap; ln -s trap /tmp/vsw-65534"], ids=["directory", "link"])
def test_default_directory_of_somebody_else_is_refused(trap):
    """In /tmp anyone could have created it, to own the directory of the switch's sockets."""
    done = run_with_defaults("vswitchd", NOBODY, None, trap)
    assert done.returncode not in (0, 99)
    assert "/tmp/vsw-65534" in done.stderr
