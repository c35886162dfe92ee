"""vswctl: what it prints, where, and how it ends, against a real switch and against silent ones."""

import os
import pathlib
import socket
import subprocess

import pytest

from process import paused
from switch import PROGRAM, ROOT, Switch
from users import NOBODY, needs_two_users, public_dir

VSWCTL = str(pathlib.Path(PROGRAM).with_name("vswctl"))


def vswctl(*words, **options):
    """Runs it. Returns (exit status, stdout, stderr)."""
    done = subprocess.run([VSWCTL, *map(str, words)], text=True, capture_output=True, timeout=30, **options)
    return done.returncode, done.stdout, done.stderr


def test_prints_what_the_command_prints(switch):
    assert vswctl("-s", switch.dir, "port/add", "vde,name=web,vlan=10") == (0, "Port 0001\n", "")
    assert vswctl("-M", switch.dir / "mgmt", "port/set", "web", "vlan=20") == (0, "", "")
    assert vswctl("-s", switch.dir, "vlan/allprint", "20")[1] == "\n".join(switch.ok("vlan/allprint 20")) + "\n"
    assert vswctl("-s", switch.dir, "help")[1] == "\n".join(switch.ok("help")) + "\n"


def test_a_failure_is_told_in_the_switchs_words(switch):
    status, said, error = vswctl("-s", switch.dir, "port/print", "nope")
    assert (status, said) == (1, "")
    assert error == 'vswctl: No such device or address: no port is called "nope"\n'
    assert vswctl("-s", switch.dir, "bogus")[0] == 1


def test_one_call_is_one_command(switch):
    status, _, error = vswctl("-s", switch.dir, "port/setdescr", "0", "a\nshutdown")
    assert status == 2 and "line break" in error
    assert vswctl("-s", switch.dir, "showinfo", "x" * 40000)[0] == 2
    assert vswctl("-s", switch.dir, "#", "a remark")[0] == 2
    assert switch.cmd("showinfo")[0] == 1000


def test_what_begins_with_a_dash_belongs_to_the_command(switch):
    vswctl("-s", switch.dir, "port/add", "vde,name=web")
    assert vswctl("-s", switch.dir, "port/setdescr", "web", "--help", "-s", "x") == (0, "", "")
    assert " Description: --help -s x" in switch.ok("port/allprint web")


def test_load_and_the_end_of_a_session(switch, tmp_path):
    script = tmp_path / "script"
    script.write_text("vlan/create 7\nvlan/create 7\n")
    status, said, error = vswctl("-s", switch.dir, "load", script)
    assert status == 0 and said.count("vlan/create 7") == 2 and error.startswith("vswctl: File exists")
    assert vswctl("-s", switch.dir, "logout") == (0, "", "")
    assert vswctl("-s", switch.dir, "shutdown") == (0, "", "")
    assert switch.process.wait(10) == 0


def test_default_directory_is_the_switchs(tmp_path):
    """Both use the same function, so that users need not give a directory."""
    if os.geteuid() == 0:
        where = "/run/vsw"
        assert f"default here: {where}" in vswctl("--help")[1]
    env = {"XDG_RUNTIME_DIR": str(tmp_path), "PATH": os.environ["PATH"]}
    helps = [subprocess.run([program, "--help"], text=True, capture_output=True, env=env).stdout
             for program in (PROGRAM, VSWCTL)]
    assert helps[0] and all(("/run/vsw" if os.geteuid() == 0 else f"{tmp_path}/vsw") in said for said in helps)


@pytest.mark.parametrize("arguments, word", [((), "which command"), (("-s", "/nonexistent", "help"), "is the switch running"),
                                             (("-M", "/" + "x" * 200, "help"), "at most 107 bytes"),
                                             (("-q", "help"), "invalid option"), (("-s",), "requires an argument")])
def test_errors_of_the_caller(arguments, word):
    status, said, error = vswctl(*arguments)
    assert (status, said) == (2, "") and word in error and error.count("\n") == 1


def test_version():
    assert vswctl("--version") == (0, "vswctl 0.1.0\n", "")
    assert "vswitchd 0.1.0" in subprocess.run([PROGRAM, "--version"], text=True, capture_output=True).stdout


def test_dead_and_stopped_switches(tmp_path):
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "dead"))
    dead.listen()
    dead.close()
    assert "the switch has ended" in vswctl("-M", tmp_path / "dead", "help")[2]
    with Switch() as switch:
        with paused(switch.pid):
            status, _, error = vswctl("-s", switch.dir, "help")
        assert status == 2 and "no reply for 10 s" in error


@needs_two_users
def test_another_user_is_told_why(switch):
    with public_dir() as directory:
        with Switch(dir=directory / "sw") as mine:
            os.chmod(mine.dir, 0o755)
            status, _, error = vswctl("-s", mine.dir, "help", user=NOBODY)
    assert status == 2 and "is closed to you" in error


def test_what_is_not_a_switch_cannot_write_to_the_terminal(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "fake"))
        server.listen()
        with subprocess.Popen([VSWCTL, "-M", tmp_path / "fake", "help"], stdout=subprocess.PIPE) as client:
            session, _ = server.accept()
            session.sendall(b"\nvde$ 0000 DATA END WITH '.'\n\x1b]0;title\x07\n.\n1000 Success\n\nvde$ ")
            assert client.communicate(timeout=20)[0] == b"?]0;title?\n"
            session.close()
    assert client.returncode == 0


def test_manual_page():
    page = ROOT / "docs" / "vswctl.1"
    done = subprocess.run(["groff", "-man", "-t", "-Tutf8", "-ww", "-z", page], text=True, capture_output=True)
    assert done.returncode == 0 and done.stderr == ""
    text = page.read_text().replace("\\-", "-")
    assert all(option in text for option in ("--sock", "--mgmt", "--help", "--version"))
