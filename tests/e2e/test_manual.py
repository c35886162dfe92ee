"""The manual against the program: every command, its access rights, every event; and the example script."""

import os
import re
import shutil
import subprocess

import pytest

from console import Console
from switch import ROOT, Switch
from users import NOBODY, as_user, needs_two_users, public_dir

PAGE = (ROOT / "docs" / "vswitchd-console.7").read_text()
OWNER_ONLY = "For the owner only."


def plain(text):
    """TEXT without the escapes of literal text."""
    for escape, character in ((r"\-", "-"), (r"\(aq", "'"), (r"\(ha", "^"), (r"\e", "\\")):
        text = text.replace(escape, character)
    return text


def section(title):
    return re.search(rf"^\.SH {title}\n(.*?)^\.SH ", PAGE, re.M | re.S)[1]


def manual_commands():
    """{(path, arguments): what the page says of it}"""
    found = {}
    for item in re.split(r"^\.(?:TP|SS .*)\n", section("COMMANDS"), flags=re.M):
        head, _, body = item.partition("\n")
        entry = re.fullmatch(r'\.B (?P<alone>\S+)|\.BI "(?P<path>\S+) " "?(?P<arguments>[^"]+)"?', head)
        if entry:
            found[entry["alone"] or entry["path"], entry["arguments"] or ""] = body
    return found


@pytest.fixture(name="console")
def fixture_console():
    with Switch() as switch, Console(switch.dir / "mgmt") as console:
        yield console


def test_manual_has_every_command(console):
    """And none that the program does not have, with the arguments that help shows."""
    lines = console.ok("help")[2:]
    shown = {(line[:18].strip(), line[19:34].strip()) for line in lines}
    assert set(manual_commands()) == {entry for entry in shown if not entry[1].startswith("====")}


def test_manual_has_every_event(console):
    shown = {tuple(line.split()[:2]) for line in console.ok("debug/list")[2:]}
    rows = [row.split("|") for row in plain(section("EVENTS")).splitlines() if row.count("|") == 3]
    assert len(shown) > 10
    assert {(path, tag) for path, tag, *_ in rows} == shown


def test_manual_has_every_code_that_it_mentions():
    listed = set(re.findall(r"^(1\d{3})\|", section("LINES AND REPLIES"), re.M))
    assert "1000" in listed
    assert set(re.findall(r"\b1\d{3}\b", section("COMMANDS"))) <= listed


@needs_two_users
def test_manual_marks_what_is_for_the_owner():
    """Without arguments: permission is checked before arguments."""
    commands = {path: OWNER_ONLY in body for (path, _), body in manual_commands().items() if path != "shutdown"}

    def codes():
        answers = {}
        for path in commands:
            with Console(directory / "sw" / "mgmt") as console:
                answers[path] = console.ask(path)[0] if path != "logout" else None
        return answers

    with public_dir() as directory, Switch("--mgmtmode", "666", dir=directory / "sw"):
        os.chmod(directory / "sw", 0o755)
        answered = as_user(NOBODY, codes)
    assert {path for path, code in answered.items() if code == 1001} == {path for path in commands if commands[path]}
    assert OWNER_ONLY in manual_commands()["load", "path"]


def test_manual_has_no_formatting_errors():
    done = subprocess.run(["groff", "-man", "-t", "-Tutf8", "-ww", "-z", ROOT / "docs" / "vswitchd-console.7"],
                          text=True, capture_output=True, check=False)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.skipif(not shutil.which("socat"), reason="socat is not installed")
def test_script_in_the_manual(tmp_path):
    """It prints what the command prints, and ends with the number of its error."""
    script = tmp_path / "vsw"
    script.write_text(plain(re.search(r"^\.EX\n(#!/bin/sh\n.*?)^\.EE", PAGE, re.M | re.S)[1]))
    script.chmod(0o755)

    def run(mgmt, *command):
        done = subprocess.run([script, mgmt, *command], text=True, capture_output=True, timeout=20, check=False)
        return done.returncode, done.stdout, done.stderr

    with Switch() as switch:
        mgmt = switch.dir / "mgmt"
        assert run(mgmt, "port/add", "vde,name=web,vlan=10") == (0, "Port 0001\n", "")
        assert run(mgmt, "vlan/allprint 10")[1] == "VLAN 0010\n -- Port 0001 tagged=0 active=0 status=Forwarding\n"
        assert run(mgmt, "port/set", "web", "vlan=20") == (0, "", "")
        assert run(mgmt, "logout") == (0, "", "")
        code, said, error = run(mgmt, "port/print", "99")
        assert (code, said) == (6, "") and "there is no port 99" in error
        assert run(mgmt, "bogus")[0] == 38
        assert run(switch.dir / "nowhere", "showinfo")[0] == 255
