"""Envoy and Caddy as neighbours of the sidecar: each listens in plaintext (HTTP/1.1, and HTTP/2 with prior knowledge) and
passes on what it is asked, to the sidecar with a certificate of its own or to a server in plaintext."""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from .programs import Program, listening, until


@dataclass
class Route:
    """From a port to a port; with `tls` by mTLS, in this version of HTTP."""

    listen: int
    to: int
    version: str = "1"
    tls: bool = False


def program(name):
    """Where a program is, if it is here: beside this Python, or on the path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def envoy(folder, routes, certs):
    folder.mkdir()
    config = {
        "static_resources": {
            "listeners": [envoy_listener(route) for route in routes],
            "clusters": [envoy_cluster(route, certs) for route in routes],
        }
    }
    (folder / "envoy.json").write_text(json.dumps(config))
    words = ["-c", folder / "envoy.json", "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
    server = Program([program("envoy"), *words], folder / "envoy.log")
    for route in routes:
        until("Envoy listens", listening(route.listen), 60)
    return server


def typed(kind, **fields):
    return {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **fields}


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def envoy_listener(route):
    name = f"to_{route.listen}"
    manager = typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=name,
        codec_type="AUTO",
        upgrade_configs=[{"upgrade_type": "websocket"}],
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "route": {"cluster": name, "timeout": "60s"}},
        ]}]},
        http_filters=[{"name": "router", "typed_config": typed("filters.http.router.v3.Router")}],
    )
    return {
        "name": name,
        "address": address(route.listen),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def envoy_cluster(route, certs):
    name = f"to_{route.listen}"
    versions = {"1": {"http_protocol_options": {}}, "2": {"http2_protocol_options": {}}}
    cluster = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(route.to)}}]}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "upstreams.http.v3.HttpProtocolOptions", explicit_http_config=versions[route.version]
            )
        },
    }
    if route.tls:
        file = lambda of: {"filename": str(certs / of)}
        cluster["transport_socket"] = {
            "name": "tls",
            "typed_config": typed("transport_sockets.tls.v3.UpstreamTlsContext", sni="localhost", common_tls_context={
                "tls_certificates": [{"certificate_chain": file("client.crt"), "private_key": file("client.key")}],
                "validation_context": {"trusted_ca": file("ca.crt")},
                "alpn_protocols": ["h2" if route.version == "2" else "http/1.1"],
            }),
        }
    return cluster


def caddy(folder, routes, certs):
    folder.mkdir()
    servers = {f"to_{route.listen}": caddy_server(route, certs) for route in routes}
    storage = {"module": "file_system", "root": str(folder / "storage")}
    logging = {"logs": {"default": {"level": "WARN"}}}
    config = {"admin": {"disabled": True}, "storage": storage, "logging": logging, "apps": {"http": {"servers": servers}}}
    (folder / "caddy.json").write_text(json.dumps(config))
    server = Program([program("caddy"), "run", "--config", folder / "caddy.json"], folder / "caddy.log")
    for route in routes:
        until("Caddy listens", listening(route.listen), 60)
    return server


def caddy_server(route, certs):
    transport = {"protocol": "http", "versions": ["1.1"] if route.version == "1" else ["2"]}
    if route.tls:
        transport["tls"] = {
            "root_ca_pem_files": [str(certs / "ca.crt")], "server_name": "localhost",
            "client_certificate_file": str(certs / "client.crt"), "client_certificate_key_file": str(certs / "client.key"),
        }
    # No `flush_interval`: told to flush at once, Caddy races the end of an answer that is all head, and a gRPC status loses
    # its place (from any server).
    proxy = {"handler": "reverse_proxy", "upstreams": [{"dial": f"127.0.0.1:{route.to}"}], "transport": transport}
    return {
        "listen": [f"127.0.0.1:{route.listen}"], "automatic_https": {"disable": True}, "protocols": ["h1", "h2", "h2c"],
        "routes": [{"handle": [proxy]}],
    }
