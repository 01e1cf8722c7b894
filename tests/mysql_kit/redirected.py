"""Connections that nftables redirects to the sidecar and that turn out to be MySQL: statement by statement under `databases`, as a
whole where an outbound rule says so."""

import contextlib
import json
import sys

from clients_kit.checks import Failed, expect
from clients_kit.mariadb import PASSWORD
from egress_kit.world import OTHER, World

ALLOWLIST = f"""
apiVersion: podwall.dev/v1
kind: Allowlist
metadata: {{name: redirected}}
owner: team-tests
outbound:
- {OTHER}:3307 mysql
- {OTHER}:3309 ssh
databases:
- {{name: orders, to: {OTHER}, port: 3306, protocol: mysql, user: app, database: shop, tables: {{orders: [SELECT, INSERT]}}}}
"""
RELAY = """
import socket, sys, threading
def carry(one, other):
    while data := one.recv(65536):
        other.sendall(data)
    other.shutdown(socket.SHUT_WR)
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    near, _ = listener.accept()
    far = socket.socket(socket.AF_UNIX)
    far.connect(sys.argv[3])
    for pair in ((near, far), (far, near)):
        threading.Thread(target=carry, args=pair, daemon=True).start()
"""
ASKS = """
import json, pymysql, sys
told = []
for user, text in json.loads(sys.argv[2]):
    try:
        session = pymysql.connect(host="HOST", port=int(sys.argv[1]), user=user, password="PASSWORD", database="shop", autocommit=True,
                                  connect_timeout=10, read_timeout=10)
        with session, session.cursor() as cursor:
            cursor.execute(text)
            told.append(cursor.fetchall())
    except pymysql.MySQLError as error:
        told.append(error.args[0])
print(json.dumps(told))
""".replace("HOST", OTHER).replace("PASSWORD", PASSWORD)
COUNT, DENIED = "SELECT COUNT(*) FROM orders", "SELECT COUNT(*) FROM ledger"


def judged(binary, folder, server):
    with contextlib.ExitStack() as made:
        (folder / "redirected").mkdir()
        world = World(binary, folder / "redirected", made, allowlist=ALLOWLIST)
        for port in (3306, 3307, 3308, 3309):
            world.start(f"relay-{port}", sys.executable, "-c", RELAY, OTHER, port, server.socket)
            world.listening(OTHER, port)
        server.direct("INSERT INTO orders (item) VALUES ('a'), ('b')")
        asked = [("app", COUNT), ("app", DENIED), ("app", "INSERT INTO orders (item) VALUES ('c')"), ("stranger", COUNT), ("app", COUNT)]
        before = len(server.logged())
        expect("statement by statement", asks(world, 3306, asked), [[[2]], 1142, [], 1044, [[3]]])
        expect("what the server ran", [line for _, _, line in server.logged()[before:] if "ledger" in line or "stranger" in line], [])
        world.sidecar.recorded(reason="policy-no-rule", action="SELECT", to=f"{OTHER}:3306", protocol="mysql")
        world.sidecar.recorded(reason="policy-no-rule", action="CONNECT", to=f"{OTHER}:3306")
        expect("as a whole", asks(world, 3307, [("app", DENIED)]), [[[0]]])
        for port in (3308, 3309):  # a reset, at once or behind the handshake of TCP
            expect(f"not granted on {port}", asks(world, port, [("app", COUNT)])[0] in (2003, 2013), True)
        line = world.sidecar.recorded(reason="egress-protocol", to=f"{OTHER}:3309")
        expect("detail", line["detail"], "mysql on a port granted to ssh")
        server.direct("DELETE FROM orders")


def asks(world, port, asked):
    done = world.in_pod(sys.executable, "-c", ASKS, port, json.dumps(asked))
    if done.returncode != 0:
        raise Failed(done.stderr)
    return json.loads(done.stdout)
