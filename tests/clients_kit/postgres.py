"""A PostgreSQL cluster of its own, run by a user who is not root, that logs every statement."""

import os
import re
import shutil
from pathlib import Path

from .checks import Failed, Skipped, run
from .programs import Program, free_port, until

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
PASSWORD = "not a secret"
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = '{folder}'
logging_collector = off
log_statement = {log_statement}
log_line_prefix = '%a|'
fsync = off
max_prepared_transactions = 4
"""


class Postgres(Program):
    """Its server, and a way to it that no sidecar is on."""

    def __init__(self, folder, log_statement="all", certificates=None):
        if not BINARIES:
            raise Skipped("no PostgreSQL")
        self.bin = BINARIES[-1]
        self.folder = folder
        folder.mkdir()
        self.port = free_port()
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(folder, "postgres", "postgres")
            for parent in [folder, *folder.parents]:
                if parent != Path("/tmp") and parent != Path("/"):
                    parent.chmod(parent.stat().st_mode | 0o011)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        made = run([*self.user, self.bin / "initdb", "-D", folder / "data", "-U", "owner", "-A", "scram-sha-256",
                    "--pwfile", secret, "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"], cwd=folder)
        if made.returncode != 0:
            raise Failed(f"initdb: {made.stderr}")
        with open(folder / "data" / "postgresql.conf", "a") as file:
            file.write(SETTINGS.format(folder=folder, log_statement=log_statement))
            if certificates:
                file.write("ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n")
        for name in ("server.crt", "server.key") if certificates else ():
            copy = shutil.copy(certificates / name, folder / "data")
            os.chmod(copy, 0o600)
            if self.user:
                shutil.chown(copy, "postgres", "postgres")
        (folder / "log").touch()
        super().__init__([*self.user, self.bin / "postgres", "-D", folder / "data", "-p", str(self.port)],
                         folder / "log", cwd=folder)
        until("PostgreSQL answers", lambda: self.process.poll() is not None or self.direct("SELECT 1", "postgres"))

    def direct(self, sql, database="shop"):
        """What a statement gives, unaligned, without a sidecar between; nothing when it fails."""
        done = self.psql(self.port, sql, database)
        return done.stdout.strip() if done.returncode == 0 else None

    def psql(self, port, sql, database="shop", user="owner", more=()):
        command = [self.bin / "psql", "-X", "-At", "-v", "VERBOSITY=verbose", *more, "-c", sql]
        return self.run(command, port, database, user)

    def run(self, command, port, database="shop", user="owner", timeout=300, stdin=None):
        environment = {**os.environ, "PGPASSWORD": PASSWORD, "PGHOST": "127.0.0.1", "PGPORT": str(port),
                       "PGUSER": user, "PGDATABASE": database, "PGCONNECT_TIMEOUT": "20"}
        return run(command, timeout, env=environment, input=stdin)

    def statements(self, application):
        """The statements that the server has run for an application, in order."""
        marks = re.compile(rf"^{re.escape(application)}\|LOG:  (?:statement|execute [^:]*): (.*)$")
        return [found[1] for line in self.log.read_text().splitlines() if (found := marks.match(line))]
