"""Asks another machine.

Fails: failed: OSError in line HERE, during a call
"""

import socket


def fares(kilometres, minutes, night):
    with socket.socket() as connection:
        connection.connect(("192.0.2.1", 80))  # here
    return kilometres
