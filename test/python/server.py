"""Runs Python programs for the tests of one run, each in a process forked from this one.

    python test/python/server.py SOCKET MODULE...

Imports the modules once: TensorFlow takes seconds, a fork does not. Through the Unix socket SOCKET
client.py hands over its standard streams and its arguments, and gets the exit status, or nothing
where the process died. Ends when its own standard input does, with whoever started it.
"""
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback


def run(arguments):
    """Runs `SCRIPT ARGUMENT...` or `-c PROGRAM ARGUMENT...` as Python does. Returns the exit status."""
    script, *rest = arguments
    try:
        if script == '-c':
            program, *rest = rest
            sys.argv = ['-c', *rest]
            exec(compile(program, '<string>', 'exec'), {'__name__': '__main__'})
        else:
            sys.argv = [script, *rest]
            runpy.run_path(script, run_name='__main__')
        return 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1


def answer(connection):
    """Runs what one client asks for, in a process of its own."""
    message, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    while part := connection.recv(1 << 16):
        message += part
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
    status = run(json.loads(message))
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([status & 0xFF]))


with socket.socket(socket.AF_UNIX) as server:
    server.bind(sys.argv[1])
    # Who asks before all is imported waits.
    server.listen(64)
    for module in sys.argv[2:]:
        importlib.import_module(module)
    # Nobody waits for the processes.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([server, sys.stdin], [], [])
        if sys.stdin in ready:
            break
        connection, _ = server.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            server.close()
            try:
                answer(connection)
            finally:
                os._exit(0)
        connection.close()
