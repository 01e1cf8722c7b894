// Node's client: each request on one connection that is kept, answers as JSON. node node_client.js URL [CA CERT KEY]
'use strict';
const fs = require('node:fs');
const [url, ca, cert, key] = process.argv.slice(2);
const library = require(url.startsWith('https:') ? 'node:https' : 'node:http');
const identity = ca ? { ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key) } : {};
const agent = new library.Agent({ keepAlive: true, maxSockets: 1, ...identity });

function ask(method, path, pieces, headers) {
  return new Promise((resolve, reject) => {
    const request = library.request(url + path, { method, agent, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (piece) => { body += piece; });
      response.on('end', () => resolve({
        status: response.statusCode, body, event: response.headers['x-podwall-event'] ?? null, reused: request.reusedSocket,
      }));
    });
    request.on('error', reject);
    for (const piece of pieces) request.write(piece);
    request.end();
  });
}

(async () => {
  const json = JSON.stringify({ customer: 'C-7', items: [1, 2, 3] });
  console.log(JSON.stringify({
    get: await ask('GET', '/hello/node', []),
    post: await ask('POST', '/count', [json], { 'content-type': 'application/json', 'content-length': json.length }),
    chunked: await ask('POST', '/count', ['one ', 'two ', 'three'], { 'content-type': 'text/plain' }),
    denied: await ask('GET', '/forbidden', []),
  }));
  agent.destroy();
})();
