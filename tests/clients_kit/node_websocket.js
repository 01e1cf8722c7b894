// ws as a client: says one word, then sends what must be refused. node node_websocket.js URL ATTACK [CA CERT KEY]
'use strict';
const fs = require('node:fs');
const WebSocket = require('ws');
const [url, attack, ca, cert, key] = process.argv.slice(2);
const identity = ca ? { ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key) } : {};
const socket = new WebSocket(url, { perMessageDeflate: true, ...identity });
const heard = [];
socket.on('open', () => { socket.ping('are you there'); });
socket.on('pong', (data) => { heard.push(`pong ${data}`); socket.send('from node'); });
socket.on('message', (data, binary) => { heard.push(`${binary ? 'binary' : 'text'} ${data}`); socket.send(attack); });
socket.on('error', (error) => { heard.push(`error ${error.message}`); });
socket.on('close', (code, reason) => {
  console.log(JSON.stringify({ heard, code, reason: reason.toString(), extensions: socket.extensions }));
});
