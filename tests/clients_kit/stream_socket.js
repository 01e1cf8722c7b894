// WebSockets on streams of HTTP/2 (RFC 8441), by Node's own http2: a server that sends every message back, or a client.
//
//     node stream_socket.js serve                   a line with its port, then a line for each message and close code
//     node stream_socket.js talk CALL               CALL is JSON: {url, ca, cert, key, messages}; a line of what it heard
const http2 = require('http2');
const fs = require('fs');

function frame(opcode, payload, masked) {
  const head = [0x80 | opcode];
  const mask = Buffer.from(masked ? [1, 2, 3, 4] : []);
  const bit = masked ? 0x80 : 0;
  if (payload.length < 126) head.push(bit | payload.length);
  else head.push(bit | 126, payload.length >> 8, payload.length & 255);
  const body = Buffer.from(payload.map((byte, at) => (masked ? byte ^ mask[at % 4] : byte)));
  return Buffer.concat([Buffer.from(head), mask, body]);
}

// Calls each with (opcode, payload) for every whole frame.
function reader(each) {
  let bytes = Buffer.alloc(0);
  return (more) => {
    bytes = Buffer.concat([bytes, more]);
    while (bytes.length >= 2) {
      let length = bytes[1] & 127;
      let at = 2;
      if (length === 126) {
        if (bytes.length < 4) return;
        length = bytes.readUInt16BE(2);
        at = 4;
      }
      const masked = bytes[1] & 128;
      const start = at + (masked ? 4 : 0);
      if (bytes.length < start + length) return;
      const payload = Buffer.from(bytes.subarray(start, start + length));
      if (masked) for (let i = 0; i < length; i++) payload[i] ^= bytes[at + (i % 4)];
      const opcode = bytes[0] & 15;
      bytes = bytes.subarray(start + length);
      each(opcode, payload);
    }
  };
}

function serve() {
  const server = http2.createServer({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket') {
      stream.respond({ ':status': 200 });
      return stream.end('plain\n');
    }
    console.log(JSON.stringify({ offered: headers['sec-websocket-extensions'], key: headers['sec-websocket-key'] }));
    const protocol = headers['sec-websocket-protocol'];
    stream.respond({ ':status': 200, ...(protocol && { 'sec-websocket-protocol': protocol }) });
    stream.on('data', reader((opcode, payload) => {
      if (opcode === 8) {
        console.log(JSON.stringify({ code: payload.readUInt16BE(0) }));
        stream.write(frame(8, payload, false));
        return stream.end();
      }
      console.log(JSON.stringify({ message: payload.toString() }));
      stream.write(frame(opcode, payload, false));
    }));
  });
  server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
}

function talk(call) {
  const read = (name) => (call[name] ? fs.readFileSync(call[name]) : undefined);
  const session = http2.connect(call.url, { ca: read('ca'), cert: read('cert'), key: read('key') });
  const told = { heard: [], code: null, reason: null, status: null };
  const done = () => { console.log(JSON.stringify(told)); process.exit(0); };
  session.on('error', (error) => { told.error = String(error); done(); });
  session.once('remoteSettings', (settings) => {
    told.enabled = settings.enableConnectProtocol;
    const fields = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': call.path || '/live' };
    const stream = session.request({ ...fields, 'sec-websocket-version': '13', ...call.fields });
    const rest = call.messages.slice();
    const next = () => { if (rest.length) stream.write(frame(1, Buffer.from(rest.shift()), true)); else bye(); };
    const bye = () => stream.write(frame(8, Buffer.from([3, 232]), true));
    stream.on('response', (headers) => {
      Object.assign(told, { status: headers[':status'], event: headers['x-podwall-event'] });
      told.protocol = headers['sec-websocket-protocol'];
      if (told.status === 200) next();
    });
    stream.on('data', reader((opcode, payload) => {
      if (opcode === 8) {
        told.code = payload.readUInt16BE(0);
        told.reason = payload.subarray(2).toString();
      } else {
        told.heard.push(payload.toString());
        next();
      }
    }));
    stream.on('error', (error) => { told.error = String(error); });
    stream.on('close', done);
    if (call.rude) stream.write(call.rude);
  });
}

if (process.argv[2] === 'serve') serve();
else talk(JSON.parse(process.argv[3]));
