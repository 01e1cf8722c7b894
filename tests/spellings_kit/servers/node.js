// The handler behind Node's http server, reading as leniently as it can. node node.js PORT
'use strict';
const { randomUUID } = require('node:crypto');
const { appendFileSync } = require('node:fs');
const http = require('node:http');
const { posix } = require('node:path');
const { parse } = require('node:url');

const decoded = (path) => { try { return decodeURIComponent(path); } catch { return path; } };

// How handlers find out the path: the URL parser, the older one, and what serves files.
function paths(target, host) {
  const found = [];
  try { found.push(decoded(new URL(target, `http://${host || 'none.test'}`).pathname)); } catch { /* it has no reading */ }
  try { found.push(decoded(parse(target).pathname || '/')); } catch { /* it has no reading */ }
  if (target.startsWith('/')) found.push(posix.normalize(decoded(target.split('?')[0])));
  return found;
}

const server = http.createServer({ insecureHTTPParser: true, requireHostHeader: false }, (request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('error', () => {});
  request.on('end', () => {
    const { method, url, headersDistinct: headers } = request;
    const mark = url.indexOf('?');
    const id = randomUUID();
    appendFileSync(process.env.ACTS, JSON.stringify({
      id, method, target: url, paths: paths(url, request.headers.host), host: headers.host || [], headers,
      keys: [...new URLSearchParams(mark < 0 ? '' : url.slice(mark)).keys()],
      body: Buffer.concat(pieces).toString('latin1'), whole: request.complete,
    }) + '\n');
    response.writeHead(200, { 'x-acted': id, 'content-length': 6 });
    response.end('acted\n');
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
