"""What may leave a pod: real clients in a network namespace whose connections nftables redirects to the sidecar, real
servers behind it.

    tests/.venv/bin/python tests/egress.py target/release/podwall

One line per check: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`. Exit code 1 when one failed. Needs root: everything
happens in network namespaces that it makes and removes itself.
"""

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

from clients_kit.checks import Failed, Skipped, Tally, expect
from egress_kit.world import OTHER, PATH, WEB, World


def page(done):
    expect("answer", (done.returncode, done.stdout), (0, "the page\n\n200"))


def refused(world, done, **wanted):
    """The client got nothing, and the record says why."""
    if done.returncode == 0:
        raise Failed(f"answered with {done.stdout}")
    return world.sidecar.recorded(**wanted)


def by_name(world):
    page(world.curl("http://web.example/"))


def by_alias(world):
    page(world.curl("http://alias.example/"))


def by_short_name(world):
    """The search list makes catalog.shop a name of the cluster; the request says the short one."""
    page(world.curl("http://catalog.shop/"))


def other_method(world):
    done = world.curl("-X", "DELETE", "http://web.example/")
    expect("status", done.stdout[-3:], "403")
    world.sidecar.recorded(reason="policy-no-rule", action="DELETE", resource="http://web.example/")


def other_host(world):
    """The address of a granted name, asked for another name."""
    done = world.curl("-H", "Host: denied.example", "http://web.example/")
    expect("status", done.stdout[-3:], "403")
    world.sidecar.recorded(reason="policy-no-rule", resource="http://denied.example/")


def not_granted(world):
    done = world.curl("http://denied.example:8080/")
    refused(world, done, reason="policy-no-rule", to=f"{WEB}:8080")


def raw_address(world):
    done = world.curl(f"http://{OTHER}:8080/")
    line = refused(world, done, reason="egress-no-name", to=f"{OTHER}:8080")
    expect("resource", line["resource"], f"tcp://{OTHER}:8080")


def tls(world):
    done = world.curl("--cacert", world.authority, "https://secure.example/")
    expect("status", (done.returncode, done.stdout[-3:]), (0, "200"))


def tls_other_name(world, name, reason):
    done = world.curl("--cacert", world.authority, "--connect-to", f"{name}:443:secure.example:443", f"https://{name}/")
    refused(world, done, reason=reason, original=name)
    if "alert" not in done.stderr:
        raise Failed(f"no alert: {done.stderr}")


def tls_without_name(world):
    words = ["openssl", "s_client", "-connect", "secure.example:443", "-noservername"]
    done = world.in_pod(*words, input="")
    if "access denied" not in done.stderr:
        raise Failed(f"no alert: {done.stderr}")
    world.sidecar.recorded(reason="egress-tls-nameless")


def tls_other_offer(world):
    done = world.in_pod("openssl", "s_client", "-connect", "secure.example:443", "-servername", "secure.example",
                        "-alpn", "postgresql", input="")
    expect("denied", "access denied" in done.stderr, True)
    world.sidecar.recorded(reason="egress-protocol", detail="tls on a port granted to https")


CHECKS = [
    ("http by name", by_name),
    ("http by alias", by_alias),
    ("http by short name", by_short_name),
    ("http: other method", other_method),
    ("http: other host on a granted address", other_host),
    ("name that is not granted on the port", not_granted),
    ("raw address", raw_address),
    ("tls by name", tls),
    ("tls: name that led nowhere", tls_other_name, "stranger.example", "egress-tls-name"),
    ("tls: name that is not granted", tls_other_name, "denied.example", "policy-no-rule"),
    ("tls: no name", tls_without_name),
    ("tls: other offer", tls_other_offer),
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as made:
        world = {}

        def build():
            world["is"] = World(Path(sys.argv[1]).resolve(), Path(folder), made)

        tally.check("a pod and a world", build)
        for name, check, *arguments in CHECKS if world else ():
            tally.check(name, check, world["is"], *arguments)
    tally.finish()


if __name__ == "__main__":
    main()
