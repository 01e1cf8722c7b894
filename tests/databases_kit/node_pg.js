// node-postgres through a sidecar: an application's ordinary work over its pool, then a denial, which must be told in the
// driver's own words and leave the pool usable.
//
//     node node_pg.js '{"host": …, "port": …, "user": …, "ssl": {"ca": PATH, "cert": PATH, "key": PATH}}'
//
// Prints the ids of the denials' events, one a line.
const assert = require('assert');
const fs = require('fs');
const { Pool } = require('pg');

const options = JSON.parse(process.argv[2]);
for (const [name, file] of Object.entries(options.ssl || {})) {
  if (['ca', 'cert', 'key'].includes(name)) options.ssl[name] = fs.readFileSync(file, 'utf8');
}

async function works(pool) {
  await pool.query("DELETE FROM orders WHERE item LIKE 'node%'");
  await Promise.all([...Array(20).keys()].map((n) => pool.query('INSERT INTO orders (item, amount) VALUES ($1, $2)', [`node ${n}`, n])));
  const named = { name: 'by-amount', text: 'SELECT item FROM orders WHERE amount = $1 AND item LIKE $2' };
  for (const n of [3, 4]) {
    assert.strictEqual((await pool.query({ ...named, values: [n, 'node%'] })).rows[0].item, `node ${n}`);
  }
  const client = await pool.connect();
  await client.query('BEGIN');
  await client.query("UPDATE orders SET amount = 99 WHERE item = 'node 0'");
  await client.query('ROLLBACK');
  const all = await client.query('BEGIN; SELECT 1 AS one; COMMIT');
  assert.deepStrictEqual(all.map((result) => result.command), ['BEGIN', 'SELECT', 'COMMIT']);
  await client.query('LISTEN news');
  const heard = new Promise((resolve) => client.once('notification', resolve));
  await pool.query("NOTIFY news, 'hello'");
  assert.strictEqual((await heard).payload, 'hello');
  client.release();
  const sum = await pool.query("SELECT sum(amount)::int AS sum FROM orders WHERE item LIKE 'node%'");
  assert.strictEqual(sum.rows[0].sum, 190);
}

async function event(asking) {
  const error = await asking.then(() => new Error('was not denied'), (error) => error);
  assert.strictEqual(error.code, '42501', String(error));
  assert.ok(error.detail.startsWith('event '), error.detail);
  console.log(error.detail.slice('event '.length));
}

async function denied(pool) {
  await event(pool.query('SELECT password_hash FROM customers WHERE id = $1', [1]));
  await event(pool.query('DELETE FROM orders'));
  const client = await pool.connect();
  await event(client.query({ name: 'denied', text: 'UPDATE customers SET name = $1 WHERE id = 1', values: ['x'] }));
  await client.query('BEGIN');
  await client.query("INSERT INTO orders (item) VALUES ('node lost')");
  await event(client.query("UPDATE customers SET name = 'x' WHERE id = 1"));
  assert.strictEqual((await client.query('COMMIT')).command, 'ROLLBACK');
  const left = await client.query("SELECT count(*)::int AS count FROM orders WHERE item = $1", ['node lost']);
  assert.strictEqual(left.rows[0].count, 0);
  client.release();
  await pool.query("DELETE FROM orders WHERE item LIKE 'node%'");
}

async function main() {
  const pool = new Pool({ ...options, max: 4, connectionTimeoutMillis: 20000 });
  await works(pool);
  await denied(pool);
  await pool.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
