//! Rows of DNS questions: one window of what a pod asks. Each question is written as a client would, decoded and judged
//! as on the data path, by observers that remember nothing of other rows. A row is denied if any of its questions is.

use super::clock::cpu;
use super::rows::Row;
use super::setup::Judge;
use super::verdict::Verdict;
use crate::behave::dns::Watch;
use crate::flow::{
    ClientAddr, Connection, Direction, Judgement, Now, OriginalDestination, Past, Reason, Scene, Sensitivity,
};
use crate::protocol::dns::header::Flags;
use crate::protocol::dns::name::MAX_LABEL;
use crate::protocol::dns::refusal::code;
use crate::protocol::dns::{Name, Query, Rcode, Type};
use serde::Deserialize;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where a pod's questions go.
const PORT: u16 = 53;

/// Milliseconds since the window began, name, type.
#[derive(Deserialize)]
struct Question(u64, String, String);

/// Judges one row; its first denial counts. The answer is the response code with the bytes of names that had been let
/// through by then.
pub(super) fn row(judge: &Judge, row: Row) -> io::Result<Verdict> {
    let questions: Vec<Question> = serde_json::from_value(row.of("seq"))?;
    let (watch, connection) = (Watch::default(), connection(judge));
    let sensitivity = judge.engine.port(Direction::Outbound, PORT).sensitivity;
    let mut verdict = Verdict::on(None, sensitivity);
    let mut left = 0;
    for Question(at, name, of) in &questions {
        let now = Now { since_start: Duration::from_millis(*at), ..judge.now };
        let scene = Scene { connection: &connection, session: &judge.session, past: &Past::default(), now };
        let wire = written(name, of)?;
        let began = cpu();
        let judged = one(judge, &scene, &watch, &wire, sensitivity);
        verdict.cpu += cpu() - began;
        if !judged.denies() {
            left += name.len();
            continue;
        }
        let answer = format!("{} after {left} bytes of names", judged.answer);
        return Ok(Verdict { answer, cpu: verdict.cpu, ..judged });
    }
    verdict.answer = "NOERROR".into();
    Ok(verdict)
}

fn one(judge: &Judge, scene: &Scene<'_>, watch: &Watch, wire: &[u8], sensitivity: Sensitivity) -> Verdict {
    match Query::decode(wire) {
        Ok(query) => {
            let (case, judgement): (_, Judgement) = judge.engine.lookup(scene, &query, watch);
            Verdict { answer: "REFUSED".into(), ..Verdict::of(judgement, &case, sensitivity) }
        }
        Err(fault) => malformed(fault.why, sensitivity),
    }
}

fn malformed(why: Reason, sensitivity: Sensitivity) -> Verdict {
    let answer = match code(why) {
        Rcode::FORMERR => "FORMERR",
        Rcode::NOTIMP => "NOTIMP",
        _ => "REFUSED",
    };
    Verdict { answer: answer.into(), ..Verdict::on(Some(why), sensitivity) }
}

/// The question as it would stand on the wire. A label that is too long for it is cut into pieces, as who sends it must.
fn written(name: &str, of: &str) -> io::Result<Vec<u8>> {
    let wrong = |what: &str, text: &str| io::Error::other(format!("no {what}: `{}`", text.escape_debug()));
    let name = Name::parse(&pieces(name)).ok_or_else(|| wrong("name", name))?;
    let of = Type::parse(of).ok_or_else(|| wrong("record type", of))?;
    let mut wire = Vec::new();
    Query { id: 1, flags: Flags(Flags::RD), name, of, edns: None }.emit(1, &mut wire);
    Ok(wire)
}

/// The name without its last dot, a dot after each 63 characters of a label.
fn pieces(name: &str) -> String {
    let cut = |label: &str| match label.len() > MAX_LABEL && label.is_ascii() && !label.contains('\\') {
        true => label.as_bytes().chunks(MAX_LABEL).map(String::from_utf8_lossy).collect::<Vec<_>>().join("."),
        false => label.to_owned(),
    };
    name.strip_suffix('.').unwrap_or(name).split('.').map(cut).collect::<Vec<_>>().join(".")
}

fn connection(judge: &Judge) -> Connection {
    let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Connection {
        direction: Direction::Outbound,
        from: ClientAddr(here(0)),
        to: OriginalDestination(here(PORT)),
        port: PORT,
        protocol: crate::protocol::dns::PROTOCOL.name,
        ..judge.connection.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::judge::{Terms, rows};

    fn lines(questions: &str) -> String {
        let row = format!(r#"{{"id": "w", "seq": [{questions}]}}"#);
        let mut out = Vec::new();
        rows::write(&Judge::new(&Terms::default()).unwrap(), row.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn window_is_denied_with_one_of_its_questions() {
        assert!(lines(r#"[0, "api.example.org", "A"], [5, "example.org", "MX"]"#).starts_with("w\tallow\tNOERROR\t"));
        let text = lines(r#"[0, "example.org", "A"], [5, "example.org", "AXFR"]"#);
        assert!(
            text.starts_with("w\tdeny\tREFUSED after 11 bytes of names attack-detected dns-zone-transfer:"),
            "{text}"
        );
    }
}
