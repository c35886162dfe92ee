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
    script = f"""
        source {ROOT}/docs/vswitchd.bash
        compopt() {{ :; }}
        try() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _vswitchd; echo "${{COMPREPLY[*]}}"; }}
        try vswitchd --lo
        try vswitchd --port ta
        try vswitchd --port tap,if
        try vswitchd --port vde,port=3,vl
        try vswitchd --port stream,path=/run/g1.sock,server=
    """
    done = subprocess.run(["bash", "-c", script], text=True, capture_output=True, check=True)
    assert done.stdout.splitlines() == ["--loop-block", "tap,", "tap,ifname=", "vde,port=3,vlan=",
                                          "stream,path=/run/g1.sock,server=on stream,path=/run/g1.sock,server=off"]


def test_completion_knows_every_port_type_and_its_keys():
    types = dict(re.findall(r"^      ([a-z]+) +((?:[a-z]+=,?)*) ", HELP, re.M))
    assert {"vde", "stream", "dgram", "tap", "uplink", "plug"} <= set(types)
    listed = re.search(r"local types='(.*?)'", COMPLETION)[1].split()
    assert set(listed) == set(types)
    for name, keys in types.items():
        shown = re.search(rf'^    {name}\) keys="(.*) \$common" ;;', COMPLETION, re.M)
        assert (shown[1].split() if shown else []) == keys.replace(",", " ").split()


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
