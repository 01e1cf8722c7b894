//! sqlx through a sidecar: an application's ordinary work over its pool, then a denial, which must be told in the driver's
//! own words and leave the pool usable.
//!
//!     sqlx URL    (postgres://app:password@127.0.0.1:5432/shop?sslmode=…)
//!
//! Prints the ids of the denials' events, one a line. Exit code 1 and the reason when anything is not as without a sidecar.

use sqlx::postgres::{PgDatabaseError, PgPoolCopyExt, PgPoolOptions};
use sqlx::{PgPool, Row};
use std::process::ExitCode;

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
    let url = std::env::args().nth(1).ok_or("say where the database is")?;
    let pool = PgPoolOptions::new().max_connections(3).connect(&url).await?;
    works(&pool).await?;
    let events = denied(&pool).await?;
    pool.close().await;
    Ok(events)
}

async fn works(pool: &PgPool) -> Done<()> {
    sqlx::query("DELETE FROM orders WHERE item LIKE 'rust%'").execute(pool).await?;
    for amount in 0..5_i32 {
        let insert = sqlx::query("INSERT INTO orders (item, amount) VALUES ($1, $2)");
        insert.bind(format!("rust {amount}")).bind(amount).execute(pool).await?;
    }
    let select = || sqlx::query_scalar::<_, i32>("SELECT amount FROM orders WHERE item = $1");
    let (one, other) = (select().bind("rust 3").fetch_one(pool), select().bind("rust 4").fetch_one(pool));
    is("at once", tokio::try_join!(one, other)?, (3, 4))?;
    let mut transaction = pool.begin().await?;
    sqlx::query("UPDATE orders SET amount = 9 WHERE item = $1").bind("rust 0").execute(&mut *transaction).await?;
    transaction.rollback().await?;
    let mut copy = pool.copy_in_raw("COPY orders (item, amount) FROM STDIN").await?;
    copy.send("rust copied\t7\n".repeat(100).as_bytes()).await?;
    is("copied", copy.finish().await?, 100)?;
    let rows = sqlx::query("SELECT item, amount FROM orders WHERE item LIKE $1 AND amount <> 9").bind("rust%");
    let rows = rows.fetch_all(pool).await?;
    is("rows", (rows.len(), rows[0].try_get::<i32, _>("amount")?), (105, 0))
}

async fn denied(pool: &PgPool) -> Done<Vec<String>> {
    let mut events = Vec::new();
    let column = sqlx::query("SELECT password_hash FROM customers WHERE id = $1").bind(1_i32);
    events.push(event(column.execute(pool).await.err())?);
    events.push(event(sqlx::raw_sql("DELETE FROM orders").execute(pool).await.err())?);
    let mut transaction = pool.begin().await?;
    sqlx::query("INSERT INTO orders (item) VALUES ($1)").bind("rust lost").execute(&mut *transaction).await?;
    let update = sqlx::query("UPDATE customers SET name = 'x' WHERE id = 1");
    events.push(event(update.execute(&mut *transaction).await.err())?);
    transaction.rollback().await?;
    let left = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM orders WHERE item = $1").bind("rust lost");
    is("rolled back", left.fetch_one(pool).await?, 0)?;
    sqlx::query("DELETE FROM orders WHERE item LIKE $1").bind("rust%").execute(pool).await?;
    Ok(events)
}

/// The event's id, if the error is a denial.
fn event(error: Option<sqlx::Error>) -> Done<String> {
    let error = error.ok_or("was not denied")?;
    let told = error.as_database_error().ok_or("is no error of the database")?;
    let told = told.try_downcast_ref::<PgDatabaseError>().ok_or("is no error of PostgreSQL")?;
    is("code", told.code(), "42501")?;
    let event = told.detail().and_then(|detail| detail.strip_prefix("event ")).ok_or("no event")?;
    Ok(event.to_owned())
}

fn is<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Done<()> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, expected {expected:?}").into()) }
}
