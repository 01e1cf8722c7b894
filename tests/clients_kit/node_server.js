// An upstream on Node's own server: says hello, counts what it is sent. node node_server.js PORT
'use strict';
const server = require('node:http').createServer((request, response) => {
  let bytes = 0;
  request.on('data', (piece) => { bytes += piece.length; });
  request.on('end', () => response.end(request.method === 'POST' ? String(bytes) : 'hello\n'));
});
server.listen(Number(process.argv[2]), '127.0.0.1');
