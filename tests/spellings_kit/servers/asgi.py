"""The handler behind uvicorn."""

from report import act


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    body, message = b"", {"more_body": True}
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
    headers = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    query = scope["query_string"].decode("latin-1")
    target = (scope.get("raw_path") or b"").decode("latin-1") + "?" + query
    number = act(scope["method"], target, [scope["path"]], headers.get("host", []), headers, query, body)
    answer = [(b"x-acted", number.encode()), (b"content-length", b"6")]
    await send({"type": "http.response.start", "status": 200, "headers": answer})
    await send({"type": "http.response.body", "body": b"acted\n"})
