"""The certificate that a client sees: the database's own name for who verifies it, our own for all others."""

from clients_kit.checks import expect, run
from clients_kit.postgres import PASSWORD
from clients_kit.programs import Podwall, free_port

NAME = "db.shop.example"


def issued(folder):
    """A certificate for the name, of an authority that clients of databases believe."""
    folder.mkdir()
    (folder / "extensions").write_text(f"subjectAltName=DNS:{NAME}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj"]
    for command in (
        [*new, "/CN=names", "-x509", "-days", "2", "-keyout", "ca.key", "-out", "ca.crt"],
        [*new, "/CN=database", "-keyout", "db.key", "-out", "db.csr"],
        ["openssl", "x509", "-req", "-in", "db.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
         "-extfile", "extensions", "-out", "db.crt"],
    ):
        done = run(command, cwd=folder)
        expect(command[1], (done.returncode, done.stderr if done.returncode else ""), (0, ""))


def shown(binary, folder, certs, server, allowlist):
    names, port = folder / "names", free_port()
    issued(names)
    listeners = [{"listen": f"127.0.0.1:{port}", "tls": "strict", "protocol": "postgres", "upstream": f"127.0.0.1:{server.port}"}]
    podwall = Podwall(binary, folder / "shown", listeners, allowlist, certs,
                      identity=f"named: [{{name: {NAME}, certificate: {names}/db.crt, key: {names}/db.key}}]")
    proof = f"sslcert={certs}/client.crt sslkey={certs}/client.key"

    def connects(host, authority):
        address = (f"host={host} hostaddr=127.0.0.1 port={port} user=app dbname=shop password='{PASSWORD}' sslmode=verify-full "
                   f"sslrootcert={authority}/ca.crt {proof}")
        done = run(["psql", "-X", "-At", address, "-c", "SELECT 'in ' || 1"])
        return done.returncode == 0 and "in 1" in done.stdout

    try:
        podwall.wait_ready()
        told = {(host, authority.name): connects(host, authority) for host in (NAME, "localhost") for authority in (names, certs)}
        expect("verified", told, {(NAME, "names"): True, (NAME, certs.name): False, ("localhost", "names"): False, ("localhost", certs.name): True})
    finally:
        podwall.end()
