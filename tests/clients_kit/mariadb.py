"""A MariaDB server of its own, with its own data, run by a user who is not root, that logs every statement."""

import os
import re
import shutil
from pathlib import Path

from .checks import Failed, Skipped, run
from .programs import Program, free_port, until

PASSWORD = "not a secret"


class MariaDB(Program):
    """Its server, and a way to it that no sidecar is on. `more` are further options of the server."""

    def __init__(self, folder, certificates=None, more=()):
        daemon = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")
        if daemon is None or shutil.which("mariadb-install-db") is None:
            raise Skipped("no MariaDB")
        self.folder = folder
        folder.mkdir()
        self.port = free_port()
        self.socket = folder / "socket"
        self.general = folder / "general.log"
        if os.geteuid() == 0:
            shutil.chown(folder, "mysql", "mysql")
            for parent in [folder, *folder.parents]:
                if parent not in (Path("/tmp"), Path("/")):
                    parent.chmod(parent.stat().st_mode | 0o011)
        user = ["--user=mysql"] if os.geteuid() == 0 else []
        made = run(["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal",
                    "--skip-test-db", *user], cwd=folder)
        if made.returncode != 0:
            raise Failed(f"mariadb-install-db: {made.stdout} {made.stderr}")
        tls = []
        for name in ("server.crt", "server.key", "ca.crt") if certificates else ():
            copy = shutil.copy(certificates / name, folder / name)
            os.chmod(copy, 0o600)
            if user:
                shutil.chown(copy, "mysql", "mysql")
        if certificates:
            tls = [f"--ssl-cert={folder}/server.crt", f"--ssl-key={folder}/server.key", f"--ssl-ca={folder}/ca.crt"]
        super().__init__([daemon, "--no-defaults", f"--datadir={folder}/data", f"--port={self.port}", "--bind-address=127.0.0.1",
                          f"--socket={self.socket}", f"--pid-file={folder}/pid", "--general-log=1",
                          f"--general-log-file={self.general}", "--innodb-flush-log-at-trx-commit=0", "--local-infile=1",
                          "--innodb-buffer-pool-size=16M", "--character-set-server=utf8mb4", "--performance-schema=OFF", *tls, *user, *more],
                         folder / "log", cwd=folder)
        until("MariaDB answers", lambda: self.process.poll() is not None or self.direct("SELECT 1", "mysql"), 60)

    def direct(self, sql, database="shop"):
        """What a statement gives, unaligned, without a sidecar between; nothing when it fails."""
        done = run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-uroot", "-N", "-B", database, "-e", sql])
        return done.stdout.strip() if done.returncode == 0 else None

    def client(self, port, sql, user="app", database="shop", more=(), program="mariadb", timeout=60):
        """Debian's client, or another of its programs, through a port."""
        command = [program, "--no-defaults", "--protocol=tcp", "-h127.0.0.1", f"-P{port}", f"-u{user}", f"-p{PASSWORD}",
                   *more, *([database] if database else [])]
        return run(command, timeout, input=sql)

    def statements(self, marks):
        """The statements that hold one of `marks`, as the server has run them, in order."""
        return [line for _, _, line in self.logged() if any(mark in line for mark in marks)]

    def log_of(self, user):
        """The statements that a user's sessions have run or prepared, and the databases they have turned to."""
        mine, told = set(), []
        for session, kind, line in self.logged():
            if kind == "Connect" and line.startswith(f"{user}@"):
                mine.add(session)
            elif session in mine and kind in ("Query", "Execute", "Prepare", "Init DB"):
                told.append(line)
        return told

    def logged(self):
        return re.findall(r"\t\s*(\d+) ([A-Z][A-Za-z ]*?)\t(.*)", self.general.read_text(errors="replace"))
