#!/usr/bin/env python3
"""How the captures of tests/data/identify were made: real clients dial a listener here that says nothing (or, where the
server speaks first, its greeting), and what they send first is kept as PROTOCOL.client.PROGRAM.

    capture.py FOLDER        # Python clients: pip install those that CLIENTS imports; others: Debian
"""

import pathlib
import socket
import subprocess
import sys
import threading

GREETINGS = {"smtp": b"220 mail.example ESMTP\r\n", "imap": b"* OK ready\r\n", "pop3": b"+OK ready\r\n"}
NATS = b'INFO {"server_id":"x","version":"2.10.0","proto":1,"headers":true,"max_payload":1048576}\r\n'

PYTHON = {
    "redis.redis-py": "import redis; redis.Redis(port=P, socket_timeout=2, single_connection_client=True).ping()",
    "mongodb.pymongo": "import pymongo; pymongo.MongoClient('127.0.0.1', P, serverSelectionTimeoutMS=1500).admin.command('ping')",
    "kafka.kafka-python": "import kafka; kafka.KafkaConsumer(bootstrap_servers=f'127.0.0.1:{P}', api_version_auto_timeout_ms=1500)",
    "mqtt.paho": "import paho.mqtt.client as m; c = m.Client(m.CallbackAPIVersion.VERSION2, protocol=m.MQTTv5); c.connect('127.0.0.1', P); c.loop(1)",
    "amqp.pika": "import pika; pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', P, socket_timeout=1, stack_timeout=1, blocked_connection_timeout=1))",
    "stomp.stomp-py": "import stomp; c = stomp.Connection([('127.0.0.1', P)], reconnect_attempts_max=1); c.connect('a', 'b', wait=False)",
    "zookeeper.kazoo": "import kazoo.client as k; k.KazooClient(f'127.0.0.1:{P}').start(timeout=1.5)",
    "memcached.pymemcache": "import pymemcache as m; m.Client(('127.0.0.1', P), timeout=1).get('key')",
    "clickhouse.clickhouse-driver": "import clickhouse_driver as c; c.Client('127.0.0.1', port=P, send_receive_timeout=1).execute('SELECT 1')",
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
}
OTHERS = {
    "http1.curl": "curl -s -m 1 http://127.0.0.1:{P}/a",
    "http2.curl": "curl -s -m 1 --http2-prior-knowledge http://127.0.0.1:{P}/a",
    "tls.curl": "curl -sk -m 1 https://localhost:{P}/",
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
}


def first(greeting, command):
    """What a client sends first."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(8)
    found = []

    def accept():
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
            if data:
                found.append(data)
            client.close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        port = listener.getsockname()[1]
        subprocess.run(command(port), timeout=8, stdin=subprocess.DEVNULL, capture_output=True)
    except subprocess.TimeoutExpired:
        pass
    thread.join(3)
    listener.close()
    return found[0] if found else b""


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    jobs = {name: lambda port, code=code: [sys.executable, "-c", f"P = {port}; {code}"] for name, code in PYTHON.items()}
    jobs |= {name: lambda port, line=line: line.format(P=port).split() for name, line in OTHERS.items()}

    def job(name, command):
        protocol, program = name.split(".", 1)
        data = first(NATS if protocol == "nats" else GREETINGS.get(protocol, b""), command)
        print(name, len(data), data[:24])
        if data:
            (folder / f"{protocol}.client.{program}").write_bytes(data[:2048])

    threads = [threading.Thread(target=job, args=item) for item in jobs.items()]
    for batch in range(0, len(threads), 6):
        for thread in threads[batch : batch + 6]:
            thread.start()
        for thread in threads[batch : batch + 6]:
            thread.join()


if __name__ == "__main__":
    main()
