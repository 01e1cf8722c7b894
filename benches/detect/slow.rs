//! The search for slow inputs of 1 KB: at every door through which bytes come to the detectors (each place alone, and
//! whole bodies and heads with their decoding), every piece and every pair of pieces is repeated to the full size; then
//! the slowest are changed, and what is slower is kept. Slowness is CPU time; steps and the price of one are told along.

use super::clock;
use super::doors::{DOORS, Door};
use super::random::Random;
use super::traffic::BYTES;
use podwall::detect::{DETECTORS, Detectors, signature};
use podwall::engine::Engine;
use std::cmp::Reverse;
use std::time::Duration;

/// Slow inputs that are kept and changed.
const KEPT: usize = 48;
/// Bytes of long inputs.
const LONG: usize = 32 * BYTES;
/// How often a slow input is timed; the least counts, so that what else runs on the machine does not. Long enough, on a machine
/// that others share, to meet a moment of its full speed: a good half of a second.
const ROUNDS: usize = 5000;
/// Pieces that are repeated in pairs.
const PAIRED: usize = 200;

/// What one piece costs when it is repeated to the full size, at every door.
pub(crate) fn repeat(detectors: &Detectors, piece: &str, rounds: usize) {
    for door in DOORS {
        tell(detectors, door, &filled(piece.as_bytes()), rounds);
    }
}

fn tell(detectors: &Detectors, door: &Door, input: &[u8], rounds: usize) {
    let sent = (door.sent)(input);
    let steps = (door.enter)(detectors, &sent);
    let time = clock::fastest(rounds, || assert!((door.enter)(detectors, &sent) < u64::MAX));
    let start: String = String::from_utf8_lossy(input).chars().take(90).collect();
    let (us, price) = (time.as_nanos() as f64 / 1000.0, time.as_nanos() as f64 / steps.max(1) as f64);
    println!("{us:8.1} us {steps:8} steps {price:6.2} ns/step  {:14} {start:?}", door.name);
}

/// Searches at every door, and prints what it found.
pub(crate) fn search(detectors: &Detectors, iterations: u64) {
    let pieces = pieces();
    let pairs: Vec<Vec<u8>> = repeated(&pieces);
    let budget = Engine::budget(BYTES).left();
    println!(
        "the slowest inputs of {BYTES} bytes of {} repetitions and {iterations} changed ones at each door; budget {budget} steps:",
        pairs.len()
    );
    for door in DOORS {
        for (_, input) in slowest(detectors, door, &pieces, &pairs, iterations).iter().take(2) {
            tell(detectors, door, input, ROUNDS);
        }
    }
}

/// What is slow when it is long: every piece, repeated to many times the size. Judging is linear in steps by its budget;
/// here it shows whether a step of a long input costs more than one of a short input.
pub(crate) fn long(detectors: &Detectors) {
    println!("pieces repeated to {LONG} bytes, by the price of a step:");
    for door in DOORS {
        let mut all: Vec<(f64, Vec<u8>)> = pieces()
            .into_iter()
            .map(|piece| {
                let input: Vec<u8> = piece.iter().copied().cycle().take(LONG).collect();
                let sent = (door.sent)(&input);
                let steps = (door.enter)(detectors, &sent);
                let time = clock::timed(|| assert!((door.enter)(detectors, &sent) < u64::MAX));
                (time.as_nanos() as f64 / (steps as f64).max(LONG as f64), input)
            })
            .collect();
        all.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        all.iter().take(2).for_each(|(_, input)| tell(detectors, door, input, 3));
    }
}

/// What a step of each detector costs beyond what all share: the dearest and the cheapest of the pieces, repeated, at the
/// doors of single values. Steps that cost as much everywhere make time follow from steps.
pub(crate) fn prices() {
    const DEAREST: usize = 4;
    let none = Detectors::compile(&[], Vec::new());
    println!("ns for a step of each detector, the dearest inputs and the cheapest:");
    for at in 0..DETECTORS.len() {
        let detectors = Detectors::compile(&DETECTORS[at..=at], Vec::new());
        let price = |door: &Door, piece: &[u8]| {
            let sent = (door.sent)(&filled(piece));
            let enter = |detectors| assert!((door.enter)(detectors, &sent) < u64::MAX);
            let time = |detectors| clock::fastest(5, || enter(detectors)).as_nanos() as f64;
            let steps = (door.enter)(&detectors, &sent).saturating_sub((door.enter)(&none, &sent));
            (steps > BYTES as u64)
                .then(|| ((time(&detectors) - time(&none)) / steps as f64, steps, door.name, piece.to_vec()))
        };
        let places = || DOORS.iter().take(PLACES);
        let mut all: Vec<_> =
            pieces().iter().flat_map(|piece| places().filter_map(|door| price(door, piece))).collect();
        all.sort_by(|(one, ..), (other, ..)| other.total_cmp(one));
        let ends = all.iter().take(DEAREST).chain(all.last());
        for (price, steps, door, piece) in ends {
            println!(
                "{price:6.2} of {steps:8} {:8} {door:14} {:?}",
                DETECTORS[at].name(),
                String::from_utf8_lossy(piece)
            );
        }
    }
}

/// Doors at which values stand alone.
const PLACES: usize = 5;

/// The slowest inputs at a door, the slowest first.
fn slowest(
    detectors: &Detectors,
    door: &Door,
    pieces: &[Vec<u8>],
    pairs: &[Vec<u8>],
    iterations: u64,
) -> Vec<(Duration, Vec<u8>)> {
    let mut random = Random(11);
    let mut best: Vec<(Duration, Vec<u8>)> = Vec::new();
    for input in pairs {
        keep(&mut best, detectors, door, input.clone());
    }
    for _ in 0..iterations {
        let parent = random.pick(&best).1.clone();
        let other = random.pick(&best).1.clone();
        let child = changed(parent, &other, pieces, &mut random);
        keep(&mut best, detectors, door, child);
    }
    best
}

/// Keeps an input if it is among the slowest; `best` is sorted, the slowest first. One that seems so is timed again: what
/// the first time was disturbed by, the others were not.
fn keep(best: &mut Vec<(Duration, Vec<u8>)>, detectors: &Detectors, door: &Door, input: Vec<u8>) {
    let sent = (door.sent)(&input);
    let timed = || clock::timed(|| assert!((door.enter)(detectors, &sent) < u64::MAX));
    let least = if best.len() < KEPT { Duration::ZERO } else { best.last().map_or(Duration::ZERO, |(time, _)| *time) };
    let first = timed();
    if first <= least || best.iter().any(|(_, known)| *known == input) {
        return;
    }
    let time = (0..3).map(|_| timed()).min().unwrap().min(first);
    if time > least {
        best.push((time, input));
        best.sort_by_key(|(time, _)| Reverse(*time));
        best.truncate(KEPT);
    }
}

/// Every piece again and again, and every pair of the first ones.
fn repeated(pieces: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let paired = &pieces[..pieces.len().min(PAIRED)];
    let pairs = paired.iter().flat_map(|one| paired.iter().map(move |other| filled(&[one.as_slice(), other].concat())));
    pieces.iter().map(|piece| filled(piece)).chain(pairs).collect()
}

/// What attacks and ordinary values are made of: marks, what wakes the detectors, every signature's examples.
fn pieces() -> Vec<Vec<u8>> {
    let marks = [
        "'",
        "\"",
        "`",
        "(",
        ")",
        "((",
        "[",
        "{",
        "{{",
        "${",
        "<",
        "<a ",
        "</",
        "%25",
        "%27",
        "&#39;",
        "&lt;",
        "\\x27",
        "\\u0027",
        "/*",
        "*/",
        "--",
        ";",
        "|",
        "||",
        "&",
        "&&",
        "$(",
        "../",
        "..\\",
        "=",
        "1=1",
        " or ",
        " and ",
        " union ",
        "select ",
        "/",
        "//",
        "http://",
        "@",
        ",",
        "\n",
        "\r\n",
        "\0",
        "+ADw-",
        "{\"a\":",
        "[\"",
        "a",
        "1",
        " ",
        "a'",
        "'a",
        "x=",
        ".",
        "\u{ff1c}",
        "\\",
        "\\n",
        "#",
        "~",
        "^",
        "*",
        "?",
        "!",
        "+",
        "-",
        ":",
        "%",
        "\t",
        "]",
        "}",
        "\":\"",
        "\",\"",
        "<!--",
        "-->",
        "<![CDATA[",
        "<?",
        "&a;",
        "--b\r\n",
        "\r\n\r\n",
        "YQ==",
        "Zm9v",
        "\\u005c",
        "%2525",
        "&amp;",
        "{a(b:\"",
        "$a:",
        "...",
        "cat ",
        "id",
        "\nid ",
        "\nadd ",
        "eval(",
        "function(",
        "a=b&",
        "=1;",
        "0x61",
        "1e1",
        "a b ",
        "a.b(",
        "::",
        "=>",
        "${a:",
        ":-",
        "data:,",
        "on",
        "style=",
        "\u{0}\u{61}",
        "\u{e9}",
        "*)(",
        "(&",
        "(|",
        "or/",
        "::text()",
        "{\"$ne\":",
        "[$ne]=",
        "O:1:",
        "s:1:\"",
        "\r\nA: ",
        "/bin/",
        "/etc/",
        "'/'",
        "'||'",
        "\"+\"",
        "case when ",
        "(select ",
        "1,",
        "a,",
        "\u{a0}",
    ];
    let of_detectors = DETECTORS.iter().flat_map(|detector| {
        let wakes = detector.wakes();
        wakes.bytes.iter().chain(wakes.literals.iter().step_by(4)).copied().collect::<Vec<_>>()
    });
    let signatures = signature::shipped().unwrap();
    let examples = signatures.iter().flat_map(|entry| entry.hits.iter().chain(&entry.misses).chain(&entry.any));
    let texts = marks.into_iter().chain(of_detectors).map(|text| text.as_bytes().to_vec());
    texts.chain(examples.map(|text| text.clone().into_bytes())).filter(|piece| !piece.is_empty()).collect()
}

fn filled(piece: &[u8]) -> Vec<u8> {
    piece.iter().copied().cycle().take(BYTES).collect()
}

/// A child of one input, with something of another, a piece put in or over, a part repeated, turned or cut.
fn changed(mut input: Vec<u8>, other: &[u8], pieces: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let at = random.below(input.len());
    let piece = random.pick(pieces);
    let piece = &piece[..piece.len().min(200)];
    match random.next() % 8 {
        0 => drop(input.splice(at..at, piece.iter().copied())),
        1 => drop(input.splice(at..(at + piece.len()).min(input.len()), piece.iter().copied())),
        2 => drop(input.splice(at..at, piece.repeat(random.below(40) + 1))),
        3 => input.rotate_left(at),
        // The beginning, with a piece, again and again: a longer period.
        4 => {
            input.truncate(random.below(40) + 1);
            let within = random.below(input.len() + 1);
            drop(input.splice(within..within, piece.iter().copied()));
        }
        5 => input = [&input[..at], &other[at.min(other.len())..]].concat(),
        6 => {
            let end = (at + random.below(30)).min(input.len());
            drop(input.drain(at..end));
        }
        _ => input[at] = if random.below(2) == 0 { piece[0] } else { random.next() as u8 },
    }
    input.truncate(BYTES);
    if input.is_empty() {
        input.push(b'a');
    }
    if input.len() < BYTES { filled(&input) } else { input }
}
