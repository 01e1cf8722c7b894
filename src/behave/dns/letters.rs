//! How words are spelled: whether a label is made of words or pieces of words, as people make names, or drawn by a
//! machine. Two models of the same label are compared, and the answer is how much better the machine explains it.
//!
//! - People: each letter costs what it costs after the two before it in seven European languages (`letters.txt`; made
//!   by `tests/tools/letters.py` from dictionaries, which says how).
//! - Machine: the cheapest of letters drawn evenly, letters and digits drawn evenly, hex digits drawn evenly, vowels and
//!   consonants drawn in turn.

/// What each letter costs after two others: 27 × 27 lines of 27 characters.
const COSTS: &[u8] = include_bytes!("letters.txt");
/// Letters, and the word's beginning or end.
const SIGNS: usize = 27;
/// What one step of the table is worth.
const STEP: f32 = 0.08;

/// Natural logarithm of how many times likelier the machine is. Labels of people lie mostly below 5, of machines above;
/// the longer, the surer. Characters that are neither letters nor digits separate words.
pub fn strangeness(label: &[u8]) -> f32 {
    words(label) - machine(label)
}

/// What the label costs as a row of words; numbers cost their digits.
fn words(label: &[u8]) -> f32 {
    let mut cost = 0.0;
    let mut runs: usize = 0;
    for run in label.chunk_by(|a, b| sort(*a) == sort(*b)) {
        match run.first().map(|byte| sort(*byte)) {
            Some(Sort::Letter) => cost += word(run),
            Some(Sort::Digit) => cost += 1.0 + run.len() as f32 * 10f32.ln(),
            Some(Sort::Other) | None => continue,
        }
        runs += 1;
    }
    cost + 0.7 * runs.saturating_sub(1) as f32
}

/// The first letter is free: words begin with any.
fn word(letters: &[u8]) -> f32 {
    let mut numbers = letters.iter().map(|letter| usize::from(letter.to_ascii_lowercase().saturating_sub(b'a')) + 1);
    let (mut before, mut last) = (0, numbers.next().unwrap_or_default());
    let mut steps = 0;
    for letter in numbers {
        steps += step(before, last, letter - 1);
        (before, last) = (last, letter);
    }
    (steps + step(before, last, SIGNS - 1)) as f32 * STEP
}

fn step(before: usize, last: usize, letter: usize) -> u32 {
    let at = (before * SIGNS + last) * (SIGNS + 1) + letter;
    COSTS.get(at).map_or(0, |cost| u32::from(cost.saturating_sub(b'!')))
}

/// What the label costs as the work of the machine that explains it best.
fn machine(label: &[u8]) -> f32 {
    let signs = label.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let count = signs.clone().count() as f32;
    if !signs.clone().any(u8::is_ascii_digit) {
        return (count * 26f32.ln()).min(syllables(signs) + 1.4);
    }
    let even = count * 36f32.ln();
    if signs.clone().all(u8::is_ascii_hexdigit) { even.min(count * 16f32.ln() + 0.7) } else { even }
}

/// Consonants and vowels drawn in turn, seldom two of a sort.
fn syllables<'a>(letters: impl Iterator<Item = &'a u8>) -> f32 {
    let (mut cost, mut last) = (0.0, None);
    for letter in letters {
        let vowel = matches!(letter.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
        cost += if vowel { 6f32 } else { 20f32 }.ln();
        cost -= last.map_or(0.0, |last: bool| if last == vowel { 0.07f32.ln() } else { 0.93f32.ln() });
        last = Some(vowel);
    }
    cost
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Letter,
    Digit,
    Other,
}

fn sort(byte: u8) -> Sort {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => Sort::Letter,
        b'0'..=b'9' => Sort::Digit,
        _ => Sort::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_whole() {
        assert_eq!(COSTS.len(), SIGNS * SIGNS * (SIGNS + 1));
        assert!(COSTS.chunks(SIGNS + 1).all(|line| line.ends_with(b"\n") && line[..SIGNS].iter().all(|c| *c >= b'!')));
    }

    #[test]
    fn words_are_told_from_drawn_letters() {
        for label in ["payments", "shop-frontend", "wetterdienst", "librairie", "grafana", "kafka-0", ""] {
            assert!(strangeness(label.as_bytes()) < 3.0, "{label}: {}", strangeness(label.as_bytes()));
        }
        for label in ["xkqjzvbwpd", "f3a9c1d07be2", "mzqpw7hx2kd9", "puvycipaxol", "JX6664NUGHJC72J5S3SV6Q"] {
            assert!(strangeness(label.as_bytes()) > 6.0, "{label}: {}", strangeness(label.as_bytes()));
        }
    }
}
