"""Follows deploy/own-queries.md word by word: its files are written, its commands run, and what they say is what the page says. Only
the two ports are others."""

import os
import re
from pathlib import Path

from clients_kit.checks import Failed, run
from clients_kit.postgres import PASSWORD
from clients_kit.programs import Program, free_port, listening, until

PAGE = Path(__file__).parents[2] / "deploy/own-queries.md"
BLOCK = re.compile(r"^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def follows(binary, folder, server):
    home, port = folder / "page", free_port()
    home.mkdir()
    (home / "podwall").symlink_to(binary)
    server.direct("DELETE FROM orders")
    text = PAGE.read_text().replace("15432", str(port)).replace("5432\"", f"{server.port}\"")
    environment = {**os.environ, "PATH": f"{home}:{server.bin}:{os.environ['PATH']}", "PGPASSWORD": PASSWORD}
    exported, programs, commands = "", [], 0
    try:
        for name, content in BLOCK.findall(text):
            if name == "start":
                command = content.removeprefix("$ ").split()
                programs.append(Program([home / command[0], *command[1:]], folder / "page.log", cwd=home))
                until("the sidecar listens", listening(port))
            elif name == "console":
                for command, said in spoken(content):
                    if command.startswith("export "):
                        exported += f"{command}; "
                        continue
                    if "log learn" in command:
                        until("an interval's end", lambda: has_run(home / "record.jsonl") >= 6, 20)
                    reload = "allowlist.yaml" in command
                    done = run(["bash", "-c", exported + command], env=environment, cwd=home)
                    compare(command, done.stdout + done.stderr, said)
                    commands += 1
                    if reload:
                        until("the allowlist is read", lambda: '"line":"reload"' in (home / "record.jsonl").read_text(), 20)
            elif (home / name).exists() and name != "allowlist.yaml":
                compare(name, (home / name).read_text(), content)
            else:
                (home / name).write_text(content)
    finally:
        for program in programs:
            program.end()
        server.direct("DELETE FROM orders")
    return f"{commands} commands"


def spoken(content):
    """Commands, each with what it says."""
    pieces = re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]
    return [(command, said) for command, _, said in (piece.partition("\n") for piece in pieces)]


def has_run(record):
    times = re.findall(r'"line":"statement".*?"times":(\d+)', record.read_text())
    return sum(map(int, times))


def compare(what, found, expected):
    """`…` stands for anything."""
    pattern = ".*".join(map(re.escape, expected.strip().split("…")))
    if not re.fullmatch(pattern, found.strip(), re.DOTALL):
        raise Failed(f"{what} says\n{found}\nand not\n{expected}")
