//! An outbound connection that was judged as a whole, carried as bytes to its end.

use super::observe::Observers;
use super::tell::Passed;
use super::{Known, tell};
use crate::flow::{Connection, Side};
use crate::proxy::stream::{self, End, Lane};
use crate::proxy::upstream::dial;
use crate::proxy::worker::Worker;

/// Carries it. What was read before goes on first.
pub(super) async fn serve(worker: &Worker, connection: &Connection, known: Known, passed: Passed) {
    let Known { mut client, server, from_client, from_server, opened } = known;
    let server = match server {
        Some(server) => Ok(server),
        None => dial(worker, connection.to.0).await,
    };
    let mut server = match server {
        Ok(server) => server,
        Err(unreached) => {
            tell::unreached(worker, connection, unreached);
            // Where it cannot be made the connection is closed all the same.
            return drop(stream::reset(&client));
        }
    };
    worker.metrics.upstream_opened();
    let asked = opened.to_learn(connection).filter(|_| passed.is_to_be_learned());
    let mut observers = Observers::new(worker, connection, opened, &passed);
    let (mut up, mut down) = (Lane::default(), Lane::default());
    let begun = up
        .begin(Side::Client, &from_client, &mut observers)
        .and_then(|()| down.begin(Side::Server, &from_server, &mut observers));
    drop((from_client, from_server));
    let end = match begun {
        Ok(()) => {
            let lanes = (&mut up, &mut down);
            let idle = worker.limits().upgraded_idle;
            stream::carry((&mut client, &mut server), lanes, &mut observers, &worker.scratch, idle).await
        }
        Err(cut) => End::Cut(cut),
    };
    worker.metrics.upstream_closed();
    if !matches!(end, End::Over) {
        // Where it cannot be made the connection is closed all the same.
        let _ = (stream::reset(&client), stream::reset(&server));
    }
    if let Some((host, word)) = asked.filter(|_| !observers.are_suspicious()) {
        tell::learned(worker, connection, (&host, word), down.carried() > 0);
    }
    observers.ended(up.carried());
    tell::ended(worker, connection, &passed, (up.carried(), down.carried()), &end);
}
