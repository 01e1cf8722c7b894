GET /live HTTP/1.1
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: C+Fz4pP+vUEX7sv1e2LzAw==
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
Host: 127.0.0.1:8080

