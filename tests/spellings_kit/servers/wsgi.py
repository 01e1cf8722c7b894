"""The handler behind gunicorn."""

from report import gateway


def application(environ, start_response):
    server = {"SERVER_NAME": ""}
    number = gateway({**{k: v for k, v in environ.items() if isinstance(v, str)}, **server}, environ["wsgi.input"].read())
    start_response("200 OK", [("x-acted", number), ("content-length", "6")])
    return [b"acted\n"]
