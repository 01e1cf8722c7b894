// grpc-js as a client, messages written by hand. node node_grpc.js URL ATTACK [CA CERT KEY]
'use strict';
const fs = require('node:fs');
const grpc = require('@grpc/grpc-js');
const [url, attack, ca, cert, key] = process.argv.slice(2);
const read = (file) => fs.readFileSync(file);
const credentials = ca ? grpc.credentials.createSsl(read(ca), read(key), read(cert)) : grpc.credentials.createInsecure();
const client = new grpc.Client(new URL(url).host, credentials);

// Field 1 is a string of less than 128 bytes.
const order = (text) => Buffer.concat([Buffer.from([0x0a, text.length]), Buffer.from(text)]);
const text = (bytes) => bytes.subarray(2).toString();
const same = (bytes) => bytes;
const path = (method) => `/shop.Orders/${method}`;

function unary(method, word) {
  return new Promise((resolve) => {
    client.makeUnaryRequest(path(method), same, same, order(word), (error, answer) => {
      if (!error) return resolve({ text: text(answer) });
      const told = (name) => error.metadata.get(name).map(String);
      resolve({ code: error.code, details: error.details, retry: told('retry-after'), pushback: told('grpc-retry-pushback-ms') });
    });
  });
}

function collect(count) {
  return new Promise((resolve) => {
    const call = client.makeClientStreamRequest(path('Collect'), same, same, (error) => resolve(!error));
    for (let number = 0; number < count; number += 1) call.write(order(`order ${number}`));
    call.end();
  });
}

function list() {
  return new Promise((resolve) => {
    let count = 0;
    const call = client.makeServerStreamRequest(path('List'), same, same, order('all'));
    call.on('data', () => { count += 1; });
    call.on('error', (error) => resolve(error.details));
    call.on('end', () => resolve(count));
  });
}

(async () => {
  const told = { unary: (await unary('Get', 'C-7')).text, collected: await collect(50), listed: await list() };
  told.attack = await unary('Get', attack);
  await unary('Seldom', 'once');
  told.limited = await unary('Seldom', 'twice');
  console.log(JSON.stringify(told));
  client.close();
})();
