#!/usr/bin/env python3
"""How the heads of tests/data/identify/heads were made: real clients of what is spoken inside of HTTP ask a server here that
answers everything with next to nothing. What each asks is kept as PROTOCOL.PROGRAM, one head after the other, those of
HTTP/2 spelled as HTTP/1 has them.

    heads.py FOLDER NODE_MODULES    # Python clients: pip install those that PYTHON imports, h2; others: Debian, npm
"""

import os
import pathlib
import platform
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

import h2.config
import h2.connection
import h2.events

PYTHON = {
    "docker.docker-py": "import docker; d = docker.DockerClient(base_url='tcp://127.0.0.1:{P}', version='1.41'); d.ping(); d.images.list(); d.api.exec_create('box', 'id')",
    "kubernetes.kubernetes-client": "import kubernetes as k; c = k.client.Configuration(host='http://127.0.0.1:{P}'); a = k.client.ApiClient(c); k.client.CoreV1Api(a).list_namespaced_secret('shop', _preload_content=False); k.client.AppsV1Api(a).list_deployment_for_all_namespaces(_preload_content=False); k.client.VersionApi(a).get_code(_preload_content=False)",
    "elasticsearch.elasticsearch-py": "import elasticsearch as e; c = e.Elasticsearch('http://127.0.0.1:{P}'); c.info(); c.search(index='logs'); c.bulk(operations=[{'index': {'_index': 'a'}}, {'a': 1}]); c.cluster.health()",
    "elasticsearch.opensearch-py": "import opensearchpy as o; c = o.OpenSearch('http://127.0.0.1:{P}'); c.info(); c.search(index='logs'); c.index(index='logs', body={}); c.cat.indices()",
    "etcd.python-etcd": "import etcd; etcd.Client(port={P}, read_timeout=1).read('/a')",
    "grpc.grpcio": "import grpc; grpc.insecure_channel('127.0.0.1:{P}').unary_unary('/shop.Orders/Get')(b'', timeout=1)",
    "websocket.websockets": "import websockets.sync.client as w; w.connect('ws://127.0.0.1:{P}/live')",
}
NODE = {
    "docker.dockerode": "const D = require('dockerode'); const d = new D({host: '127.0.0.1', port: P}); d.listContainers(() => d.getContainer('box').exec({Cmd: ['id']}, () => 0))",
    "elasticsearch.elastic-js": "const {Client} = require('@elastic/elasticsearch'); const c = new Client({node: `http://127.0.0.1:${P}`}); c.search({index: 'logs'}).then(() => c.cat.indices())",
    "grpc.grpc-js": "const g = require('@grpc/grpc-js'); const c = new g.Client(`127.0.0.1:${P}`, g.credentials.createInsecure()); const b = x => x; c.makeUnaryRequest('/shop.Orders/Get', b, b, Buffer.alloc(0), () => c.close())",
    "websocket.ws": "const W = require('ws'); new W(`ws://127.0.0.1:${P}/live`).on('error', () => 0)",
}
OTHERS = {
    "docker.docker": "docker -H tcp://127.0.0.1:{P} ps; docker -H tcp://127.0.0.1:{P} exec box id; docker -H tcp://127.0.0.1:{P} version",
    "kubernetes.kubectl": "kubectl -s http://127.0.0.1:{P} get pods; kubectl -s http://127.0.0.1:{P} get --raw /api/v1/namespaces/shop/secrets; kubectl -s http://127.0.0.1:{P} version",
    "etcd.etcdctl": "etcdctl --endpoints 127.0.0.1:{P} --command-timeout 1s get a; etcdctl --endpoints 127.0.0.1:{P} --command-timeout 1s member list",
    "doh.curl": "curl -s --doh-insecure --doh-url https://127.0.0.1:{P}/any http://api.example/",
    "doh.dig": "dig +http-plain=/any +time=1 +tries=1 @127.0.0.1 -p {P} api.example; dig +http-plain-get=/any +time=1 +tries=1 @127.0.0.1 -p {P} api.example",
    "http.curl": "curl -s http://127.0.0.1:{P}/orders/7?type=A; curl -s -d a=b http://127.0.0.1:{P}/v2/orders",
}
# Each statement by itself: what one of them gets for an answer does not end the others.
EACH = """import sys
names = {}
for statement in sys.argv[1].split(";"):
    try: exec(statement.strip(), names)
    except Exception as error: print(error, file=sys.stderr)
"""
ANSWER = b"""HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nApi-Version: 1.41\r\n\
X-Elastic-Product: Elasticsearch\r\n\r\n{}"""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Asked:
    """A server, and the heads that it was asked with."""

    def __init__(self, tls):
        self.tls, self.heads, self.listener = tls, [], socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            client.settimeout(3)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            if client.recv(1, socket.MSG_PEEK) == b"\x16":
                client = self.tls.wrap_socket(client, server_side=True)
            data = client.recv(65536)
            self.http2(client, data) if data.startswith(PREFACE[:16]) else self.http1(client, data)
        except OSError:
            pass
        client.close()

    def http1(self, client, data):
        while data:
            while b"\r\n\r\n" not in data:
                data += client.recv(65536)
            head, _, data = data.partition(b"\r\n\r\n")
            self.heads.append(head + b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
            while len(data) < length:
                data += client.recv(65536)
            data = data[length:]
            client.sendall(ANSWER)
            if b"transfer-encoding: chunked" in lines:
                return
            data = data or client.recv(65536)

    def http2(self, client, data):
        talk = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="latin-1"))
        talk.initiate_connection()
        while data:
            for event in talk.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    fields = dict(event.headers)
                    lines = [f"{fields[':method']} {fields[':path']} HTTP/1.1", f"host: {fields[':authority']}"]
                    lines += [f"{name}: {value}" for name, value in event.headers if not name.startswith(":")]
                    self.heads.append(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
                    kind = fields.get("content-type", "application/json")
                    answer = [(":status", "200"), ("content-type", kind), ("grpc-status", "12")]
                    talk.send_headers(event.stream_id, answer, end_stream=True)
            client.sendall(talk.data_to_send())
            data = client.recv(65536)


def certified():
    """TLS with a certificate that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = f"{folder}/key.pem", f"{folder}/cert.pem"
        words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
        subprocess.run([*words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context.load_cert_chain(certificate, key)
    return context


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    python = lambda code: lambda port: [sys.executable, "-c", EACH, code.replace("{P}", str(port))]
    jobs = {name: python(code) for name, code in PYTHON.items()}
    jobs |= {name: lambda port, code=code: ["node", "-e", f"const P = {port}; {code}"] for name, code in NODE.items()}
    jobs |= {name: lambda port, line=line: ["sh", "-c", line.replace("{P}", str(port))] for name, line in OTHERS.items()}
    environment = dict(os.environ, NODE_PATH=sys.argv[2], HOME="/nonexistent", DOCKER_API_VERSION="", ETCDCTL_API="3")
    tls = certified()
    for name, command in jobs.items():
        asked = Asked(tls)
        try:
            subprocess.run(command(asked.port), timeout=8, stdin=subprocess.DEVNULL, capture_output=True, env=environment)
        except subprocess.TimeoutExpired:
            pass
        heads = list(dict.fromkeys(asked.heads))[:8]
        print(name, [head.split(b"\r\n")[0].decode() for head in heads])
        if heads:
            kept = b"".join(heads).replace(b":%d" % asked.port, b":8080")
            (folder / name).write_bytes(kept.replace(platform.release().encode(), b"6.1.0"))


if __name__ == "__main__":
    main()
