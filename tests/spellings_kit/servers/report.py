"""What a backend acted on, as one JSON line. Copied beside the servers, so that it needs nothing but itself."""

import json
import os
import uuid
from urllib.parse import parse_qsl


def act(method, target, paths, host, headers, query, body, whole=True):
    """Writes down one request that was acted on. Gives the id that goes into its answer.

    `paths` are those that handlers of this server would go by; `whole` is whether the body came to its end; None where
    nobody can tell.
    """
    number = uuid.uuid4().hex
    line = {
        "id": number,
        "method": method,
        "target": target,
        "paths": paths,
        "host": host,
        "headers": headers,
        "keys": [key for key, _ in parse_qsl(query, keep_blank_values=True)],
        "body": body.decode("latin-1"),
        "whole": whole,
    }
    log = os.open(os.environ["ACTS"], os.O_WRONLY | os.O_APPEND)
    os.write(log, json.dumps(line).encode() + b"\n")
    os.close(log)
    return number


def gateway(environ, body):
    """What CGI and WSGI programs go by."""
    headers = {key[5:].replace("_", "-").lower(): [value] for key, value in environ.items() if key.startswith("HTTP_")}
    length = environ.get("CONTENT_LENGTH") or ""
    whole = not length.isdigit() or len(body) == int(length)
    if "GATEWAY_INTERFACE" in environ and "HTTP_TRANSFER_ENCODING" in environ:
        whole = None  # a CGI program is not told whether chunks came to their end
    path = environ.get("PATH_INFO", "").encode("latin-1", "surrogateescape").decode("utf-8", "backslashreplace")
    target = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    host = [environ[key] for key in ("HTTP_HOST", "SERVER_NAME", "VHOST") if key in environ]
    return act(environ["REQUEST_METHOD"], target, [path], host, headers, environ.get("QUERY_STRING", ""), body, whole)
