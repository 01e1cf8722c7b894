// mysql2 in TLS that it asks for: a prepared statement, another login on the same connection. Prints what it was told as JSON.
const fs = require("fs");
const mysql = require("mysql2/promise");

const [port, password, certs] = process.argv.slice(2);
const read = (name) => fs.readFileSync(`${certs}/${name}`);

async function main() {
  const ssl = { ca: read("ca.crt"), cert: read("client.crt"), key: read("client.key"), verifyIdentity: true };
  const session = await mysql.createConnection({ host: "localhost", port: Number(port), user: "app", password, database: "shop", ssl });
  const told = { encrypted: session.connection.stream.encrypted === true };
  [told.bound] = await session.execute("SELECT ? + 0 AS n", [7]);
  await session.changeUser({ user: "app", password, database: "shop" });
  const [[where]] = await session.query("SELECT DATABASE() AS d");
  told.changed = where.d;
  await session.end();
  console.log(JSON.stringify(told));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
