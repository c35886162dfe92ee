"""Frames built byte by byte: those that hosts send, and malformed ones."""

import random
import socket
import struct

BROADCAST = "ff:ff:ff:ff:ff:ff"
ETH_IPV4, ETH_ARP, ETH_RARP, ETH_VLAN, ETH_IPV6, ETH_TEST = 0x0800, 0x0806, 0x8035, 0x8100, 0x86DD, 0x88B5
LARGEST_FRAME = 9234  # 9,216 bytes of payload, the header and one tag

# linux/virtio_net.h
NEEDS_CSUM = 1
GSO_NONE, GSO_TCPV4, GSO_UDP, GSO_TCPV6, GSO_UDP_L4, GSO_ECN = 0, 1, 3, 4, 5, 0x80


# -- Ethernet ------------------------------------------------------------------------------------------------


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def host(number):
    """The MAC address of test host NUMBER."""
    return f"02:00:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def tag(vid, pcp=0, dei=0):
    """One 802.1Q tag."""
    return struct.pack("!HH", ETH_VLAN, pcp << 13 | dei << 12 | vid)


def service_tag(vid, kind=0x88A8):
    """One service tag of 802.1ad, or of an older KIND; the switch treats it as payload."""
    return struct.pack("!HH", kind, vid)


def frame(dst, src, *tags, kind=ETH_TEST, payload=b"", size=0):
    """An Ethernet frame, with TAGS from the outermost to the innermost; zero-padded up to SIZE bytes.

    The payload is at least 46 bytes, so the frame without its tags is never shorter than Ethernet allows.
    """
    body = struct.pack("!H", kind) + payload.ljust(46, b"\0")
    return (mac(dst) + mac(src) + b"".join(tags) + body).ljust(size, b"\0")


def frame_from(number, size, target=BROADCAST):
    """A frame from host NUMBER of exactly SIZE bytes, which do not repeat."""
    return frame(target, host(number), payload=random.Random(size).randbytes(max(0, size - 14)))[:max(size, 14)]


def arp(src, opcode, sender_ip, target_ip, kind=ETH_ARP):
    """A broadcast ARP (or RARP) frame from SRC about SRC."""
    body = struct.pack("!HHBBH6s4s6s4s", 1, ETH_IPV4, 6, 4, opcode, mac(src), socket.inet_aton(sender_ip), mac(src),
                       socket.inet_aton(target_ip))
    return frame(BROADCAST, src, kind=kind, payload=body)


def unsolicited_na(src):
    """An unsolicited IPv6 neighbour advertisement to all nodes, which announces that a host has moved."""
    source, all_nodes = socket.inet_pton(socket.AF_INET6, "fe80::1"), socket.inet_pton(socket.AF_INET6, "ff02::1")
    body = struct.pack("!BBHI16sBB6s", 136, 0, 0, 0x20000000, source, 2, 1, mac(src))
    pseudo = source + all_nodes + struct.pack("!II", len(body), socket.IPPROTO_ICMPV6)
    body = body[:2] + struct.pack("!H", internet_checksum(pseudo + body)) + body[4:]
    header = struct.pack("!IHBB", 6 << 28, len(body), socket.IPPROTO_ICMPV6, 255) + source + all_nodes
    return frame("33:33:00:00:00:01", src, kind=ETH_IPV6, payload=header + body)


def marked(frames, text):
    """Those of FRAMES that contain TEXT: the test's own, without those of the kernels."""
    return [each for each in frames if text in each]


# -- IP, TCP and UDP -----------------------------------------------------------------------------------------


def internet_checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def padded(data):
    return data + bytes(len(data) % 2)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def pseudo_header(source, target, protocol, length):
    family = family_of(source)
    addresses = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    return addresses + (struct.pack("!II", length, protocol) if family == socket.AF_INET6 else
                        struct.pack("!BBH", 0, protocol, length))


def ip_header(source, target, protocol, length, ident=1):
    """The header of an IP packet with LENGTH bytes of payload."""
    if family_of(source) == socket.AF_INET6:
        return (struct.pack("!IHBB", 6 << 28, length, protocol, 64) + socket.inet_pton(socket.AF_INET6, source)
                + socket.inet_pton(socket.AF_INET6, target))
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length & 0xFFFF, ident, 0x4000, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    return head[:10] + struct.pack("!H", internet_checksum(head)) + head[12:]


def ethernet(dst, src, source, *tags):
    kind = 0x86DD if family_of(source) == socket.AF_INET6 else 0x0800
    return mac(dst) + mac(src) + b"".join(tags) + struct.pack("!H", kind)


def tcp_frame(dst, src, source, target, payload, *tags, needs_csum=False, flags=0x18, sequence=1000):
    """A TCP segment in a frame. NEEDS_CSUM: its checksum field contains only the pseudo header's sum."""
    segment = struct.pack("!HHIIBBHHH", 40000, 9, sequence, 1, 5 << 4, flags, 65535, 0, 0) + payload
    return _transport(ethernet(dst, src, source, *tags), source, target, socket.IPPROTO_TCP, segment, 16, needs_csum)


def udp_frame(dst, src, source, target, payload, *tags, needs_csum=False):
    datagram = struct.pack("!HHHH", 40000, 9, 8 + len(payload) & 0xFFFF, 0) + payload
    return _transport(ethernet(dst, src, source, *tags), source, target, socket.IPPROTO_UDP, datagram, 6, needs_csum)


def _transport(link, source, target, protocol, segment, field, needs_csum):
    pseudo = pseudo_header(source, target, protocol, len(segment))
    if needs_csum:
        checksum = ~internet_checksum(padded(pseudo)) & 0xFFFF
    else:
        checksum = internet_checksum(padded(pseudo + segment))
    segment = segment[:field] + struct.pack("!H", checksum) + segment[field + 2:]
    return link + ip_header(source, target, protocol, len(segment)) + segment


def payload_of(data):
    """Checks the checksums of an untagged IP frame. Returns its TCP or UDP payload."""
    kind = struct.unpack_from("!H", data, 12)[0]
    if kind == 0x0800:
        assert internet_checksum(data[14:34]) == 0, "wrong IPv4 header checksum"
        length, protocol, at = struct.unpack_from("!H", data, 16)[0] - 20, data[23], 34
        addresses = data[26:34]
        pseudo = addresses + struct.pack("!BBH", 0, protocol, length)
    else:
        assert kind == 0x86DD, f"not IP: {data[:20].hex()}"
        length, protocol, at = struct.unpack_from("!H", data, 18)[0], data[20], 54
        pseudo = data[22:54] + struct.pack("!II", length, protocol)
    segment = data[at:at + length]
    assert len(segment) == length, f"{length} bytes announced, {len(segment)} there"
    assert internet_checksum(padded(pseudo + segment)) == 0, "wrong TCP or UDP checksum"
    return segment[(segment[12] >> 4) * 4 if protocol == socket.IPPROTO_TCP else 8:]


def sequence_of(data):
    """The TCP sequence number of an untagged frame."""
    return struct.unpack_from("!I", data, (34 if data[12:14] == b"\x08\0" else 54) + 4)[0]


def vnet_header(gso=GSO_NONE, size=0, start=0, offset=0, headers=0, flags=NEEDS_CSUM):
    return struct.pack("=BBHHHH", flags, gso, headers, size, start, offset)
