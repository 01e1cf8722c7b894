"""The real servers behind the sidecar, each reading as leniently as its settings let it, and what each acted on."""

import json
import os
import pwd
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from clients_kit.checks import Skipped
from clients_kit.programs import Program, free_port, listening, until

SERVERS = Path(__file__).parent / "servers"
SYSTEM = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


class Backend:
    """One running server and the log of what it acted on."""

    def __init__(self, name, folder):
        self.name, self.folder, self.port = name, folder, free_port()
        shutil.copytree(SERVERS, folder)
        folder.chmod(0o755)
        self.log, self.read = folder / "acts", 0
        self.log.touch()
        self.log.chmod(0o666)
        environment = {**os.environ, "ACTS": str(self.log)}
        # A session of its own: httpd ends its whole process group when it ends.
        options = {"cwd": folder, "env": environment, "start_new_session": True}
        self.program = Program({**START, **TAPE}[name](self), folder / "output", **options)
        until(f"{name} listens", listening(self.port))

    def end(self):
        self.program.end()

    def settled(self):
        """What was acted on since the last time, in order, once nothing more comes."""
        sizes = []

        def quiet():
            sizes.append(self.log.stat().st_size)
            return len(sizes) > 25 and len(set(sizes[-25:])) == 1

        until(f"{self.name} is quiet", quiet, 60)
        text = self.log.read_bytes()[self.read :]
        self.read += len(text)
        lines = [json.loads(line) for line in text.decode("utf-8", "surrogateescape").split("\n") if line]
        return [told(line) for line in lines if line.get("status", 200) == 200]


def told(line):
    """A line of the log in the one form: nginx writes bytes as they are, and leaves fields empty."""
    if "status" in line:
        line["body"] = line["body"].encode("utf-8", "surrogateescape").decode("latin-1")
        line["paths"] = [
            path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for path in line["paths"]
        ]
    line["headers"] = {name: values for name, values in line["headers"].items() if values != [""]}
    line["keys"] = [key for key in line["keys"] if key]
    return line


def program(name):
    found = shutil.which(name, path=SYSTEM)
    if found is None:
        raise Skipped(f"no {name}")
    return found


def module(name):
    if find_spec(name) is None:
        raise Skipped(f"no Python package {name}")
    return [sys.executable, "-m", name]


def http_server(backend):
    return [sys.executable, "plain.py", str(backend.port)]


def node(backend):
    return [program("node"), "node.js", str(backend.port)]


def gunicorn(backend):
    lenient = [
        "--header-map",
        "dangerous",
        "--permit-unconventional-http-method",
        "--permit-unconventional-http-version",
        "--permit-obsolete-folding",
        "--strip-header-spaces",
        "--casefold-http-method",
    ]
    workers = ["--worker-class", "gthread", "--workers", "1", "--threads", "16", "--keep-alive", "60"]
    return [*module("gunicorn"), "--bind", f"127.0.0.1:{backend.port}", *workers, *lenient, "wsgi:application"]


def uvicorn(backend, parser):
    if find_spec(parser) is None:
        raise Skipped(f"no Python package {parser}")
    quiet = ["--no-access-log", "--log-level", "critical", "--timeout-keep-alive", "60"]
    return [*module("uvicorn"), "--port", str(backend.port), "--http", parser, *quiet, "asgi:application"]


APACHE = """\
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
Mutex file:{folder} default
Listen 127.0.0.1:{port}
ServerName internal.test
{modules}
{user}
StartServers 2
MaxSpareServers 4
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
HttpProtocolOptions Unsafe LenientMethods Allow0.9
MergeTrailers On
AllowEncodedSlashes On
TraceEnable On
PassEnv ACTS
ScriptAlias / {folder}/handler/
<Directory {folder}>
  Require all granted
  Options +ExecCGI
  CGIPassAuth On
</Directory>
<VirtualHost *:*>
  ServerName internal.test
  SetEnv VHOST internal.test
</VirtualHost>
<VirtualHost *:*>
  ServerName a.test
  SetEnv VHOST a.test
</VirtualHost>
"""


def apache(backend):
    binary = program("apache2")
    handler = backend.folder / "handler"
    text = (backend.folder / "cgi.py").read_text()
    # Isolated and without site packages: it starts anew for every request.
    handler.write_text(f"#!{os.path.realpath(sys.executable)} -IS\n{text}")
    handler.chmod(0o755)
    backend.folder.chmod(0o777)
    names = ("mpm_prefork", "authz_core", "alias", "env", "cgi")
    modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in names)
    user = ""
    if os.getuid() == 0:
        # It does not run as root; its user must reach the handler.
        user = f"User {pwd.getpwnam('www-data').pw_name}"
        backend.folder.parent.chmod(0o755)
    fields = {"folder": backend.folder, "port": backend.port, "modules": modules, "user": user}
    (backend.folder / "apache.conf").write_text(APACHE.format(**fields))
    return [binary, "-f", str(backend.folder / "apache.conf"), "-D", "FOREGROUND"]


NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 512; }}
http {{
  log_format act escape=json '{{"id":"$request_id","status":$status,"method":"$request_method","target":"$request_uri",'
    '"paths":["$uri"],"host":["$host","$vhost"],"place":"$place","keys":["$debug"],"whole":true,"body":"$request_body",'
    '"headers":{{"x-case":["$http_x_case"],"x-tenant":["$http_x_tenant"],"cookie":["$http_cookie"],'
    '"x-original-url":["$http_x_original_url"],"x-rewrite-url":["$http_x_rewrite_url"],'
    '"x-http-method-override":["$http_x_http_method_override"],"x-note":["$http_x_note"],'
    '"x-forwarded-client-cert":["$http_x_forwarded_client_cert"]}}}}';
  access_log off; client_max_body_size 0; client_body_buffer_size 4m; keepalive_requests 100000; keepalive_timeout 60;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  underscores_in_headers on; ignore_invalid_headers off;
  map $arg_debug $debug {{ "" ""; default "debug"; }}
  # Bodies are read whole before they go on; what goes on is of no interest.
  proxy_method GET; proxy_pass_request_headers off; proxy_pass_request_body off; proxy_set_header content-length "";
  server {{ listen 127.0.0.1:{sink}; location / {{ return 200 "acted\\n"; }} }}
  server {{
    listen 127.0.0.1:{port} default_server; server_name internal.test; set $vhost internal.test;
    {places}
  }}
  server {{
    listen 127.0.0.1:{port}; server_name a.test; set $vhost a.test;
    {places}
  }}
}}
"""
PLACE = """
    location {match} {{
      set $place {name}; access_log {folder}/acts act; add_header x-acted $request_id always;
      proxy_pass http://127.0.0.1:{sink}/;
    }}"""


def nginx(backend):
    binary = program("nginx")
    fields = {"folder": backend.folder, "port": backend.port, "sink": free_port()}
    matches = (("/public/", "public"), ("/admin", "admin"), ("/", "other"))
    places = "".join(PLACE.format(match=match, name=name, **fields) for match, name in matches)
    (backend.folder / "nginx.conf").write_text(NGINX.format(places=places, **fields))
    return [binary, "-p", str(backend.folder), "-c", str(backend.folder / "nginx.conf")]


START = {
    "nginx": nginx,
    "apache": apache,
    "http.server": http_server,
    "gunicorn": gunicorn,
    "uvicorn-h11": lambda backend: uvicorn(backend, "h11"),
    "uvicorn-httptools": lambda backend: uvicorn(backend, "httptools"),
    "node": node,
}
# Not a server: it reads what the sidecar writes, letter by letter.
TAPE = {"tape": lambda backend: [sys.executable, "tape.py", str(backend.port)]}
