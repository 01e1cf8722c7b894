"""The handler behind Apache httpd: a CGI program."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from report import gateway

environ = {key: os.fsencode(value).decode("latin-1") for key, value in os.environ.items()}
number = gateway(environ, sys.stdin.buffer.read())
sys.stdout.write(f"Status: 200\r\nx-acted: {number}\r\nContent-Length: 6\r\n\r\nacted\n")
