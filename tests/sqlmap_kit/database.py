"""A PostgreSQL of its own, on a Unix socket, with a secret in it."""

import glob
import os
import pwd
import shutil
from pathlib import Path

from clients_kit.checks import Failed, Skipped, run
from clients_kit.programs import Program, until

SECRET = "the-crown-jewels-4711"
CONTENTS = f"""\
CREATE ROLE shop LOGIN;
CREATE TABLE items (id int PRIMARY KEY, name text);
INSERT INTO items VALUES (1, 'kettle'), (2, 'teapot'), (3, 'cup');
CREATE TABLE vault (id int PRIMARY KEY, secret text);
INSERT INTO vault VALUES (1, '{SECRET}');
GRANT SELECT ON items, vault TO shop;
"""


class Database(Program):
    """Begins empty, ends with the test. PostgreSQL refuses to run as root, so it runs as its own user there."""

    def __init__(self, folder):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin")) or [str(Path(shutil.which("postgres") or "/").parent)]
        if not Path(programs[-1], "initdb").exists():
            raise Skipped("no PostgreSQL server")
        folder.mkdir()
        owner = []
        if os.getuid() == 0:
            try:
                user = pwd.getpwnam("postgres")
            except KeyError:
                raise Skipped("no user `postgres` to run the server as") from None
            os.chown(folder, user.pw_uid, user.pw_gid)
            owner = ["runuser", "-u", "postgres", "--"]
        self.socket = f"{folder}/.s.PGSQL.5432"
        data = f"{folder}/data"
        made = run([*owner, f"{programs[-1]}/initdb", "-A", "trust", "-U", "postgres", "-D", data], cwd=folder)
        if made.returncode != 0:
            raise Failed(f"initdb: {made.stderr}")
        settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        super().__init__([*owner, f"{programs[-1]}/postgres", "-D", data, *settings], folder.parent / "postgres.log")
        until("PostgreSQL listens", lambda: Path(self.socket).exists())
        psql = [f"{programs[-1]}/psql", "-h", str(folder), "-U", "postgres", "-v", "ON_ERROR_STOP=1"]
        filled = until("PostgreSQL answers", lambda: self.fill(psql))
        if filled.returncode != 0:
            raise Failed(f"psql: {filled.stderr}")

    @staticmethod
    def fill(psql):
        done = run(psql, input=CONTENTS)
        return None if "starting up" in done.stderr else done
