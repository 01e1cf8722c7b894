"""sqlmap against an application that can be injected, with a real PostgreSQL behind it, through a real sidecar.

    tests/.venv/bin/python tests/sqlmap.py target/release/podwall

One line per check, as in `clients.py`. First without a verdict being acted on (`mode: shadow`): sqlmap must get the
secret out, or the test would prove nothing. Then with it: sqlmap gets no injection point and no data, at `--level 5
--risk 3`, with a random agent, again with each set of tamper scripts, and again with a pause before each request, as
those make who wait for a detector to forget them. No rates and no bans are set.

Bounded to about three minutes: one parameter per place (query, form, JSON, cookie), the database is named, time-based
blind injection is tried with a delay of one second, and each run ends after `SECONDS`.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from clients_kit.checks import Failed, Skipped, Tally, run
from clients_kit.programs import Podwall, Program, certificates, free_port, listening, until
from sqlmap_kit.database import SECRET, Database

HERE = Path(__file__).parent
SECONDS = 75

# What sqlmap says when it has found an injection point and has made sure that it is one.
FOUND = "sqlmap identified the following injection point"

# Where a value goes, as sqlmap's arguments; the star marks it.
PLACES = {
    "query": ["-u", "{url}/number?id=1*"],
    "form": ["-u", "{url}/text", "--data", "name=kettle*"],
    "json": ["-u", "{url}/text", "--data", '{{"name": "kettle*"}}', "-H", "Content-Type: application/json"],
    "cookie": ["-u", "{url}/cookie", "--cookie", "cart=1*"],
}
# Ways to spell the same statement so that others do not see it; those that PostgreSQL still understands.
TAMPERS = {
    "none": "",
    "comments": "space2comment,randomcase,randomcomments",
    "blanks": "space2randomblank,between,multiplespaces",
    "expressions": "greatest,if2case,symboliclogical,space2plus",
    "encoded": "chardoubleencode,charunicodeencode",
}


def sqlmap(url, place, tamper, folder, *more):
    """Runs sqlmap to its end or for `SECONDS`; all that it says."""
    target = [argument.format(url=url) for argument in PLACES[place]]
    command = [
        "sqlmap", *target, "--batch", "--level", "5", "--risk", "3", "--random-agent", "--dbms", "postgresql",
        "--technique", "BEUST", "--time-sec", "1", "--retries", "0", "--threads", "4", "--skip-waf", "--flush-session",
        "--disable-coloring", "--output-dir", str(folder), "--dump", "-D", "public", "-T", "vault", *more,
    ]  # fmt: skip
    command += ["--tamper", TAMPERS[tamper]] if TAMPERS[tamper] else []
    done = run(["timeout", "-k", "5", str(SECONDS), *command], timeout=SECONDS + 30)
    return done.returncode, done.stdout + done.stderr


def extracts(url, place, folder):
    _, said = sqlmap(url, place, "none", folder)
    if SECRET not in said:
        raise Failed(f"nothing was extracted without inspection: {said[-1500:]}")


def gets_nothing(podwall, url, place, tamper, folder, *more):
    before = len(podwall.lines())
    code, said = sqlmap(url, place, tamper, folder, *more)
    if SECRET in said or FOUND in said:
        raise Failed(f"an injection went through: {said[said.find(FOUND) :][:1500]}")
    # A run that is ended does not come to count its answers; the record has them all the same.
    denied = any("attack-detected" in json.dumps(line) for line in podwall.lines()[before:])
    if "403 (Forbidden)" not in said and not denied:
        raise Failed(f"nothing was denied, so nothing was tried: {said[-800:]}")
    return "ran out of time" if code == 124 else ""


def sidecar(binary, folder, mode, upstream, certs):
    port = free_port()
    rule = {"name": "all", "reason": "only inspection decides", "from": "127.0.0.1", "methods": "any", "path": "/{rest...}"}
    head = {"apiVersion": "podwall.dev/v1", "kind": "Allowlist", "metadata": {"name": mode}, "owner": "team-tests"}
    allowlist = json.dumps({**head, "mode": mode, "inbound": [rule]})
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "off", "upstream": f"127.0.0.1:{upstream}"}]
    podwall = Podwall(binary, folder / mode, listeners, allowlist, certs)
    podwall.wait_ready()
    return podwall, f"http://127.0.0.1:{port}"


def check(tally, binary, folder, programs):
    if shutil.which("sqlmap") is None:
        raise Skipped("no sqlmap")
    programs.append(database := Database(folder / "database"))
    port = free_port()
    programs.append(Program([sys.executable, HERE / "sqlmap_kit/shop.py", str(port), database.socket], folder / "shop.log"))
    until("the shop listens", listening(port))
    certs = certificates(binary, folder / "certs")
    watching, watched = sidecar(binary, folder, "shadow", port, certs)
    programs.append(watching)
    for place in PLACES:
        tally.check(f"sqlmap extracts {place}, not acted on", extracts, watched, place, folder / f"off-{place}")
    acting, url = sidecar(binary, folder, "enforce", port, certs)
    programs.append(acting)
    for number, tamper in enumerate(TAMPERS):
        for place in PLACES if tamper == "none" else [list(PLACES)[number % len(PLACES)]]:
            output = folder / f"on-{place}-{tamper}"
            tally.check(f"sqlmap gets nothing {place} {tamper}", gets_nothing, acting, url, place, tamper, output)
    slowly = ("--delay", "0.2", "--threads", "1")
    tally.check("sqlmap gets nothing slowly", gets_nothing, acting, url, "query", "none", folder / "on-slowly", *slowly)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    binary = parser.parse_args().binary.absolute()
    tally, programs = Tally(), []
    folder = Path(tempfile.mkdtemp(prefix="podwall-sqlmap-"))
    folder.chmod(0o755)
    try:
        tally.check("sqlmap and its application", lambda: check(tally, binary, folder, programs))
    finally:
        for program in reversed(programs):
            program.end()
        shutil.rmtree(folder, ignore_errors=True)
    tally.finish()


if __name__ == "__main__":
    main()
