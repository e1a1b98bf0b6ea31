"""A terminal for tests: a pty with a session on it, as a login has, in which nobody else reads.

Prints the device's name in one line, then everything that is written to the terminal. Each line of standard input is one order in JSON:
{"type": TEXT}, {"size": [ROWS, COLUMNS]} or {"hangup": true}. Ends with its standard input.
"""
import fcntl
import json
import os
import select
import signal
import struct
import sys
import termios

master, slave = os.openpty()
os.setsid()
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP, signal.SIGTTOU):
    signal.signal(number, signal.SIG_IGN)
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def resize(rows, columns):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(*map(int, sys.argv[1:3]))
os.write(1, os.ttyname(slave).encode() + b"\n")
orders, sources = b"", [0, master]
while True:
    ready = select.select(sources, [], [])[0]
    if master in ready:
        os.write(1, os.read(master, 65536))
    if 0 not in ready:
        continue
    got = os.read(0, 65536)
    if not got:
        break
    orders += got
    *whole, orders = orders.split(b"\n")
    for order in map(json.loads, whole):
        if "type" in order:
            os.write(master, order["type"].encode())
        elif "size" in order:
            resize(*order["size"])
        else:
            os.close(master)
            sources = [0]
