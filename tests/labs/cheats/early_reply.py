"""Sends an answer before it is called, right behind the message that it is ready.

Fails: failed: it wrote to the grader's channel before it was called
"""

import os
import struct
import sys

import wire

sent = b""
for message in ({"ready": True}, {"value": [6.0]}):
    frame = wire.pack(message)
    sent += struct.pack("<4sIQ", b"RLAB", len(frame.header), len(frame.body)) + frame.header + frame.body
os.write(int(sys.argv[1]), sent)


def fares(kilometres, minutes, night):
    return kilometres
