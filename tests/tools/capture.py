#!/usr/bin/env python3
"""How the captures of tests/data/identify were made: real clients dial a listener here that says nothing (or, where the
server speaks first, its greeting), and what they send first is kept as PROTOCOL.client.PROGRAM; real servers that speak
first are dialled, and what they say is kept as PROTOCOL.server.PROGRAM.

    capture.py FOLDER NODE_MODULES [WORD]   # only those whose name has the word

Needs what the tables below run (Debian, PyPI, npm), root for servers that change their user, and a DISPLAY for RDP and VNC.
"""

import os
import pathlib
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time

GREETINGS = {"smtp": b"220 mail.example ESMTP\r\n", "imap": b"* OK ready\r\n", "pop3": b"+OK ready\r\n",
             "telnet": b"\xff\xfd\x18\xff\xfd\x1f"}
NATS = b'INFO {"server_id":"x","version":"2.10.0","proto":1,"headers":true,"max_payload":1048576}\r\n'

# A tracker that names one peer, and a client that asks it. Its first connection is veiled, the one after it no longer.
ARIA2 = """
import hashlib, http.server, pathlib, socket, struct, subprocess, tempfile, threading
def coded(x):
    if isinstance(x, dict):
        return b"d" + b"".join(coded(k) + coded(v) for k, v in sorted(x.items())) + b"e"
    return b"i%de" % x if isinstance(x, int) else b"%d:" % len(x) + x
class Tracker(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(coded({b"interval": 60, b"peers": socket.inet_aton("127.0.0.1") + struct.pack(">H", P)}))
tracker = http.server.HTTPServer(("127.0.0.1", 0), Tracker)
threading.Thread(target=tracker.serve_forever, daemon=True).start()
announce = b"http://127.0.0.1:%d/a" % tracker.server_address[1]
piece = {b"length": 1, b"name": b"a", b"piece length": 16384, b"pieces": hashlib.sha1(b"a").digest()}
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "t").write_bytes(coded({b"announce": announce, b"info": piece}))
subprocess.run(["aria2c", "-q", f"--dir={folder}", "--bt-require-crypto=false", "--enable-dht=false", "--enable-dht6=false",
                "--bt-enable-lpd=false", "--bt-stop-timeout=7", folder / "t"])
"""
VEILED = {"bittorrent.aria2"}
PYTHON = {
    "bittorrent.aria2": ARIA2,
    "redis.redis-py": "import redis; redis.Redis(port=P, socket_timeout=2, single_connection_client=True).ping()",
    "mongodb.pymongo": "import pymongo; pymongo.MongoClient('127.0.0.1', P, serverSelectionTimeoutMS=1500).admin.command('ping')",
    "kafka.kafka-python": "import kafka; kafka.KafkaConsumer(bootstrap_servers=f'127.0.0.1:{P}', api_version_auto_timeout_ms=1500)",
    "mqtt.paho": "import paho.mqtt.client as m; c = m.Client(m.CallbackAPIVersion.VERSION2, protocol=m.MQTTv5); c.connect('127.0.0.1', P); c.loop(1)",
    "amqp.pika": "import pika; pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', P, socket_timeout=1, stack_timeout=1, blocked_connection_timeout=1))",
    "stomp.stomp-py": "import stomp; c = stomp.Connection([('127.0.0.1', P)], reconnect_attempts_max=1); c.connect('a', 'b', wait=False)",
    "zookeeper.kazoo": "import kazoo.client as k; k.KazooClient(f'127.0.0.1:{P}').start(timeout=1.5)",
    "memcached.pymemcache": "import pymemcache as m; m.Client(('127.0.0.1', P), timeout=1).get('key')",
    "clickhouse.clickhouse-driver": "import clickhouse_driver as c; c.Client('127.0.0.1', port=P, send_receive_timeout=1).execute('SELECT 1')",
    "clickhouse.asynch": "import asyncio; from asynch.connection import Connection as C; asyncio.run(asyncio.wait_for(C(host='127.0.0.1', port=P).connect(), 2))",
    "bittorrent.libtorrent": "import libtorrent as l, time; s = l.session({'listen_interfaces': '127.0.0.1:0', 'out_enc_policy': 2, 'in_enc_policy': 2, 'enable_outgoing_utp': False}); t = l.add_torrent_params(); t.info_hashes = l.info_hash_t(l.sha1_hash(b'a' * 20)); t.save_path = '/tmp'; s.add_torrent(t).connect_peer(('127.0.0.1', P)); time.sleep(3)",
    "cassandra.cassandra-driver": "import cassandra.cluster as c; c.Cluster(['127.0.0.1'], port=P, connect_timeout=1).connect()",
    "mssql.python-tds": "import pytds; pytds.connect('127.0.0.1', port=P, login_timeout=1, database='d', user='u', password='p')",
    "oracle.oracledb": "import oracledb; oracledb.connect(user='u', password='p', dsn=f'127.0.0.1:{P}/x', tcp_connect_timeout=1)",
    "postgres.psycopg": "import psycopg; psycopg.connect(f'host=127.0.0.1 port={P} sslmode=disable connect_timeout=2 user=u')",
    "ldap.ldap3": "import ldap3; s = ldap3.Server('127.0.0.1', P, connect_timeout=1); ldap3.Connection(s, 'cn=a', 'b', receive_timeout=1).bind()",
    "ssh.asyncssh": "import asyncio, asyncssh; asyncio.run(asyncio.wait_for(asyncssh.connect('127.0.0.1', P, known_hosts=None), 1.5))",
    "http1.urllib": "import urllib.request as r; r.urlopen(f'http://127.0.0.1:{P}/a?b=c', timeout=1)",
    "tls.python": "import ssl, socket; c = ssl.create_default_context(); c.wrap_socket(socket.create_connection(('127.0.0.1', P), 1), server_hostname='api.example')",
    "smtp.smtplib": "import smtplib; smtplib.SMTP('127.0.0.1', P, timeout=1).ehlo('a.example')",
    "imap.imaplib": "import imaplib; imaplib.IMAP4('127.0.0.1', P, timeout=1)",
    "nats.nats-py": "import asyncio, nats; asyncio.run(asyncio.wait_for(nats.connect(f'nats://127.0.0.1:{P}', max_reconnect_attempts=0, connect_timeout=1), 1.5))",
    "syslog.logging": "import logging, logging.handlers as h, socket; l = logging.getLogger(); l.addHandler(h.SysLogHandler(('127.0.0.1', P), socktype=socket.SOCK_STREAM)); l.error('hello')",
    "kafka.confluent-kafka": "import confluent_kafka.admin as a; a.AdminClient({'bootstrap.servers': f'127.0.0.1:{P}'}).list_topics(timeout=2)",
    "postgres.asyncpg": "import asyncio, asyncpg; asyncio.run(asyncpg.connect(host='127.0.0.1', port=P, user='u', database='d', ssl=False, timeout=2))",
    "couchbase.couchbase": "import couchbase.cluster as c, couchbase.options as o, couchbase.auth as a; c.Cluster.connect(f'couchbase://127.0.0.1:{P}', o.ClusterOptions(a.PasswordAuthenticator('u', 'p')))",
    "smb.smbprotocol": "import smbprotocol.connection as c, uuid; c.Connection(uuid.uuid4(), '127.0.0.1', P).connect(timeout=2)",
    "unknown.poplib": "import poplib; poplib.POP3('127.0.0.1', P, timeout=1).user('a')",
    "telnet.telnetlib": "import telnetlib; t = telnetlib.Telnet('127.0.0.1', P, 2); t.read_until(b'x', 1)",
    "socks5.pysocks": "import socks; s = socks.socksocket(); s.settimeout(1); s.set_proxy(socks.SOCKS5, '127.0.0.1', P); s.connect(('api.example', 80))",
    "socks4.pysocks": "import socks; s = socks.socksocket(); s.settimeout(1); s.set_proxy(socks.SOCKS4, '127.0.0.1', P); s.connect(('api.example', 80))",
    "http-connect.http-client": "import http.client as h; c = h.HTTPConnection('127.0.0.1', P, timeout=1); c.set_tunnel('api.example', 443); c.request('GET', '/')",
    "http2.h2": "import h2.connection, socket; c = h2.connection.H2Connection(); c.initiate_connection(); socket.create_connection(('127.0.0.1', P)).sendall(c.data_to_send())",
    "dns.dnspython": "import dns.message, dns.query; dns.query.tcp(dns.message.make_query('api.example', 'TXT'), '127.0.0.1', port=P, timeout=1)",
}
NODE = {
    "redis.ioredis": "new (require('ioredis'))(P, '127.0.0.1').on('error', () => 0)",
    "mongodb.mongodb-js": "const {MongoClient} = require('mongodb'); new MongoClient(`mongodb://127.0.0.1:${P}`, {serverSelectionTimeoutMS: 1500}).connect()",
    "kafka.kafkajs": "const {Kafka} = require('kafkajs'); new Kafka({brokers: [`127.0.0.1:${P}`], requestTimeout: 1000}).admin().connect()",
    "mqtt.mqtt-js": "require('mqtt').connect(`mqtt://127.0.0.1:${P}`)",
    "amqp.amqplib": "require('amqplib').connect(`amqp://127.0.0.1:${P}`)",
    "amqp.rhea": "require('rhea').connect({port: P})",
    "stomp.stompit": "require('stompit').connect({host: '127.0.0.1', port: P}, () => 0)",
    "zookeeper.node-zookeeper": "require('node-zookeeper-client').createClient(`127.0.0.1:${P}`).connect()",
    "cassandra.cassandra-js": "new (require('cassandra-driver').Client)({contactPoints: [`127.0.0.1:${P}`], localDataCenter: 'a'}).connect()",
    "oracle.node-oracledb": "require('oracledb').getConnection({user: 'u', password: 'p', connectString: `localhost:${P}/orders`})",
    "couchbase.couchbase-js": "require('couchbase').connect(`couchbase://127.0.0.1:${P}`, {username: 'u', password: 'p'}).catch(() => 0)",
    "stratum.stratum-client": "require('stratum-client')({server: '127.0.0.1', port: P, worker: 'w', password: 'x'})",
    "stratum.coin-hive-stratum": "const W = require('ws'); new (require('coin-hive-stratum'))({host: '127.0.0.1', port: P}).listen(P ^ 1); setTimeout(() => { const w = new W(`ws://127.0.0.1:${P ^ 1}`); w.on('open', () => w.send(JSON.stringify({type: 'auth', params: {site_key: 'w', type: 'anonymous'}}))) }, 500)",
    "mssql.tedious": "new (require('tedious').Connection)({server: '127.0.0.1', options: {port: P}, authentication: {type: 'default', options: {userName: 'u', password: 'p'}}}).connect()",
    "postgres.node-postgres": "new (require('pg').Client)({host: '127.0.0.1', port: P, user: 'u'}).connect()",
    "ldap.ldapts": "new (require('ldapts').Client)({url: `ldap://127.0.0.1:${P}`}).bind('cn=a', 'b')",
    "ssh.ssh2": "new (require('ssh2').Client)().on('error', () => 0).connect({host: '127.0.0.1', port: P, username: 'a'})",
    "smtp.nodemailer": "require('nodemailer').createTransport({host: '127.0.0.1', port: P}).verify()",
    "imap.imapflow": "new (require('imapflow').ImapFlow)({host: '127.0.0.1', port: P, auth: {user: 'a', pass: 'b'}, logger: false}).connect()",
    "nats.nats-js": "require('nats').connect({servers: `127.0.0.1:${P}`})",
    "memcached.memjs": "require('memjs').Client.create(`127.0.0.1:${P}`, {timeout: 1}).get('key')",
    "socks5.socks-js": "require('socks').SocksClient.createConnection({proxy: {host: '127.0.0.1', port: P, type: 5}, command: 'connect', destination: {host: 'api.example', port: 80}})",
    "http1.undici": "fetch(`http://127.0.0.1:${P}/a`)",
    "http2.node": "require('http2').connect(`http://127.0.0.1:${P}`).on('error', () => 0).request({':path': '/a'})",
    "tls.node": "require('tls').connect({port: P, servername: 'api.example'}).on('error', () => 0)",
}
OTHERS = {
    "http1.curl": "curl -s -m 1 http://127.0.0.1:{P}/a",
    "http2.curl": "curl -s -m 1 --http2-prior-knowledge http://127.0.0.1:{P}/a",
    "tls.curl": "curl -sk -m 1 https://localhost:{P}/",
    "tls.tor": "tor --ignore-missing-torrc -f /tmp/capture-tor/none --UseBridges 1 --Bridge 127.0.0.1:{P} --SocksPort 0 --DataDirectory /tmp/capture-tor",
    "tls.openssl": "openssl s_client -connect 127.0.0.1:{P} -servername api.example -alpn h2,http/1.1",
    "http-connect.curl": "curl -s -m 1 -p -x http://127.0.0.1:{P} http://api.example/",
    "socks5.curl": "curl -s -m 1 --socks5-hostname 127.0.0.1:{P} http://api.example/",
    "socks4.curl": "curl -s -m 1 --socks4a 127.0.0.1:{P} http://api.example/",
    "ldap.curl": "curl -s -m 1 ldap://127.0.0.1:{P}/dc=a",
    "mqtt.curl": "curl -s -m 1 mqtt://127.0.0.1:{P}/topic",
    "rtsp.curl": "curl -s -m 1 rtsp://127.0.0.1:{P}/a",
    "smb.curl": "curl -s -m 1 -u a:b smb://127.0.0.1:{P}/share/file",
    "smtp.curl": "curl -s -m 1 smtp://127.0.0.1:{P}/a.example",
    "imap.curl": "curl -s -m 1 imap://127.0.0.1:{P}/",
    "pop3.curl": "curl -s -m 1 pop3://127.0.0.1:{P}/",
    "ssh.openssh": "ssh -o BatchMode=yes -o ConnectTimeout=1 -p {P} a@127.0.0.1",
    "dns.dig": "dig +tcp +time=1 +tries=1 @127.0.0.1 -p {P} api.example",
    "postgres.psql": "psql -h 127.0.0.1 -p {P} -U a -d b -w",
    "redis.redis-cli": "redis-cli -p {P} get a",
    "kafka.kcat": "kcat -L -m 2 -b 127.0.0.1:{P}",
    "mqtt.mosquitto": "mosquitto_pub -p {P} -t a -m b",
    "amqp.rabbitmq-c": "amqp-get --server=127.0.0.1 --port={P} -q a",
    "memcached.libmemcached": "memccat --servers=127.0.0.1:{P} key",
    "mssql.freetds": "tsql -H 127.0.0.1 -p {P} -U u -P p",
    "ldap.ldapsearch": "ldapsearch -x -H ldap://127.0.0.1:{P} -b dc=a",
    "ssh.dropbear": "dbclient -y -p {P} a@127.0.0.1 true",
    "syslog.logger": "logger -T -n 127.0.0.1 -P {P} hello",
    "syslog.logger-octets": "logger -T --octet-count -n 127.0.0.1 -P {P} hello",
    "rtsp.ffmpeg": "ffmpeg -i rtsp://127.0.0.1:{P}/a -f null -",
    "smb.smbclient": "smbclient -N -p {P} -L 127.0.0.1",
    "rdp.freerdp": "xfreerdp /v:127.0.0.1:{P} /u:a /p:b /cert:ignore",
    "rdp.rdesktop": "rdesktop -u a -p b 127.0.0.1:{P}",
    "telnet.inetutils": "telnet 127.0.0.1 {P}",
    "sip.sipsak": "sipsak -E tcp -s sip:a@127.0.0.1:{P}",
    "sip.sipp": "sipp -sn uac -t t1 -m 1 -timeout 3 127.0.0.1:{P}",
    "http-connect.ncat": "ncat --proxy 127.0.0.1:{P} --proxy-type http api.example 443",
    "socks5.ncat": "ncat --proxy 127.0.0.1:{P} --proxy-type socks5 api.example 443",
    "socks4.ncat": "ncat --proxy 127.0.0.1:{P} --proxy-type socks4 192.0.2.1 443",
}
# Servers that speak first; T is a folder of their own. Those that say nothing before they are asked are asked by ASKED, and
# what they answer is no protocol's beginning.
DOVECOT = """cat >T/c <<END
base_dir = T/b
state_dir = T/b
protocols = imap pop3
listen = 127.0.0.1
ssl = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
service imap-login {
 inet_listener imap {
  port = {IMAP}
 }
}
service pop3-login {
 inet_listener pop3 {
  port = {POP3}
 }
}
passdb {
 driver = static
}
userdb {
 driver = static
 args = uid=65534 gid=65534 home=/nonexistent
}
END
chmod 755 T; exec dovecot -F -c T/c"""
SERVERS = {
    "ssh.openssh": "ssh-keygen -q -t ed25519 -N '' -f T/k; mkdir -p /run/sshd; exec /usr/sbin/sshd -D -e -f /dev/null -o HostKey=T/k -o PidFile=none -o ListenAddress=127.0.0.1:{P}",
    "ssh.dropbear": "exec dropbear -F -E -R -P T/pid -p 127.0.0.1:{P}",
    "mysql.mariadb": "mariadb-install-db --datadir=T/d --auth-root-authentication-method=normal >/dev/null; exec mariadbd --no-defaults --user=root --datadir=T/d --socket=T/s --bind-address=127.0.0.1 --port={P}",
    "mysql.mysql2": "exec node -e \"require('mysql2').createServer(c => c.serverHandshake({protocolVersion: 10, serverVersion: '8.0.36', connectionId: 1, statusFlags: 2, characterSet: 8, capabilityFlags: 0xffffff})).listen({P})\"",
    "smtp.msmtpd": "exec msmtpd --interface=127.0.0.1 --port={P} --command=true",
    "smtp.aiosmtpd": "exec PYTHON -m aiosmtpd -n -l 127.0.0.1:{P}",
    "ftp.vsftpd": "printf 'listen=YES\nlisten_address=127.0.0.1\nlisten_port={P}\nanonymous_enable=NO\nlocal_enable=YES\nbackground=NO\n' >T/c; mkdir -p /var/run/vsftpd/empty; exec /usr/sbin/vsftpd T/c",
    "ftp.pyftpdlib": "exec PYTHON -m pyftpdlib -i 127.0.0.1 -p {P}",
    "imap.dovecot": DOVECOT,
    "pop3.dovecot": DOVECOT,
    "imap.twisted": "exec PYTHON -c \"from twisted.internet import endpoints as e, protocol as p, reactor as r; from twisted.mail.imap4 import IMAP4Server as S; e.TCP4ServerEndpoint(r, {P}).listen(p.Factory.forProtocol(S)); r.run()\"",
    "pop3.twisted": "exec PYTHON -c \"from twisted.internet import endpoints as e, protocol as p, reactor as r; from twisted.mail.pop3 import POP3 as S; e.TCP4ServerEndpoint(r, {P}).listen(p.Factory.forProtocol(S)); r.run()\"",
    "vnc.tigervnc": "exec Xtigervnc :77 -rfbport {P} -localhost -SecurityTypes None",
    "vnc.x11vnc": "exec x11vnc -rfbport {P} -localhost -forever",
    "nats.nats-server": "exec nats-server -a 127.0.0.1 -p {P}",
    "telnet.inetutils": "exec socat TCP-LISTEN:{P},reuseaddr,fork EXEC:/usr/sbin/telnetd",
    "telnet.telnetlib3": "exec telnetlib3-server 127.0.0.1 {P}",
    "unknown.redis": "exec redis-server --port {P} --save ''",
    "unknown.http": "exec PYTHON -m http.server -b 127.0.0.1 {P}",
    "unknown.etcd": "exec etcd --data-dir T/d --listen-client-urls http://127.0.0.1:{P} --advertise-client-urls http://127.0.0.1:{P} --listen-peer-urls http://127.0.0.1:0",
}
ASKED = {
    "unknown.redis": b"*1\r\n$4\r\nPING\r\n",
    "unknown.http": b"GET / HTTP/1.0\r\n\r\n",
    "unknown.etcd": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
}


def first(greeting, command, veiled):
    """What a client sends first; when its first connection is veiled, on the next one."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(8)
    found = []

    def accept():
        left = int(veiled)
        while not found:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.settimeout(2)
            client.sendall(greeting)
            try:
                data = client.recv(65536)
            except OSError:
                data = b""
            if data and left:
                left -= 1
            elif data:
                found.append(data)
            client.close()

    thread = threading.Thread(target=accept)
    thread.start()
    silent, kept = os.pipe()  # what a terminal client is told: nothing, and no end
    try:
        port = listener.getsockname()[1]
        subprocess.run(command(port), timeout=8, stdin=silent, capture_output=True)
    except subprocess.TimeoutExpired:
        pass
    os.close(silent)
    os.close(kept)
    thread.join(3)
    listener.close()
    return found[0] if found else b""


def tame(data):
    """Without what this machine is called; as long as it was."""
    for word, other in ((socket.gethostname(), "pod"), (platform.release(), "6.1.0-1"), (sys.executable, "python")):
        data = data.replace(word.encode(), other.ljust(len(word), "0")[: len(word)].encode())
    return data[:2048]


def said(name, line, data=b""):
    """What a server says first."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        line = line.replace("{IMAP}", str(port if name.startswith("imap") else 0))
        line = line.replace("{POP3}", str(port if name.startswith("pop3") else 0))
        line = line.replace("T/", f"{folder}/").replace(" T;", f" {folder};").replace("PYTHON", sys.executable)
        environment = dict(os.environ, NODE_PATH=sys.argv[2], PATH=f"{os.environ['PATH']}:/usr/sbin:{pathlib.Path(sys.executable).parent}")
        words = ["sh", "-c", line.replace("{P}", str(port))]
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        try:
            for _ in range(100):
                time.sleep(0.2)
                try:
                    with socket.create_connection(("127.0.0.1", port), 5) as client:
                        client.sendall(data)
                        return client.recv(2048)
                except OSError:
                    continue
        finally:
            server.terminate()
            server.wait(10)
    return b""


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    wanted = sys.argv[3] if len(sys.argv) > 3 else ""
    jobs = {name: lambda port, code=code: [sys.executable, "-c", f"P = {port}; {code}"] for name, code in PYTHON.items()}
    jobs |= {name: lambda port, code=code: ["node", "-e", f"const P = {port}; {code}"] for name, code in NODE.items()}
    jobs |= {name: lambda port, line=line: line.format(P=port).split() for name, line in OTHERS.items()}

    def job(name, command):
        protocol, program = name.split(".", 1)
        data = first(NATS if protocol == "nats" else GREETINGS.get("pop3" if "pop" in program else protocol, b""), command, name in VEILED)
        print(name, len(data), data[:24])
        if data:
            (folder / f"{protocol}.client.{program}").write_bytes(tame(data))

    os.environ["NODE_PATH"] = sys.argv[2]
    threads = [threading.Thread(target=job, args=item) for item in jobs.items() if wanted in item[0]]
    for batch in range(0, len(threads), 6):
        for thread in threads[batch : batch + 6]:
            thread.start()
        for thread in threads[batch : batch + 6]:
            thread.join()
    for name, line in SERVERS.items():
        if wanted in name and (data := said(name, line, ASKED.get(name, b""))):
            protocol, program = name.split(".", 1)
            print(name, len(data), data[:48])
            (folder / f"{protocol}.server.{program}").write_bytes(tame(data))


if __name__ == "__main__":
    main()
