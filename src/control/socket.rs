//! What changes the sidecar comes over a Unix socket that the application cannot reach: made for its owner alone, in a
//! folder that no other container mounts. One line asks, lines answer.

use crate::proxy::Shared;
use std::fmt::Write;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

/// For one question and its answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of a question.
const LONGEST: u64 = 4096;
/// Pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Opens the socket. One that was left behind is replaced; anything else in its place is an error.
///
/// # Errors
/// It cannot be made, or not for its owner alone.
pub fn open(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is no socket is there")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until the runtime ends.
pub async fn serve(listener: UnixListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Whoever is too slow asks again; one after the other is enough for people.
                let _ = timeout(DEADLINE, converse(stream, &shared)).await;
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn converse(mut stream: UnixStream, shared: &Shared) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new((&mut stream).take(LONGEST)).read_line(&mut line).await?;
    stream.write_all(answer(line.trim_end(), shared).as_bytes()).await
}

fn answer(line: &str, shared: &Shared) -> String {
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next()) {
        (Some("bans"), Some("list"), None) => list(shared),
        (Some("bans"), Some("lift"), Some("all")) => lifted(shared.lift(None)),
        (Some("bans"), Some("lift"), Some(caller)) => lifted(shared.lift(Some(caller))),
        _ => "error: not understood\n".to_owned(),
    }
}

fn list(shared: &Shared) -> String {
    let mut text = String::new();
    for (caller, rule, left) in shared.banned() {
        let _ = writeln!(text, "{caller}\t{} s left\tby {rule}", left.as_secs()); // writing to a String cannot fail
    }
    if text.is_empty() { "nobody is banned\n".to_owned() } else { text }
}

fn lifted(count: usize) -> String {
    if count == 0 { "error: nobody of that name is banned\n".to_owned() } else { format!("{count} lifted\n") }
}
