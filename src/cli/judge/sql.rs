//! One SQL statement through detection: what an attack looks like, whatever is granted.

use super::clock;
use super::rows::Row;
use super::setup::Judge;
use super::verdict::Verdict;
use crate::engine::{ATTACK, Engine, OUT_OF_FUEL};
use crate::flow::{Found, Part, Place};
use std::io;

/// A row of the kind `sql`; its field `dialect` says how the statement is read, as far as that is known.
pub(super) fn row(judge: &Judge, row: Row) -> io::Result<Verdict> {
    let dialect = row.text("dialect");
    let text = row.of("sql").as_str().ok_or_else(|| io::Error::other("`sql` is no text"))?.to_owned();
    let began = clock::cpu();
    let mut found = Found::default();
    let mut fuel = Engine::budget(text.len());
    let part = Part::plain(Place::SqlText, dialect.as_bytes(), text.as_bytes());
    judge.engine.detectors().inspect(&[part], &mut found, &mut fuel);
    let sensitivity = judge.engine.port(judge.connection.direction, judge.connection.port).sensitivity;
    let denied = match (sensitivity.denies(found.total_at(sensitivity)), fuel.is_empty()) {
        (true, _) => Some(ATTACK),
        (false, true) => Some(OUT_OF_FUEL),
        (false, false) => None,
    };
    let mut verdict = Verdict::on(denied, sensitivity);
    verdict.total = found.total_at(sensitivity);
    verdict.evidence = found.take();
    verdict.cpu = clock::cpu().saturating_sub(began);
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use crate::cli::judge::Terms;
    use crate::cli::judge::rows;
    use crate::cli::judge::setup::Judge;

    #[test]
    fn statement_is_judged_by_its_dialect() {
        let row = |id: &str, sql: &str| format!(r#"{{"id": "{id}", "dialect": "postgres", "sql": "{sql}"}}"#);
        let lines =
            [row("1", "SELECT a FROM t WHERE b = 1"), row("2", "SELECT a FROM t WHERE b = 1 OR 1=1")].join("\n");
        let mut out = Vec::new();
        rows::write(&Judge::new(&Terms::default()).unwrap(), lines.as_bytes(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("1\tallow\t") && text.contains("\n2\tdeny\tattack-detected sql-tautology:100"),
            "{text}"
        );
    }
}
