//! Card numbers in text. Linear: a number has at most 19 digits, so each group of digits is looked at with few others.

use std::ops::Range;

/// A digit group: its first byte, and the digits seen before it in its run.
#[derive(Clone, Copy)]
struct Group {
    at: usize,
    before: usize,
}

/// Card numbers: 13 to 19 digits, in groups apart by one space or dash at most, of a known issuer, with a valid check
/// digit (ISO/IEC 7812-1). Numbers begin and end where groups do.
pub fn find(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut digits: Vec<(usize, u8)> = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut last = None;
    for (at, byte) in text.iter().enumerate() {
        if byte.is_ascii_digit() {
            let fresh = last != at.checked_sub(1) || digits.is_empty();
            if fresh && !continues(text, last, at) {
                cards_of(&digits, &groups, found);
                digits.clear();
                groups.clear();
            }
            if fresh {
                groups.push(Group { at, before: digits.len() });
            }
            digits.push((at, byte - b'0'));
            last = Some(at);
        }
    }
    cards_of(&digits, &groups, found);
}

/// Whether a digit at `at` goes on with the run whose last digit stands at `last`.
fn continues(text: &[u8], last: Option<usize>, at: usize) -> bool {
    last.is_some_and(|last| last + 2 == at && matches!(text.get(last + 1), Some(b' ' | b'-')))
}

fn cards_of(digits: &[(usize, u8)], groups: &[Group], found: &mut Vec<Range<usize>>) {
    for (index, group) in groups.iter().enumerate() {
        // A card has at most 19 digits, so at most 19 groups matter: constant work for each.
        let ends = groups.iter().skip(index + 1).take(19).map(|next| next.before).chain([digits.len()]);
        for end in ends {
            let number = digits.get(group.before..end).unwrap_or_default();
            if (13..=19).contains(&number.len()) && is_card(number) {
                let last = number.last().map_or(group.at, |(at, _)| *at);
                found.push(group.at..last + 1);
            }
        }
    }
}

fn is_card(number: &[(usize, u8)]) -> bool {
    let lead = number.iter().take(4).fold(0u32, |sum, (_, digit)| sum * 10 + u32::from(*digit));
    let issued = matches!(lead, 3000..=3059 | 3095 | 3400..=3499 | 3528..=3589 | 3600..=3999 | 4000..=4999)
        || matches!(lead, 2221..=2720 | 5000..=5999 | 6000..=6999 | 2200..=2204);
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(place, (_, digit))| u32::from(if place % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    issued && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    fn found(text: &str) -> Vec<&str> {
        let mut ranges = Vec::new();
        super::find(text.as_bytes(), &mut ranges);
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn card_numbers_are_found() {
        assert_eq!(found("card 4111111111111111."), ["4111111111111111"]);
        assert_eq!(found("card 4111 1111 1111 1111 x"), ["4111 1111 1111 1111"]);
        assert_eq!(found("5555-5555-5555-4444"), ["5555-5555-5555-4444"]);
        assert_eq!(found("7 4111111111111111 12"), ["4111111111111111"]);
        assert_eq!(found("378282246310005"), ["378282246310005"]);
    }

    #[test]
    fn other_numbers_are_not() {
        for text in
            ["4111111111111112", "1700000000000", "4111  1111 1111 1111", "0000000000000000", "41111111111111110000"]
        {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
