// mysql2 through a sidecar: texts, prepared statements with values, long values, denials. Prints what it was told as JSON.
const mysql = require("mysql2/promise");

const [port, password] = process.argv.slice(2);

async function main() {
  const session = await mysql.createConnection({ host: "127.0.0.1", port: Number(port), user: "app", password, database: "shop" });
  const told = { denied: [] };
  await session.query("INSERT INTO orders (item) VALUES (?)", ["it's"]);
  [told.text] = await session.query("SELECT item FROM orders WHERE item = ?", ["it's"]);
  for (let round = 0; round < 3; round += 1) {
    await session.execute("UPDATE orders SET amount = ? WHERE item = ?", [7, "it's"]);
  }
  await session.execute("INSERT INTO orders (item, amount) VALUES (?, ?)", ["a", 7]);
  [told.bound] = await session.execute("SELECT item, amount FROM orders WHERE amount = ? AND item = ?", [7, "a"]);
  const refused = (error) => told.denied.push(error.errno);
  await session.execute("SELECT entry FROM ledger WHERE id = ?", [1]).catch(refused);
  await session.query("DROP TABLE orders").catch(refused);
  [told.after] = await session.query("SELECT COUNT(*) AS n FROM orders");
  await session.execute("UPDATE orders SET item = ? WHERE item = ?", ["x".repeat(60000), "a"]);
  const [rows] = await session.execute("SELECT LENGTH(item) AS n FROM orders WHERE amount = ? ORDER BY 1 DESC", [7]);
  told.long = rows[0].n;
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
