"""A PostgreSQL cluster of its own, run by a user who is not root, that logs every statement."""

import asyncio
import os
import re
import shutil
import ssl
import threading
from pathlib import Path

from .checks import Failed, Skipped, run
from .programs import Program, free_port, until

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
PASSWORD = "not a secret"
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = '{folder}'
logging_collector = off
log_statement = all
log_line_prefix = '%a|'
fsync = off
max_prepared_transactions = 4
"""


class Postgres(Program):
    """Its server, and a way to it that no sidecar is on."""

    def __init__(self, folder):
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
            file.write(SETTINGS.format(folder=folder))
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


class Relay:
    """Plaintext in, mTLS out: what a sidecar on the caller's side does."""

    def __init__(self, port, certificates):
        self.context = ssl.create_default_context(cafile=certificates / "ca.crt")
        self.context.load_cert_chain(certificates / "client.crt", certificates / "client.key")
        self.context.check_hostname = False
        self.to = port
        self.port = free_port()
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(asyncio.start_server(self.carry, "127.0.0.1", self.port))
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def carry(self, client, to_client):
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self.to, ssl=self.context)
        except OSError:
            return to_client.close()
        await asyncio.gather(pipe(client, to_server), pipe(server, to_client))

    def end(self):
        self.loop.call_soon_threadsafe(self.loop.stop)


async def pipe(source, target):
    """Carries one direction to its end."""
    try:
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    except OSError:
        pass
    target.close()
