//! `podwall bans`: who is banned, and letting them back in, over the sidecar's Unix socket.

use super::{USAGE, say};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// What `podwall bans --help` says.
pub const HELP: &str = "\
Lists who is banned, or lets callers back in, over the socket that `bans.socket` of the configuration names.

Usage: podwall bans list SOCKET
       podwall bans lift SOCKET CALLER

  SOCKET                 the path of the socket
  CALLER                 as it is listed (an identity or an address), or `all`

Exit codes: 0 done, 1 nobody to let in or no sidecar there, 2 wrong usage.
";

/// For an answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// Runs the command.
pub fn run(arguments: &mut dyn Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = arguments.collect();
    let texts: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let question = match texts.as_slice() {
        ["list", socket] => (*socket, "bans list".to_owned()),
        ["lift", socket, caller] if !caller.contains(char::is_whitespace) => (*socket, format!("bans lift {caller}")),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(USAGE);
        }
    };
    match ask(Path::new(question.0), &question.1) {
        Ok(answer) if answer.starts_with("error: ") => {
            eprint!("{answer}");
            ExitCode::FAILURE
        }
        Ok(answer) => {
            say(&answer);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", question.0);
            ExitCode::FAILURE
        }
    }
}

fn ask(socket: &Path, question: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
