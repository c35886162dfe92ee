"""The guides against the programs: each line is run literally, and the switch must learn each guest that it attaches."""

import re
import shlex
import xml.etree.ElementTree

import pytest

from guide import RUNTIME, GuideMachine, Qmp, code_of, lines_of, sections, tables, two_machines
from switch import ROOT, wait_for
from users import needs_two_users

GUESTS = ROOT / "docs" / "guests.md"
COMING = ROOT / "docs" / "coming-from.md"
CONSOLE = re.compile(r"(port|vlan|hash|listen|debug|fstp|frame|tap)/[a-z]+( |$)|(help|showinfo)$")
BLOCKS = sections(GUESTS)


def kind_of(block):
    if block.startswith("<"):
        return "xml"
    if block.startswith("#!"):
        return "script"
    if CONSOLE.match(block):
        return "console"
    return "shell"


def follow(machines, block):
    """Runs a block of a guide, line by line, and waits until the switch has learned the guests that it starts."""
    here = machines[0]
    kind = kind_of(block)
    if kind == "xml":
        follow_xml(here, block)
    elif kind == "script":
        follow_script(here, block)
    elif kind == "console":
        for line in block.splitlines():
            here.vswctl(re.split(r"  +", line)[0])
    else:
        for host, line in lines_of(block):
            if line.program != "linux":
                if line.startswith("vswctl port/add tap,ifname=sw-"):
                    here.restart()
                for part in line.split(" & "):  # later lines may need what it creates
                    machines[host].follow(part)
        if here.guests:
            here.await_guests(here.directory)


# -- libvirt -------------------------------------------------------------------------------------------------

DOMAIN = """<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>guest</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>
  {}
</domain>
"""
# What libvirt makes of these interface types.
NETDEVS = {
    "client": "socket,connect={address}:{port}",
    "server": "socket,listen={address}:{port}",
    "udp": "socket,udp={address}:{port},localaddr={local[address]}:{local[port]}",
    "mcast": "socket,mcast={address}:{port}",
    "ethernet": "tap,ifname={dev},script=no,downscript=no",
}


def follow_xml(here, block):
    """libvirt's schema knows it, and QEMU's part of it works."""
    inner = re.sub(r"^<domain .*>$|^</domain>$|^ *\.\.\.$", "", block, flags=re.M)
    text = DOMAIN.format(inner if "<domain" in block else f"<devices>{block}</devices>")
    path = here.root / "run/domain.xml"
    path.write_text(text)
    here.run("virt-xml-validate /run/domain.xml domain")
    domain = xml.etree.ElementTree.fromstring(text)
    arguments = [arg.get("value") for arg in domain.iter("{http://libvirt.org/schemas/domain/qemu/1.0}arg")]
    for card in domain.iter("interface"):
        if card.get("type") == "bridge":
            continue
        source, target = card.find("source"), card.find("target")
        facts = {**(source.attrib if source is not None else {}), **(target.attrib if target is not None else {})}
        if source is not None and source.find("local") is not None:
            facts["local"] = source.find("local").attrib
        netdev = NETDEVS[card.get("type")].format(**facts)
        arguments += ["-nic", f"{netdev},model=virtio-net-pci,mac={card.find('mac').get('address')}"]
    if arguments:
        here.follow("qemu-system-x86_64 " + shlex.join(arguments))
        here.await_guests()


# -- scripts -------------------------------------------------------------------------------------------------


def follow_script(here, block):
    """A launcher: its switch learns its guest."""
    (here.root / "run/launcher").write_text(block)
    launcher = here.start("/usr/bin/python3 /run/launcher")
    monitors = here.root / "run/qmp"
    guest = Qmp(wait_for(lambda: next(monitors.iterdir(), None), message="the launcher's guest"))

    def is_heard():
        guest.announce()
        return set(re.findall(r"mac=([0-9a-f:]{17})", block)) <= set(here.addresses())

    wait_for(is_heard, message=f"the launcher's guest at its switch\n{here.said(launcher)}")
    guest.close()
    here.end(launcher)
    for monitor in monitors.iterdir():
        monitor.unlink()


# -- guests.md -----------------------------------------------------------------------------------------------

PLAIN = [title for title in BLOCKS if BLOCKS[title] and title not in
         {"A network with addresses", "Joining switches", "Over ssh", "Over a network that is yours", "User Mode Linux"}]


@pytest.mark.parametrize("title", PLAIN)
def test_guests(title):
    with GuideMachine() as here:
        for block in BLOCKS[title]:
            follow([here], block)


RESTARTED = ["stream over a UNIX socket", "A guest that outlives the switch", "vde", "stream over TCP", "socket over TCP", "dgram",
             "socket over UDP", "Multicast"]


@pytest.mark.parametrize("title", RESTARTED)
def test_when_the_switch_starts_again(title):
    """Guests that connect are lost, in QEMU 7.2; those that listen, or send datagrams, come back. One at a time: a card
    without a driver that has received frames does not notice that the switch has gone."""
    switch = [block for block in BLOCKS[title] if block.startswith("vswitchd")][-1]
    for _, line in lines_of([block for block in BLOCKS[title] if block.startswith("qemu")][-1]):
        with GuideMachine() as here:
            follow([here], switch)
            here.follow(line)
            here.await_guests()
            here.restart()
            if re.search(r"server=off|connect=|vde,", line):
                assert here.heard_now() == set()
            else:
                wait_for(lambda: here.heard_now() == set(line.macs), message=f"a guest that is heard again\n{here.report()}")


# -- networks with addresses ---------------------------------------------------------------------------------


def lease(machine, vlan=0):
    """What a DHCP client at the switch is given. Its TAP is in a namespace of its own."""
    machine.vswctl(f"port/add tap,ifname=client,vlan={vlan}")
    client = machine.start("unshare --net sleep infinity")
    wait_for(lambda: machine.run(f"readlink /proc/{client.pid}/ns/net") != machine.run("readlink /proc/self/ns/net"))
    machine.run(f"ip link set client netns {client.pid}")
    said = machine.run(f"nsenter --net=/proc/{client.pid}/ns/net sh -c "
                       "'ip link set lo up; ip link set client up; busybox udhcpc -i client -n -q -t 5 -s /bin/true'")
    machine.end(client)
    return re.search(r"lease of (\S+) obtained", said)[1]


def test_slirp():
    """A lease, and a forwarded port."""
    for block in BLOCKS["A network with addresses"][:2]:
        with two_machines() as machines:
            follow(machines, block)
            assert lease(machines[0]) == "10.0.2.15"
            if "tcpfwd" in block:
                listening = machines[0].run("ss -ltn")
                assert "127.0.0.1:2222 " in listening and "127.0.0.1:8080 " in listening


@needs_two_users
def test_passt():
    """Its user is not root: as root it would switch to user nobody."""
    with two_machines() as machines:
        here = machines[0]
        here.run(f"chown 1000:1000 {RUNTIME}")
        for block in BLOCKS["A network with addresses"][2:]:
            follow(machines, block)
        assert lease(here, vlan=10) == "192.0.2.1"


# -- joined switches -----------------------------------------------------------------------------------------

JOINED = [(title, number) for title in ("Joining switches", "Over ssh", "Over a network that is yours")
          for number in range(len(BLOCKS[title]))]


MACS = ("52:54:00:02:00:01", "52:54:00:02:00:02")


@pytest.mark.parametrize("title, number", JOINED)
def test_joined_switches(title, number):
    """Each switch learns the other's guest, in the VLAN that both ends have."""
    with two_machines() as machines:
        block = BLOCKS[title][number]
        follow(machines, block)
        vlan = 10 if "trunk=10" in block else 0
        switches = [(machine, directory) for machine in machines for directory in machine.switches]
        assert len(switches) == 2
        for mac, (machine, directory), (other, other_directory) in zip(MACS, switches, reversed(switches)):
            machine.vswctl(f"port/add vde,name=guest,vlan={vlan}", directory)
            machine.follow(f"qemu-system-x86_64 -nic vde,sock={directory}[guest],mac={mac}")

            def is_heard():
                machine.guests[-1].qmp.announce()
                return re.search(rf"Addr: {mac} VLAN {vlan:04}", other.vswctl("hash/print", other_directory))

            wait_for(is_heard, 15, f"a guest of {directory} at {other_directory}\n{machine.report()}\n{other.report()}")
            machine.end_guests()


# -- User Mode Linux -----------------------------------------------------------------------------------------


def test_user_mode_linux():
    """The lines have the form that the kernel's drivers read."""
    lines = [line for block in BLOCKS["User Mode Linux"] for _, line in lines_of(block) if line.program == "linux"]
    forms = [r"eth0=daemon,([0-9a-f:]{17})?,unix,DIR/ctl", r"eth0=vde,DIR,([0-9a-f:]{17})?,\d+", r"vec0:transport=vde,vnl=vde://DIR"]
    assert len(lines) == len(forms)
    assert all(re.fullmatch(f"linux ubd0=root.img {form}", line) for form, line in zip(forms, lines))


# -- coming-from.md ------------------------------------------------------------------------------------------

ROWS, HEADS = tables(COMING), sections(COMING)


def follow_code(machines, code, console):
    """A piece of code from a table: of the shell, of the console, or options of QEMU."""
    here = machines[0]
    if CONSOLE.match(code):
        here.vswctl(code, console if console in here.switches else None)
    elif code.startswith("-n"):
        here.follow(f"qemu-system-x86_64 {code}")
        here.await_guests(here.directory)
        here.end_guests()
    elif " " in code or code == "vswitchd":
        follow(machines, code)
    else:
        assert code in {"stream", "isolated", "tcpdump", "-x", "disable_host_loopback"}, f"what is {code}?"


@pytest.mark.parametrize("title", ROWS)
def test_coming_from(title):
    """Each table on one machine, from top to bottom."""
    with two_machines() as machines:
        machines[0].run("ip link add eth1 type veth peer name far1; ip link set eth1 up; ip link set far1 up; mkdir -p /srv/tftp")
        for block in HEADS[title]:
            follow(machines, block)
        console = machines[0].directory
        for _, here in ROWS[title][1:]:
            for code in code_of(here):
                follow_code(machines, code, console)


def test_coming_from_gns3():
    with GuideMachine() as here:
        for block in HEADS["GNS3 and Kathará"]:
            follow([here], block)
        here.follow("qemu-system-x86_64 -nic socket,udp=127.0.0.1:20001,localaddr=127.0.0.1:20000,mac=52:54:00:02:00:20")
        here.await_guests()


def test_readme():
    """Its lines for switches and guests; the rest are for one's own machine."""
    with GuideMachine() as here:
        here.run("ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up")
        here.follow("vswitchd")
        for block in sections(ROOT / "README.md")["Plugging in"]:
            for _, line in lines_of(block):
                if "qemu-system-x86_64" in line or line.program == "vswitchd":
                    here.follow(line)
            here.await_guests(here.directory)


def test_every_guest_has_a_mac_of_its_own():
    macs = re.findall(r"(?:mac=|mac address=')([0-9a-f:]{17})", GUESTS.read_text() + COMING.read_text())
    assert len(macs) > 30 and len(set(macs)) == len(macs)


def test_links_of_the_guides():
    for path in (GUESTS, COMING):
        for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
            name, _, anchor = target.partition("#")
            page = path.parent / name if name else path
            anchors = {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-")
                       for head in re.findall(r"^#+ (.*)$", page.read_text(), re.M)}
            assert not anchor or anchor in anchors, target
