#!/usr/bin/python3
"""Reads streams of HTTP/1.1 messages with h11, for the differential test of the codec.

Each line of standard input is "q HEX" (requests) or "r HEX" (responses to GET). Each line of standard output has the verdicts
on its messages in turn: M:CONSUMED:HEX a whole message, B:HEX a head whose body goes on, W a head that goes on,
R:HEX refused and why.
"""
import sys

import h11

LARGEST = 65536


def head_text(event):
    minor = "1.0" if event.http_version == b"1.0" else "1.1"
    if isinstance(event, h11.Request):
        start = event.method.decode("latin1") + " " + event.target.decode("latin1") + " " + minor
    else:
        start = str(event.status_code) + " " + bytes(event.reason).decode("latin1") + " " + minor
    lines = [n.decode("latin1") + ":" + v.decode("latin1") for n, v in event.headers]
    return "\n".join([start] + lines) + "\n"


def connection(kind):
    if kind == "q":
        return h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST)
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    return client


def read_one(kind, data):
    """The verdict on the first message of `data`, and how many bytes it had (None: go no further)."""
    conn = connection(kind)
    text = None
    body = b""
    try:
        conn.receive_data(data)
        while True:
            event = conn.next_event()
            if event is h11.NEED_DATA:
                return ("W" if text is None else "B:" + text.encode("latin1").hex()), None
            if isinstance(event, h11.InformationalResponse) and event.status_code != 101:
                used = len(data) - len(conn._receive_buffer)
                return "M:%d:%s" % (used, (head_text(event) + "[]").encode("latin1").hex()), used
            if isinstance(event, (h11.Request, h11.Response, h11.InformationalResponse)):
                text = head_text(event)
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                used = len(data) - len(conn._receive_buffer)
                whole = text.encode("latin1") + b"[" + body + b"]"
                return "M:%d:%s" % (used, whole.hex()), used
            else:
                return "B:" + (text or "").encode("latin1").hex(), None
    except h11.RemoteProtocolError as refusal:
        why = str(refusal).split(":")[0].split("(")[0].split("b'")[0].strip()
        return "R:" + why.encode().hex(), None


def main():
    for line in sys.stdin:
        kind, _, data = line.strip().partition(" ")
        data = bytes.fromhex(data)
        verdicts = []
        while data or not verdicts:
            verdict, used = read_one(kind, data)
            verdicts.append(verdict)
            if not used:
                break
            data = data[used:]
        print(" ".join(verdicts))


main()
