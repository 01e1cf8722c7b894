//! Each class of abuse with its ordinary neighbour, and every bound.

use super::*;

const A: u16 = 1;
const TXT: u16 = 16;
const NULL: u16 = 10;

/// The names of the signs that asking for these gives, one question each `gap`; the number of those that gave none.
fn watch(watch: &Watch, questions: &[(String, u16)], gap: Duration) -> (usize, Vec<&'static str>) {
    let (mut quiet, mut names) = (0, Vec::new());
    for (at, (name, of)) in questions.iter().enumerate() {
        let labels: Vec<&[u8]> = name.split('.').map(str::as_bytes).collect();
        let signs = watch.asked(&Asked { labels: &labels, of: *of }, gap * at as u32);
        quiet += usize::from(signs.is_empty());
        names.extend(signs.into_iter().map(|sign| sign.name));
    }
    (quiet, names)
}

/// Letters that no one chose; the same for the same number.
fn drawn(number: u64, length: usize, alphabet: &[u8]) -> String {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            char::from(alphabet[(state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % alphabet.len()])
        })
        .collect()
}

fn many(count: u64, name: impl Fn(u64) -> String, of: u16) -> Vec<(String, u16)> {
    (0..count).map(|number| (name(number), of)).collect()
}

#[test]
fn encoded_names_are_a_tunnel_after_some() {
    let hex = |number| format!("{}.t.example.org", drawn(number, 40, b"0123456789abcdef"));
    let (quiet, signs) = watch(&Watch::default(), &many(20, hex, A), Duration::from_secs(1));
    assert_eq!(quiet, 3);
    assert!(signs.iter().all(|sign| *sign == "dns-tunnel-names"));
}

#[test]
fn slow_tunnel_is_a_tunnel() {
    let encoded = |number| format!("{}.example.org", drawn(number, 30, b"abcdefghijklmnopqrstuvwxyz234567"));
    let (quiet, _) = watch(&Watch::default(), &many(20, encoded, TXT), Duration::from_secs(120));
    assert!(quiet <= 5, "{quiet}");
}

#[test]
fn short_names_of_odd_types_are_a_tunnel() {
    let polls = |number| format!("{}.example.org", drawn(number, 6, b"abcdefghij"));
    let (quiet, _) = watch(&Watch::default(), &many(10, polls, NULL), Duration::from_secs(4));
    assert!(quiet <= 4, "{quiet}");
}

#[test]
fn same_names_again_are_none() {
    let hex = |number| format!("{}.example.org", drawn(number % 3, 40, b"0123456789abcdef"));
    let (quiet, _) = watch(&Watch::default(), &many(300, hex, A), Duration::from_secs(1));
    assert_eq!(quiet, 300);
}

#[test]
fn tunnel_ends_when_it_has_faded() {
    let watcher = Watch::default();
    let hex = |number| format!("{}.example.org", drawn(number, 60, b"0123456789abcdef"));
    watch(&watcher, &many(10, hex, A), Duration::from_secs(1));
    let asked = |at| watcher.asked(&Asked { labels: &[b"www", b"example", b"org"], of: A }, Duration::from_secs(at));
    assert_eq!(asked(60).len(), 1);
    assert!(asked(60 + 2 * 1800).is_empty());
}

#[test]
fn names_of_hosts_are_no_tunnel() {
    let hosts = |number| format!("node-{number}.zone-{}.example.org", number % 3);
    assert_eq!(watch(&Watch::default(), &many(40, hosts, A), Duration::from_secs(30)).0, 40);
    let cloud = |number| format!("{}.execute-api.eu-west-1.amazonaws.com", drawn(number, 10, b"abcdefgh123456"));
    assert_eq!(watch(&Watch::default(), &many(200, cloud, A), Duration::from_secs(1)).0, 200);
    let reverse = |number| format!("{number}.0.0.10.in-addr.arpa");
    assert_eq!(watch(&Watch::default(), &many(255, reverse, 12), Duration::from_secs(1)).0, 255);
    let inside = |number| format!("{}.shop.svc.cluster.local", drawn(number, 30, b"abcdef0123456789"));
    assert_eq!(watch(&Watch::default(), &many(200, inside, A), Duration::from_secs(1)).0, 200);
}

#[test]
fn answers_that_carry_anything_count() {
    let watcher = Watch::default();
    let asked =
        |number: u8| watcher.asked(&Asked { labels: &[&[number; 3], b"example", b"org"], of: TXT }, Duration::ZERO);
    for number in b'a'..b'f' {
        if !asked(number).is_empty() {
            assert!(number > b'b');
            return;
        }
        watcher.answered(&Asked { labels: &[&[number; 3], b"example", b"org"], of: TXT }, 2000, Duration::ZERO);
    }
    panic!("ten thousand bytes have come in");
}

#[test]
fn drawn_domains_are_a_burst() {
    let domains = |number| format!("{}.net", drawn(number, 14, b"abcdefghijklmnopqrstuvwxyz"));
    let (quiet, signs) = watch(&Watch::default(), &many(12, domains, A), Duration::from_secs(2));
    assert!((4..=6).contains(&quiet), "{quiet}");
    assert!(signs.iter().all(|sign| *sign == "dns-generated-names"));
}

#[test]
fn drawn_domains_among_ordinary_ones_are_none() {
    let ordinary = [
        "weather",
        "library",
        "newspaper",
        "university",
        "railway",
        "hospital",
        "museum",
        "theatre",
        "kitchen",
        "garden",
        "football",
        "insurance",
        "software",
        "bakery",
        "furniture",
    ];
    let domains = |number: u64| match number % 2 {
        0 => format!("{}.net", drawn(number, 12, b"abcdefghijklmnopqrstuvwxyz")),
        _ => format!("{}.org", ordinary[(number / 2) as usize]),
    };
    assert_eq!(watch(&Watch::default(), &many(30, domains, A), Duration::from_secs(2)).0, 30);
}

#[test]
fn kin_is_a_burst() {
    let numbered = |number| format!("softworks{}.com", 10 + number);
    assert!(watch(&Watch::default(), &many(12, numbered, A), Duration::from_secs(2)).0 < 6);
    let suffixes = ["com", "net", "org", "info", "biz", "ru", "cc", "ws"];
    let moved = |number| format!("redhouse.{}", suffixes[number as usize]);
    assert!(watch(&Watch::default(), &many(8, moved, A), Duration::from_secs(2)).0 < 6);
}

#[test]
fn zone_transfer_is_denied_at_once() {
    let asked = [("example.org".to_owned(), 252), ("example.org".to_owned(), 251)];
    assert_eq!(watch(&Watch::default(), &asked, Duration::ZERO), (0, vec!["dns-zone-transfer"; 2]));
}

#[test]
fn any_is_denied_when_there_are_many() {
    let (quiet, signs) = watch(&Watch::default(), &many(5, |_| "example.org".into(), 255), Duration::ZERO);
    assert_eq!((quiet, signs), (3, vec!["dns-any"; 2]));
}

#[test]
fn state_stays_within_its_cap() {
    let watcher = Watch::default();
    let domains = |number| format!("a.{}.org", drawn(number, 20, b"abcdefghijklmnopqrstuvwxyz"));
    watch(&watcher, &many(5 * DOMAINS as u64, domains, A), Duration::from_millis(1));
    assert!(watcher.domains() <= DOMAINS);
}
