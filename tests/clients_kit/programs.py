"""The programs under the test: Podwall itself, nginx, Node. Each is ended by the one who started it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .checks import Failed, run

HERE = Path(__file__).parent


GIVEN = set()


def free_port():
    """A port that nothing listens on, and that was not given before: the system may name one again."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def until(what, probe, seconds=15):
    """Waits for something to be the case, and gives it."""
    end = time.monotonic() + seconds
    while True:
        if found := probe():
            return found
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def listening(port):
    def probe():
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    return probe


class Program:
    """A process that ends with the test."""

    def __init__(self, command, log, **options):
        with open(log, "ab") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)
        self.log = Path(log)

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Podwall(Program):
    """A sidecar, from its configuration to its record. `inside` is a command that runs others in a namespace, `more` more
    lines of the configuration, `record` and `identity` of those parts."""

    def __init__(self, binary, folder, listeners, allowlist, certificates, inside=(), more="", certificate="server",
                 record="", identity=""):
        folder.mkdir()
        self.inside = list(inside)
        self.admin_port = free_port()
        self.record = folder / "record.jsonl"
        (folder / "allowlist.yaml").write_text(allowlist)
        (folder / "podwall.yaml").write_text(f"""\
apiVersion: podwall.dev/v1
kind: Podwall
listeners: {json.dumps(listeners)}
identity:
  certificate: {certificates}/{certificate}.crt
  key: {certificates}/{certificate}.key
  trust: [{{domain: cluster.test, bundle: {certificates}/ca.crt}}]
  {identity}
allowlists: [{folder}/allowlist.yaml]
record:
  file: {{path: {self.record}}}
  repeats: 1000
  {record}
admin: {{listen: "127.0.0.1:{self.admin_port}"}}
workers: 2
{more}""")
        super().__init__([*self.inside, binary, "run", "--config", folder / "podwall.yaml"], folder / "podwall.log")

    def admin(self, path, method="GET"):
        """Status and text that the admin endpoint answers; 0 when it does not."""
        url = f"http://127.0.0.1:{self.admin_port}{path}"
        if self.inside:
            done = run([*self.inside, "curl", "-sS", "-m", "5", "-w", "%{http_code}", url])
            return (int(done.stdout[-3:]), done.stdout[:-3]) if done.returncode == 0 else (0, done.stderr)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def wait_ready(self):
        def probe():
            if self.process.poll() is not None:
                raise Failed(f"podwall ended with {self.process.returncode}: {self.log.read_text()[-2000:]}")
            return self.admin("/readyz")[0] == 200

        until("/readyz", probe)
        return self

    def lines(self):
        return [json.loads(line) for line in self.record.read_text().splitlines() if line.endswith("}")]

    def recorded(self, **wanted):
        """The record line with these fields, which is written behind the answer."""

        def probe():
            fit = (line for line in self.lines() if all(line.get(key) == value for key, value in wanted.items()))
            return next(fit, None)

        return until(f"a line with {wanted} in the record", probe, 10)

    def memory(self, field):
        """A field of /proc/PID/status, in KiB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
        raise Failed(f"no {field}")

    def reset_peak(self):
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)


def certificates(binary, folder):
    """A development CA with the certificates of server and client."""
    done = run([binary, "pki", "dev", folder])
    if done.returncode != 0:
        raise Failed(f"podwall pki dev: {done.stderr}")
    return folder


NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; client_max_body_size 0; default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location /hello/ {{ return 200 "hello\\n"; }}
    # The body has been read whole before it goes on, so its length is what nginx saw.
    location = /count {{ proxy_pass http://127.0.0.1:{port}/length; }}
    location = /length {{ return 200 "$content_length"; }}
    location = /download {{ alias {folder}/download; }}
  }}
}}
"""


def nginx(folder, download_bytes):
    """nginx as an upstream; gives the program and its port. `/download` is that many zeros."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        return None, 0
    folder.mkdir()
    with open(folder / "download", "wb") as file:
        file.truncate(download_bytes)
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    server = Program([program, "-p", folder, "-c", folder / "nginx.conf"], folder / "nginx.out")
    until("nginx listens", listening(port))
    return server, port


def node(folder):
    """Node's server as an upstream; gives the program and its port."""
    if shutil.which("node") is None:
        return None, 0
    folder.mkdir()
    port = free_port()
    server = Program(["node", HERE / "node_server.js", str(port)], folder / "node.log")
    until("Node listens", listening(port))
    return server, port
