"""make install, the manual, --help, completion, and make demo."""

import os
import pathlib
import re
import subprocess
import sys

from switch import PROGRAM, ROOT, make

HELP = subprocess.run([PROGRAM, "--help"], text=True, capture_output=True, check=True).stdout
MANUAL = (ROOT / "docs" / "vswitchd.8").read_text().replace("\\-", "-")
COMPLETION = (ROOT / "docs" / "vswitchd.bash").read_text()


def files_below(directory):
    return {str(path.relative_to(directory)) for path in pathlib.Path(directory).rglob("*") if not path.is_dir()}


def test_install_and_uninstall(tmp_path):
    """Everything is installed below DESTDIR, without conflict with Debian's vde_switch, and uninstalled completely."""
    make("install", f"DESTDIR={tmp_path}", "prefix=/usr")
    files = files_below(tmp_path)
    assert "usr/sbin/vswitchd" in files
    assert {"usr/share/man/man8/vswitchd.8", "usr/share/man/man7/vswitchd-console.7"} <= files
    assert {f"usr/libexec/vswitchd/{name}" for name in ("vde_switch", "vswplug", "qemu-ifup", "qemu-ifdown")} <= files
    assert not any(name.startswith("etc/") for name in files)
    assert [name for name in files if name.startswith("usr/bin/")] == ["usr/bin/vswctl"]
    make("uninstall", f"DESTDIR={tmp_path}", "prefix=/usr")
    assert files_below(tmp_path) == set()


def test_installed_alias_is_vde_switch(tmp_path):
    """By that name the program has vde_switch's defaults."""
    (tmp_path / "vde_switch").symlink_to(PROGRAM)
    done = subprocess.run([tmp_path / "vde_switch", "--help"], text=True, capture_output=True)
    assert done.returncode == 1
    assert "highest port number (32)" in done.stdout


def test_help_fits_two_screens():
    lines = HELP.splitlines()
    assert len(lines) <= 48
    assert max(map(len, lines)) <= 100


def test_manual_and_completion_know_every_option():
    """--help, the manual page and the completion are written by hand: they must not drift apart."""
    options = set(re.findall(r"--([a-z][a-z-]+)", HELP))
    assert {"sock", "port", "hub", "loop-block"} <= options
    assert {option for option in options if f"--{option}" not in MANUAL} == set()
    obsolete = {"fstp", "priority", "hashsize", "vdesock", "unix", "mod"}
    assert {option for option in options - obsolete if f"--{option}" not in COMPLETION} == set()


def test_manual_knows_every_drop_reason():
    source = (ROOT / "switch" / "core" / "drop.c").read_text()
    reasons = set(re.findall(r'{"([a-z-]+)"', source)) - {"none"}
    assert len(reasons) > 8
    assert {reason for reason in reasons if f"\n{reason} (" not in MANUAL} == set()


def test_manual_has_no_formatting_errors():
    done = subprocess.run(["groff", "-man", "-t", "-Tutf8", "-ww", "-z", ROOT / "docs" / "vswitchd.8"], text=True,
                          capture_output=True)
    assert done.returncode == 0 and done.stderr == ""


def test_completion_completes():
    """In a real bash: an option, a port type, a key of a type."""
    assert complete("vswitchd --lo", "vswitchd --port ta", "vswitchd --port tap,if", "vswitchd --port vde,port=3,vl",
                    "vswitchd --port stream,path=/run/g1.sock,server=", "vswitchd --port vde,vlan=", "vswitchd --port vde,max",
                    "vswitchd --port plug,vnl=vx", "vswitchd --port stream,addr=", "vswitchd --port vde,reserved=",
                    "vswitchd --port stream,path=/etc/hostn") == [
        "--loop-block", "tap,", "tap,ifname=", "vde,port=3,vlan=",
        "stream,path=/run/g1.sock,server=on stream,path=/run/g1.sock,server=off", "vde,vlan=none vde,vlan=transparent",
        "vde,max-addresses=", "plug,vnl=vxvde:// plug,vnl=vxlan://", "stream,addr=127.0.0.1:",
        "vde,reserved=forward vde,reserved=drop vde,reserved=consume", "stream,path=/etc/hostname"]


def test_completion_without_the_program():
    """It cannot be run: there is nothing to be completed, and nothing is said."""
    assert complete("no/such/vswitchd --port ta", "no/such/vswitchd --port tap,if", "no/such/vswitchd --port tap,ifname=") == \
        ["", "", ""]


def test_completion_runs_no_file_name(tmp_path, monkeypatch):
    """compgen -W would: it expands the words that it is given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "$(touch ran)").touch()
    assert complete(f"vswitchd --port stream,path={tmp_path}/") == \
        [rf"stream,path={tmp_path}/\$\(touch\ ran\)"]
    assert [path.name for path in tmp_path.iterdir()] == ["$(touch ran)"]


def complete(*lines):
    """What _vswitchd offers for each of LINES, in a real bash; LINES must leave nothing on stderr."""
    words = "\n".join(f"try {line}" for line in lines)
    script = f"""
        PATH={pathlib.Path(PROGRAM).parent}:$PATH
        source {ROOT}/docs/vswitchd.bash
        compopt() {{ :; }}
        try() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _vswitchd; echo "${{COMPREPLY[*]}}"; }}
        {words}
    """
    done = subprocess.run(["bash", "-c", script], text=True, capture_output=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def port_help(spec):
    return subprocess.run([PROGRAM, "--port", spec], text=True, capture_output=True, check=True).stdout


def test_help_completion_and_manual_know_every_port_type_and_its_keys():
    """All come from the program's tables but the manual, which has a paragraph for each."""
    types = [line.split()[0] for line in port_help("help").splitlines()]
    assert {"vde", "stream", "dgram", "tap", "uplink", "plug"} <= set(types)
    assert complete("vswitchd --port ''") == [" ".join(f"{name}," for name in types)]
    common = None
    for name in types:
        own, _, shared = port_help(f"{name},help").partition("As every type:\n")
        common = common or shared
        assert shared == common
        keys = re.findall(r"^  ([a-z-]+)=(\S+) +\S", own, re.M)
        assert len(keys) == own.count("\n") - 1
        assert re.search(rf"^      {name} +{','.join(f'{key}=' for key, _ in keys)} +\S", HELP, re.M)
        offered = complete(f"vswitchd --port {name},")[0].split()
        assert offered == [f"{name},{key}=" for key, _ in keys + re.findall(r"^  ([a-z-]+)=(\S+) ", shared, re.M)]
        paragraph = re.search(rf"^\.TP\n\.B {name}\n(.*?)(?=^\.TP\n\.B [a-z]+\n|^\.SH )", MANUAL, re.M | re.S)[1]
        assert [key for key, _ in keys if f"{key}=" not in paragraph] == []
    for key, values in re.findall(r"^  ([a-z-]+)=(\S+) ", common, re.M):
        assert re.search(rf"^\.BR?I? {key}= ", MANUAL, re.M), key
        assert f" {key}={values}" in " ".join(HELP.split()), key


def test_manual_lists_the_keys_for_the_owner_alone():
    listed = re.search(r"^The keys that make the switch open.*?^\.PP", MANUAL, re.M | re.S)[0]
    for name in ("stream", "dgram", "plug"):
        restricted = re.findall(r"^  ([a-z-]+)=.*\(owner only\)$", port_help(f"{name},help"), re.M)
        before = re.search(rf"((?:^\.(?:RB|BR?) .*\n)+)of {name}\b", listed, re.M)[1]
        assert set(re.findall(r"[a-z-]+", re.sub(r"^\.\w+|[\",();]", " ", before, flags=re.M))) == set(restricted)


def test_completion_of_vswctl_asks_the_switch(switch):
    script = f"""
        PATH={pathlib.Path(PROGRAM).parent}:$PATH
        source {ROOT}/docs/vswitchd.bash
        try() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _vswctl; echo "${{COMPREPLY[*]}}"; }}
        try vswctl -s {switch.dir} port/addx
        try vswctl -s {switch.dir} port/setn
        try vswctl -s {switch.dir} show
        try vswctl --mg
    """
    done = subprocess.run(["bash", "-c", script], text=True, capture_output=True, check=True)
    assert done.stdout.splitlines() == ["", "port/setnumports port/setname", "showinfo", "--mgmt"]


def test_demo_shows_a_network_that_works():
    """make demo, as a newcomer runs it: two guests ping each other, and the tables are printed."""
    done = subprocess.run([sys.executable, ROOT / "tests" / "e2e" / "demo.py", PROGRAM], text=True,
                          capture_output=True, timeout=150, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0% packet loss" in done.stdout
    assert re.search(r"TCP, \w+ to \w+ +\d+ Mbit/s", done.stdout)
    assert len(re.findall(r"Port \d{4} .* ACTIVE", done.stdout)) == 2
    assert len(re.findall(r"Hash: .* port: 00[12]", done.stdout)) >= 2
