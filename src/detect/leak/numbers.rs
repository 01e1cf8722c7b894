//! Numbers that belong to people: IBANs (ISO 13616), US social security numbers.

use std::ops::Range;

/// IBANs: two letters, two check digits, 11 to 30 letters and digits, in groups of four or in one piece; the whole is 1
/// modulo 97.
pub(super) fn ibans(text: &[u8], found: &mut Vec<Range<usize>>) {
    for (at, four) in text.windows(4).enumerate() {
        let [a, b, c, d] = four else { continue };
        let shaped = a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit();
        if shaped && super::begins_word(text, at) {
            found.extend(iban(text, at));
        }
    }
}

fn iban(text: &[u8], at: usize) -> Option<Range<usize>> {
    let mut characters = Vec::with_capacity(34);
    let mut end = at;
    for (place, byte) in text.iter().enumerate().skip(at).take(34 + 8 + 1) {
        match byte {
            b'A'..=b'Z' | b'0'..=b'9' => {
                characters.push(*byte);
                end = place + 1;
            }
            b' ' if characters.len().is_multiple_of(4) && end == place => {}
            _ => break,
        }
    }
    // What follows in capital letters, a space apart, may be no part of it: the longest number that checks is meant.
    let ends_word = text.get(end).is_none_or(|byte| !super::is_word(*byte));
    ((15..=34).contains(&characters.len()) && ends_word && remainder(&characters) == 1).then_some(at..end)
}

/// ISO 7064 mod 97-10: the first four characters go to the end, letters count from 10.
fn remainder(characters: &[u8]) -> u32 {
    let (country, rest) = characters.split_at(4.min(characters.len()));
    rest.iter().chain(country).fold(0, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        letter => (sum * 100 + u32::from(letter.saturating_sub(b'A')) + 10) % 97,
    })
}

/// `123-45-6789`, with an area, a group and a serial number that are given out.
pub(super) fn social_security(text: &[u8], found: &mut Vec<Range<usize>>) {
    for dash in memchr::memchr_iter(b'-', text) {
        let Some(at) = dash.checked_sub(3) else { continue };
        let Some(number) = text.get(at..at + 11) else { continue };
        let shaped = number.iter().enumerate().all(|(place, byte)| match place {
            3 | 6 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        let alone = super::begins_word(text, at) && !matches!(at.checked_sub(1).and_then(|b| text.get(b)), Some(b'-'));
        let ends = text.get(at + 11).is_none_or(|byte| !super::is_word(*byte) && *byte != b'-');
        if shaped && alone && ends && is_given_out(number) {
            found.push(at..at + 11);
        }
    }
}

fn is_given_out(number: &[u8]) -> bool {
    let value = |range: Range<usize>| {
        number.get(range).unwrap_or_default().iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let (area, group, serial) = (value(0..3), value(4..6), value(7..11));
    !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0
}

#[cfg(test)]
mod tests {
    use crate::detect::leak::tests::leaks;
    use crate::flow::Leak::PersonalData;

    #[test]
    fn ibans_check() {
        for iban in ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "NO9386011117947"] {
            assert_eq!(leaks(&format!("{{\"iban\":\"{iban}\"}}")), [(PersonalData, iban)]);
        }
        for text in ["DE89370400440532013001", "DE89", "XDE89370400440532013000", "DE89370400440532013000X"] {
            assert_eq!(leaks(text), [], "{text}");
        }
    }

    #[test]
    fn social_security_numbers_are_those_given_out() {
        assert_eq!(leaks("ssn 123-45-6789,"), [(PersonalData, "123-45-6789")]);
        for text in [
            "000-45-6789",
            "666-45-6789",
            "900-45-6789",
            "123-00-6789",
            "123-45-0000",
            "1123-45-6789",
            "123-45-67890",
            "1-123-45-6789",
        ] {
            assert_eq!(leaks(text), [], "{text}");
        }
    }
}
