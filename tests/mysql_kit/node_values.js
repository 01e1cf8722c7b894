// Runs one prepared statement with values through mysql2; the last one is sent as a date.
const mysql = require("mysql2/promise");

const [port, password, sql, values] = process.argv.slice(2);

async function main() {
  const session = await mysql.createConnection({ host: "127.0.0.1", port: Number(port), user: "app", password, database: "shop", timezone: "Z" });
  const bound = JSON.parse(values);
  await session.execute(sql, [...bound.slice(0, -1), new Date(`${bound.at(-1)}Z`)]);
  await session.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
