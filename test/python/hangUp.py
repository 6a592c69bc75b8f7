"""Runs a program in a terminal of an interactive shell and closes the terminal while it runs.

Arguments: the file for the program's exit code, a regular expression for what it prints before the
terminal is closed, the program and its arguments. Prints the exit code as JSON.
"""
import json
import os
import pty
import re
import select
import shlex
import sys
import time

code_file, pattern, *command = sys.argv[1:]
# The shell around the program outlives the terminal, to say how the program ended.
watched = f'trap : HUP; {shlex.join(command)}; echo $? > {shlex.quote(code_file)}'
pid, terminal = pty.fork()
if pid == 0:
    os.environ['PS1'] = ''
    os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])
os.write(terminal, f'bash -c {shlex.quote(watched)}\n'.encode())
seen = b''
deadline = time.monotonic() + 60
while not re.search(pattern.encode(), seen):
    if time.monotonic() > deadline:
        sys.exit(f'not seen: {pattern} in {seen.decode(errors="replace")}')
    if select.select([terminal], [], [], 1)[0]:
        seen += os.read(terminal, 1 << 16)
os.close(terminal)
while not (os.path.exists(code_file) and os.path.getsize(code_file) > 0):
    if time.monotonic() > deadline:
        sys.exit('it goes on without its terminal')
    time.sleep(0.05)
print(json.dumps(int(open(code_file).read())))
