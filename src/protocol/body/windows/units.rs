//! What goes on at once of a streamed body: units, where it has them. A line of JSON lines and a field of multipart wait for
//! their end, so that nothing of one that is denied goes on; a file, and what has no units, passes as it comes. A unit that
//! is longer than may be held passes in windows too.

use memchr::memmem;

/// Where the units of a body end.
#[derive(Debug)]
pub(super) enum Units {
    /// The first byte tells.
    Unknown,
    /// There are none.
    None,
    /// With the line.
    Lines,
    /// Before the next boundary.
    Fields {
        /// `\r\n--boundary`.
        delimiter: Vec<u8>,
        /// Whether what comes is the content of a file.
        file: bool,
    },
}

impl Units {
    /// The units of multipart.
    pub(super) fn fields(boundary: &[u8]) -> Self {
        Self::Fields { delimiter: [b"\r\n--", boundary].concat(), file: false }
    }

    /// How many bytes at the start of `pending` may be judged and go on; at most `most` bytes wait for the end of a unit.
    pub(super) fn whole(&mut self, pending: &[u8], most: usize) -> usize {
        if matches!(self, Self::Unknown)
            && let Some(first) = pending.iter().find(|b| !b.is_ascii_whitespace())
        {
            *self = if matches!(first, b'{' | b'[' | 0x1e) { Self::Lines } else { Self::None };
        }
        let whole = match self {
            Self::Unknown | Self::None => pending.len(),
            Self::Lines => memchr::memrchr(b'\n', pending).map_or(0, |at| at + 1),
            Self::Fields { delimiter, file } => fields(pending, delimiter, file),
        };
        if pending.len() - whole > most { pending.len() } else { whole }
    }
}

/// `\r\n` belongs to the delimiter, and stands not before the first one.
const LINE: usize = 2;

fn fields(pending: &[u8], delimiter: &[u8], file: &mut bool) -> usize {
    let first = delimiter.get(LINE..).unwrap_or_default();
    let begins = memmem::rfind(pending, delimiter).or_else(|| pending.starts_with(first).then_some(0));
    let Some(at) = begins else {
        return if *file { pending.len() - begun(pending, delimiter) } else { 0 };
    };
    let heading = pending.get(at..).unwrap_or_default();
    let end = memmem::find(heading, b"\r\n\r\n");
    let names_file = |heading: &[u8]| memmem::find(&heading.to_ascii_lowercase(), b"filename").is_some();
    *file = end.and_then(|end| heading.get(..end)).is_some_and(names_file);
    if *file { pending.len() - begun(pending, delimiter) } else { at }
}

/// How many bytes at the end may be the start of a delimiter.
fn begun(pending: &[u8], delimiter: &[u8]) -> usize {
    let longest = delimiter.len().min(pending.len());
    let starts = |length: &usize| delimiter.get(..*length).is_some_and(|start| pending.ends_with(start));
    (1..=longest).rev().find(starts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_wait_for_their_end() {
        let whole = |pending: &str| Units::Unknown.whole(pending.as_bytes(), 20);
        assert_eq!((whole("{\"a\":1}"), whole("{\"a\":1}\n"), whole("{\"a\":1}\n{\"b\"")), (0, 8, 8));
        assert_eq!((whole("[1, 2]"), whole("plain text"), whole("")), (0, 10, 0));
        assert_eq!((whole(&format!("{{{}", "x".repeat(19))), whole(&format!("{{{}", "x".repeat(20)))), (0, 21));
    }

    const FIELD: &str = "\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue";
    const FILE: &str = "\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; FileName=x\r\n\r\ncontent";

    #[test]
    fn fields_wait_and_files_do_not() {
        let whole = |pending: &str| Units::fields(b"b").whole(pending.as_bytes(), 500);
        assert_eq!(whole(&FIELD[2..]), 0);
        assert_eq!(whole(&[FIELD, FIELD].concat()), FIELD.len());
        assert_eq!(whole(FILE), FILE.len());
        assert_eq!(whole(&[FILE, "\r\n-"].concat()), FILE.len());
        assert_eq!(whole(&[FILE, FIELD].concat()), FILE.len());
        assert_eq!(whole(&[FILE, "\r\n--b\r\nContent-Disposition: form-data; fi"].concat()), FILE.len());
    }

    proptest! {
        /// However the bytes come, a field goes on whole.
        #[test]
        fn field_is_never_cut(steps in prop::collection::vec(1usize..30, 1..60)) {
            let body = [&FILE[2..], FIELD, FILE, FIELD, FIELD, "\r\n--b--\r\n"].concat();
            let fields: Vec<_> = body.match_indices(FIELD).map(|(at, _)| at).collect();
            let (mut units, mut pending, mut gone, mut rest) = (Units::fields(b"b"), Vec::new(), 0, body.as_bytes());
            for step in steps.into_iter().cycle() {
                let (piece, later) = rest.split_at(step.min(rest.len()));
                pending.extend_from_slice(piece);
                rest = later;
                let whole = units.whole(&pending, 500);
                pending.drain(..whole);
                gone += whole;
                prop_assert!(fields.iter().all(|at| gone <= *at || gone >= at + FIELD.len()), "{gone} {fields:?}");
                if rest.is_empty() {
                    break;
                }
            }
        }
    }
}
