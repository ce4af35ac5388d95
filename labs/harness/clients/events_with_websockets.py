"""websockets: the close codes of RFC 6455 as a strict client sees them."""

import socket
import urllib.parse

import requests
from report import TIMEOUT, URL, credential, main
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

MAX_MESSAGE = 64 * 1024


def close_code(events):
    """The code of the server's close frame; 1006 if the connection ended without one."""
    try:
        while True:
            events.recv(timeout=TIMEOUT)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


CONTINUATION, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
FIN, RSV1 = 0x80, 0x40


def frame(opcode, payload=b"", flags=FIN, masked=True):
    """A frame of RFC 6455, section 5.2, also one that a library would refuse to send."""
    length = len(payload)
    if length < 126:
        head = bytes([flags | opcode, masked << 7 | length])
    elif length < 1 << 16:
        head = bytes([flags | opcode, masked << 7 | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([flags | opcode, masked << 7 | 127]) + length.to_bytes(8, "big")
    # A mask of zeros leaves the payload as it is.
    return head + (bytes(4) if masked else b"") + payload


def closing(report, address, headers):
    for code in (1000, 1001, 3000, 4999):
        with connect(address, additional_headers=headers) as events:
            events.close(code)
            seen = events.protocol.close_rcvd
            report.equal(f"a close with {code} is answered", seen and seen.code, code)
    with connect(address, additional_headers=headers) as events:
        events.socket.sendall(frame(CLOSE))
        report.equal("a close without a code is answered", close_code(events), 1005, 1000)


def violations(report, address, headers):
    """RFC 6455, section 7.4.1: 1002 protocol error, 1007 invalid data, 1009 too big."""
    over = b"x" * (MAX_MESSAGE + 1)
    for name, data, code in [
        ("a frame without a mask", frame(TEXT, b"ping", masked=False), 1002),
        ("a reserved bit", frame(TEXT, b"ping", FIN | RSV1), 1002),
        ("an unknown opcode", frame(3), 1002),
        ("an unknown control opcode", frame(11), 1002),
        ("a ping of 126 bytes", frame(PING, bytes(126)), 1002),
        ("a ping in pieces", frame(PING, b"x", 0), 1002),
        ("a continuation of nothing", frame(CONTINUATION, b"x"), 1002),
        ("a message inside another", frame(TEXT, b"a", 0) + frame(TEXT, b"b"), 1002),
        ("a close of one byte", frame(CLOSE, b"\x03"), 1002),
        ("a close with 999", frame(CLOSE, b"\x03\xe7"), 1002),
        ("a close with 1005", frame(CLOSE, b"\x03\xed"), 1002),
        ("text that is no UTF-8", frame(TEXT, b"\xff\xfe"), 1007),
        ("half a character", frame(TEXT, b"\xc3", 0) + frame(CONTINUATION, b"("), 1007),
        ("a reason that is no UTF-8", frame(CLOSE, b"\x03\xe8\xff"), 1007),
        ("a message over the limit", frame(TEXT, over), 1009),
        (
            "pieces over the limit",
            frame(BINARY, over[1:], 0) + frame(CONTINUATION, over[1:]),
            1009,
        ),
    ]:
        with connect(address, additional_headers=headers) as events:
            events.socket.sendall(data)
            report.equal(f"{name} is closed with its code", close_code(events), code)


def handshakes(report, headers):
    """RFC 6455, section 4.4: a refusal of a version names the version that is spoken."""
    upgrade = {
        **headers,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    for name, change, statuses in [
        ("an old version", {"Sec-WebSocket-Version": "8"}, (400, 426)),
        ("no version", {"Sec-WebSocket-Version": None}, (400, 426)),
        ("no key", {"Sec-WebSocket-Key": None}, (400,)),
        ("a short key", {"Sec-WebSocket-Key": "c2hvcnQ="}, (400,)),
        ("another protocol", {"Upgrade": "h2c"}, (400, 426)),
        ("no credential", dict.fromkeys(headers), (401,)),
    ]:
        sent = {key: value for key, value in {**upgrade, **change}.items() if value}
        reply = requests.get(f"{URL}/api/events", headers=sent, timeout=TIMEOUT)
        report.equal(f"a handshake with {name} is refused", reply.status_code, *statuses)
        if "version" in name:
            seen = reply.headers.get("Sec-WebSocket-Version")
            report.equal(f"the refusal of {name} names the version", seen, "13")


def disconnect(report, address, headers):
    """A client that goes away without a close frame leaves its place to the next one."""
    for _ in range(24):
        with connect(address, additional_headers=headers, close_timeout=1) as events:
            events.socket.shutdown(socket.SHUT_RDWR)
    with connect(address, additional_headers=headers) as events:
        events.send("ping")
        report.equal("broken sockets leave room", events.recv(timeout=TIMEOUT), "pong")


def program(report):
    headers = credential()
    address = urllib.parse.urlsplit(URL)._replace(scheme="ws", path="/api/events").geturl()
    closing(report, address, headers)
    violations(report, address, headers)
    handshakes(report, headers)
    disconnect(report, address, headers)


main(program)
