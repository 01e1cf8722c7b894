//! What every match of an expression contains: the literals that a signature must own.

use regex_syntax::hir::{Hir, HirKind, Look};

/// Literals of which one stands in every match, none shorter than `shortest`; nothing when there are none, or too many.
pub(super) fn required(hir: &Hir, shortest: usize) -> Option<Vec<String>> {
    let found = of(hir, shortest)?;
    let texts: Option<Vec<String>> = found.into_iter().map(|bytes| String::from_utf8(bytes).ok()).collect();
    let mut texts: Vec<String> = texts?.into_iter().map(|text| text.to_lowercase()).collect();
    texts.sort();
    texts.dedup();
    (!texts.is_empty() && texts.len() <= MOST).then_some(texts)
}

/// Literals of one signature.
const MOST: usize = 400;

type Literals = Vec<Vec<u8>>;

/// Recursion is bounded by the nesting that the parser of expressions allows.
fn of(hir: &Hir, shortest: usize) -> Option<Literals> {
    if let Some(exact) = exact(hir).filter(|exact| exact.iter().all(|text| text.len() >= shortest)) {
        return Some(exact);
    }
    match hir.kind() {
        HirKind::Capture(capture) => of(&capture.sub, shortest),
        HirKind::Repetition(repetition) if repetition.min > 0 => of(&repetition.sub, shortest),
        HirKind::Concat(parts) => {
            best(joined(parts).into_iter().chain(parts.iter().map(exact_or_inner(shortest))), shortest)
        }
        HirKind::Alternation(parts) => {
            let each: Option<Vec<Literals>> = parts.iter().map(|part| of(part, shortest)).collect();
            Some(each?.concat()).filter(|all| all.len() <= MOST)
        }
        _ => None,
    }
}

fn exact_or_inner(shortest: usize) -> impl Fn(&Hir) -> Option<Literals> {
    move |part| of(part, shortest)
}

/// The texts that neighbours of a sequence spell together.
fn joined(parts: &[Hir]) -> Vec<Option<Literals>> {
    let mut all = Vec::new();
    let mut run: Option<Literals> = None;
    for part in parts {
        match (exact(part), run.take()) {
            (Some(texts), Some(before)) => {
                let product = cross(&before, &texts);
                all.extend(product.is_none().then_some(Some(before)));
                run = product.or(Some(texts));
            }
            (Some(texts), None) => run = Some(texts),
            (None, before) => all.push(before),
        }
    }
    all.push(run);
    all
}

/// The choice whose shortest text is longest; among those alike, the one with fewer texts.
fn best(choices: impl Iterator<Item = Option<Literals>>, shortest: usize) -> Option<Literals> {
    let usable = choices.flatten().filter(|texts| !texts.is_empty() && texts.iter().all(|text| text.len() >= shortest));
    usable.max_by_key(|texts| (texts.iter().map(Vec::len).min(), std::cmp::Reverse(texts.len())))
}

/// Every text that an expression matches, if they are few.
fn exact(hir: &Hir) -> Option<Literals> {
    const FEW: usize = 64;
    match hir.kind() {
        HirKind::Empty => Some(vec![Vec::new()]),
        HirKind::Look(look) if !matches!(look, Look::StartLF | Look::EndLF) => Some(vec![Vec::new()]),
        HirKind::Literal(literal) => Some(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => {
            let mut texts: Literals = class.literal().into_iter().collect();
            if texts.is_empty() {
                texts = letters(hir)?;
            }
            Some(texts)
        }
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Repetition(repetition) if repetition.max == Some(1) && repetition.min == 0 => {
            let mut texts = exact(&repetition.sub)?;
            texts.push(Vec::new());
            Some(texts)
        }
        HirKind::Concat(parts) => {
            let mut texts = vec![Vec::new()];
            for part in parts {
                texts = cross(&texts, &exact(part)?)?;
            }
            Some(texts)
        }
        HirKind::Alternation(parts) => {
            let each: Option<Vec<Literals>> = parts.iter().map(exact).collect();
            Some(each?.concat()).filter(|all| all.len() <= FEW)
        }
        _ => None,
    }
}

/// The characters of a small class, in lower case.
fn letters(hir: &Hir) -> Option<Literals> {
    let HirKind::Class(class) = hir.kind() else { return None };
    let mut bytes: Vec<u8> = match class {
        regex_syntax::hir::Class::Bytes(class) => {
            class.ranges().iter().take(9).flat_map(|range| range.start()..=range.end()).take(9).collect()
        }
        regex_syntax::hir::Class::Unicode(class) => {
            let all = class.ranges().iter().take(9).flat_map(|range| range.start()..=range.end()).take(9);
            // Letter case never matters to a signature: the long s and the Kelvin sign are other letters.
            let ascii = all.filter(|c| !matches!(c, '\u{17f}' | '\u{212a}'));
            let ascii: Option<Vec<u8>> = ascii.map(|c| u8::try_from(c).ok().filter(u8::is_ascii)).collect();
            ascii?
        }
    };
    bytes.make_ascii_lowercase();
    bytes.sort_unstable();
    bytes.dedup();
    (!bytes.is_empty() && bytes.len() <= 4).then(|| bytes.into_iter().map(|byte| vec![byte]).collect())
}

/// Each text of one behind each of the other, if they stay few.
fn cross(before: &Literals, after: &Literals) -> Option<Literals> {
    (before.len() * after.len() <= 64)
        .then(|| before.iter().flat_map(|a| after.iter().map(|b| [a.as_slice(), b].concat())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(expression: &str) -> Vec<String> {
        let hir =
            regex_syntax::ParserBuilder::new().utf8(false).case_insensitive(true).build().parse(expression).unwrap();
        required(&hir, 3).unwrap_or_default()
    }

    #[test]
    fn every_match_contains_one_of_them() {
        assert_eq!(literals(r"\bunion\s+select\b"), ["select"]);
        assert_eq!(literals("(?:sleep|benchmark)\\("), ["benchmark(", "sleep("]);
        assert_eq!(literals("foo[12]bar"), ["foo1bar", "foo2bar"]);
        assert_eq!(literals("a+(?:etc/passwd)?"), Vec::<String>::new());
        assert_eq!(literals(r"<\s*script"), ["script"]);
    }
}
