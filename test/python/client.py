"""Runs a program as `python ARGUMENT...` does, in a process that has TensorFlow already.

    python test/python/client.py SCRIPT|-c PROGRAM ARGUMENT...

$LOSSLENS_PYTHON_SERVER names the socket of server.py.
"""
import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.environ['LOSSLENS_PYTHON_SERVER'])
    socket.send_fds(server, [b' '], [0, 1, 2])
    server.sendall(json.dumps(sys.argv[1:]).encode())
    server.shutdown(socket.SHUT_WR)
    status = server.recv(1)
sys.exit(status[0] if status else 'the process ended without a word')
