//! tokio-postgres through a sidecar: an application's ordinary work, then a denial, which must be told in the driver's own
//! words and leave the session usable.
//!
//!     tokio_postgres ADDRESS    (as libpq writes it: host=127.0.0.1 port=5432 user=app …)
//!
//! Prints the ids of the denials' events, one a line. Exit code 1 and the reason when anything is not as without a sidecar.

use futures_util::{SinkExt, pin_mut};
use std::process::ExitCode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, NoTls};

type Done<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(events) => {
            events.iter().for_each(|event| println!("{event}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Done<Vec<String>> {
    let address = std::env::args().nth(1).ok_or("say where the database is")?;
    let (mut client, connection) = tokio_postgres::connect(&address, NoTls).await?;
    let driving = tokio::spawn(connection);
    works(&mut client).await?;
    let events = denied(&mut client).await?;
    drop(client);
    driving.await??;
    Ok(events)
}

async fn works(client: &mut Client) -> Done<()> {
    client.batch_execute("DELETE FROM orders WHERE item LIKE 'rust%'").await?;
    let insert = client.prepare("INSERT INTO orders (item, amount) VALUES ($1, $2) RETURNING id").await?;
    for amount in 0..5_i32 {
        client.query_one(&insert, &[&format!("rust {amount}"), &amount]).await?;
    }
    // Sent one behind the other, answered in order.
    let select = client.prepare("SELECT amount FROM orders WHERE item = $1").await?;
    let (one, other) =
        tokio::try_join!(client.query_one(&select, &[&"rust 3"]), client.query_one(&select, &[&"rust 4"]),)?;
    is("pipelined", (one.get::<_, i32>(0), other.get::<_, i32>(0)), (3, 4))?;
    let transaction = client.transaction().await?;
    transaction.execute("UPDATE orders SET amount = 9 WHERE item = $1", &[&"rust 0"]).await?;
    let portal = transaction.bind("SELECT item FROM orders WHERE item LIKE $1 ORDER BY item", &[&"rust%"]).await?;
    is(
        "portal",
        (transaction.query_portal(&portal, 2).await?.len(), transaction.query_portal(&portal, 9).await?.len()),
        (2, 3),
    )?;
    transaction.rollback().await?;
    let sink = client.copy_in("COPY orders (item, amount) FROM STDIN").await?;
    pin_mut!(sink);
    for _ in 0..100 {
        sink.send("rust copied\t7\n".as_bytes()).await?;
    }
    is("copied", sink.finish().await?, 100)?;
    let count: i64 =
        client.query_one("SELECT count(*) FROM orders WHERE item LIKE $1 AND amount <> 9", &[&"rust%"]).await?.get(0);
    is("rows", count, 105)?;
    let texts = client.simple_query("BEGIN; SELECT 1; COMMIT").await?;
    is("one text of three", texts.len() >= 3, true)
}

async fn denied(client: &mut Client) -> Done<Vec<String>> {
    let mut events = Vec::new();
    events.push(event(client.query("SELECT password_hash FROM customers WHERE id = $1", &[&1_i32]).await.err())?);
    events.push(event(client.batch_execute("DELETE FROM orders").await.err())?);
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO orders (item) VALUES ($1)", &[&"rust lost"]).await?;
    events.push(event(transaction.prepare("UPDATE customers SET name = 'x' WHERE id = 1").await.err())?);
    let aborted = transaction.execute("SELECT 1", &[]).await.err().and_then(|error| error.code().cloned());
    is("aborted", aborted, Some(SqlState::IN_FAILED_SQL_TRANSACTION))?;
    transaction.rollback().await?;
    let left: i64 = client.query_one("SELECT count(*) FROM orders WHERE item = $1", &[&"rust lost"]).await?.get(0);
    is("rolled back", left, 0)?;
    client.execute("DELETE FROM orders WHERE item LIKE $1", &[&"rust%"]).await?;
    Ok(events)
}

/// The event's id, if the error is a denial.
fn event(error: Option<Error>) -> Done<String> {
    let error = error.ok_or("was not denied")?;
    let told = error.as_db_error().ok_or("is no error of the database")?;
    is("code", told.code(), &SqlState::INSUFFICIENT_PRIVILEGE)?;
    let event = told.detail().and_then(|detail| detail.strip_prefix("event ")).ok_or("no event")?;
    Ok(event.to_owned())
}

fn is<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Done<()> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, expected {expected:?}").into()) }
}
