"""TLS that clients ask for in the protocol: who they prove to be counts, and nothing gets in between request and handshake."""

import contextlib
import json
import shutil
import socket
import ssl
import struct
from pathlib import Path

import pymysql
from clients_kit.checks import Failed, Skipped, expect, run
from clients_kit.mariadb import PASSWORD
from clients_kit.programs import Podwall, free_port
from databases_kit import named

from .rogue import Rogue

# Only who proves to be the caller's service account; in plaintext nobody does.
ALLOWLIST = """
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {name: proved}
owner: team-tests
trustDomain: cluster.test
databases:
  - {name: proved, from: shop/frontend, protocol: mysql, user: app, database: shop, tables: {orders: [SELECT, INSERT]}}
  - {name: anybody's reports, from: 127.0.0.1, protocol: mysql, user: report, database: shop, tables: {orders: SELECT}}
"""
FULL = b"\x01\x04"
OLD = b"\xfemysql_clear_password\0"


def asked_for(binary, folder, certs, server):
    """With plaintext to the server, and with TLS there too; Debian's client, PyMySQL, mysql2."""
    ports = [free_port(), free_port()]
    ours = {"tls": "permissive", "protocol": "mysql", "upstream": f"127.0.0.1:{server.port}"}
    listeners = [{"listen": f"127.0.0.1:{ports[0]}", **ours},
                 {"listen": f"127.0.0.1:{ports[1]}", **ours, "upstream_tls": {"roots": f"{certs}/ca.crt", "server_name": "localhost"}}]
    podwall = Podwall(binary, folder / "asked-for", listeners, ALLOWLIST, certs)
    try:
        podwall.wait_ready()
        for port in ports:
            clients(port, certs, server, podwall)
        nothing_slips_in(ports[0], server)
    finally:
        podwall.end()
        server.direct("DELETE FROM orders")


def sidecar_to_permissive(binary, folder, certs, server):
    """A sidecar begins with TLS, which such a port does not take: the reason says so."""
    permissive, outbound = free_port(), free_port()
    called = Podwall(binary, folder / "permissive", [
        {"listen": f"127.0.0.1:{permissive}", "tls": "permissive", "protocol": "mysql", "upstream": f"127.0.0.1:{server.port}"},
    ], ALLOWLIST, certs)
    caller = Podwall(binary, folder / "calls-permissive", [
        {"listen": f"127.0.0.1:{outbound}", "direction": "outbound", "protocol": "mysql", "upstream": f"127.0.0.1:{permissive}",
         "upstream_tls": {"identities": ["spiffe://cluster.test/ns/shop/sa/orders"]}},
    ], ALLOWLIST, certs, certificate="client")
    try:
        called.wait_ready()
        caller.wait_ready()
        told = server.client(outbound, "SELECT 1", more=["--skip-ssl"])
        expect("told", (told.returncode, "the database cannot be reached" in told.stderr), (1, True))
        expect("says", "`strict`" in caller.recorded(reason="upstream-mysql-greets")["says"], True)
    finally:
        caller.end()
        called.end()


def clients(port, certs, server, podwall):
    keys = [f"--ssl-ca={certs}/ca.crt", f"--ssl-cert={certs}/client.crt", f"--ssl-key={certs}/client.key", "--ssl-verify-server-cert"]
    done = server.client(port, "SELECT CONCAT('in ', 1);", more=["-N", *keys, "-hlocalhost"])
    expect("the client", (done.returncode, done.stderr, done.stdout.strip()), (0, "", "in 1"))
    plain = server.client(port, "SELECT 1", more=["--skip-ssl"])
    expect("plaintext", (plain.returncode, "ERROR 1044" in plain.stderr), (1, True))
    reports = server.client(port, "SELECT COUNT(*) FROM orders", user="report", more=["-N", "--skip-ssl"])
    expect("plaintext where it is granted", (reports.returncode, reports.stdout.strip()), (0, "0"))
    proof = {"ca": f"{certs}/ca.crt", "cert": f"{certs}/client.crt", "key": f"{certs}/client.key", "check_hostname": True}
    address = {"host": "localhost", "port": port, "user": "app", "password": PASSWORD, "database": "shop", "autocommit": True}
    with pymysql.connect(**address, ssl=proof) as session, session.cursor() as cursor:
        expect("in TLS", session._sock.version() in ("TLSv1.2", "TLSv1.3"), True)
        cursor.execute("INSERT INTO orders (item) VALUES (%s)", ("x" * 60_000,))
        cursor.execute("SELECT LENGTH(item) FROM orders")
        expect("rows", cursor.fetchone(), (60_000,))
    server.direct("DELETE FROM orders")
    try:
        pymysql.connect(**address, ssl={"ca": f"{certs}/ca.crt"}).close()
    except (pymysql.MySQLError, OSError):
        podwall.recorded(reason="tls-no-certificate")
    else:
        raise Failed("a client without a certificate came in")
    if shutil.which("node") is None or not (Path(__file__).parent.parent / "node_modules/mysql2").is_dir():
        raise Skipped("no mysql2")
    done = run(["node", Path(__file__).parent / "node_tls.js", str(port), PASSWORD, str(certs)])
    expect("mysql2", (done.returncode, done.stderr), (0, ""))
    expect("mysql2 told", json.loads(done.stdout), {"encrypted": True, "bound": [{"n": 7}], "changed": "shop"})


def request(number=1, flags=0x0008aa0d):
    return struct.pack("<I", 32 | number << 24) + struct.pack("<IIB23x", flags, 1 << 24, 45)


def answers(port, sent):
    """What the sidecar says behind its greeting to one who has sent this and no more."""
    with socket.create_connection(("127.0.0.1", port), 20) as wire:
        wire.settimeout(20)
        greeting = wire.recv(4096)
        expect("greeting", (greeting[4], len(greeting)), (10, 4 + int.from_bytes(greeting[:3], "little")))
        wire.sendall(sent)
        with contextlib.suppress(OSError):  # the connection may have ended already
            wire.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            return b"".join(iter(lambda: wire.recv(4096), b""))
        return b""


def nothing_slips_in(port, server):
    """What stands behind a request for TLS must be TLS: a login in plaintext there is none."""
    login = struct.pack("<IIB23x", 0x0008a20d, 1 << 24, 45) + b"report\0\0shop\0mysql_native_password\0"
    login = len(login).to_bytes(3, "little") + b"\x02" + login
    before = len(server.logged())
    told = {"a login": answers(port, request() + login), "nothing": answers(port, request()), "half a request": answers(port, request()[:20]),
            "another number": answers(port, request(2))[4:7]}
    expect("told", told, {"a login": b"", "nothing": b"", "half a request": b"", "another number": b"\xff\x2b\x07"})
    expect("the server heard nothing", [kind for _, kind, _ in server.logged()[before:] if kind == "Connect"], [])


def half_in_tls(binary, folder, certs):
    """A way to prove oneself that depends on TLS is refused where only one side speaks it, at login and for another user."""
    for name, rogue, plugin in (("full", Rogue({}, login=FULL), ""), ("old", Rogue({}, login=OLD), ""),
                                ("another user", Rogue({b"\x11": FULL}), "caching_sha2_password"),
                                ("another user, old", Rogue({}), "mysql_clear_password")):
        port = free_port()
        listeners = [{"listen": f"127.0.0.1:{port}", "tls": "permissive", "protocol": "mysql", "upstream": f"127.0.0.1:{rogue.port}"}]
        podwall = Podwall(binary, folder / f"half-{name.replace(' ', '-').replace(',', '')}", listeners, ALLOWLIST, certs)
        try:
            podwall.wait_ready()
            expect(name, refusal(port, certs, plugin), (1235, True))
            podwall.recorded(reason="mysql-authentication")
            expect("passwords sent", [packet for packet in rogue.heard if PASSWORD.encode() in packet], [])
        finally:
            podwall.end()
            rogue.end()


def refusal(port, certs, plugin):
    proof = ssl.create_default_context(cafile=f"{certs}/ca.crt")
    proof.load_cert_chain(f"{certs}/client.crt", f"{certs}/client.key")
    try:
        session = pymysql.connect(host="localhost", port=port, user="app", password=PASSWORD, database="shop", ssl=proof)
        session._next_seq_id = 0
        session.write_packet(b"\x11app\0\0shop\0\x2d\0" + plugin.encode() + b"\0")
        session._next_seq_id = 1
        session._read_packet()
    except pymysql.MySQLError as error:
        return (*error.args, error)[0], "event " in str(error)
    raise Failed("it went on")


def shown(binary, folder, certs, server):
    """The database's own name for who asks for it and verifies it, the sidecar's for all others."""
    names, port = folder / "names", free_port()
    named.issued(names)
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "permissive", "protocol": "mysql", "upstream": f"127.0.0.1:{server.port}"}]
    podwall = Podwall(binary, folder / "shown", listeners, ALLOWLIST, certs,
                      identity=f"named: [{{name: {named.NAME}, certificate: {names}/db.crt, key: {names}/db.key}}]")

    def connects(host, authority):
        proof = ssl.create_default_context(cafile=f"{authority}/ca.crt")
        proof.load_cert_chain(f"{certs}/client.crt", f"{certs}/client.key")
        session = pymysql.connect(host=host, user="app", password=PASSWORD, database="shop", ssl=proof, defer_connect=True)
        with contextlib.suppress(pymysql.MySQLError, ssl.SSLError):
            session.connect(socket.create_connection(("127.0.0.1", port), 20))
            return True
        return False

    try:
        podwall.wait_ready()
        told = {(host, authority.name): connects(host, authority) for host in (named.NAME, "localhost") for authority in (names, certs)}
        expect("verified", told, {(named.NAME, "names"): True, (named.NAME, certs.name): False,
                                  ("localhost", "names"): False, ("localhost", certs.name): True})
    finally:
        podwall.end()
