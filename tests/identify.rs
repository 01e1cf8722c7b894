//! Identification through its front door: captures of real programs (tests/data/identify, made by tests/tools/capture.py),
//! greetings of servers, and what must stay unknown. Prints the confusion matrix; off its diagonal it is empty.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it
#![allow(clippy::disallowed_methods)] // PODWALL_BLESS rewrites what is checked in

use podwall::flow::{FactKind, Side};
use podwall::policy::spoken::{INSIDE, JUDGED, NAMED};
use podwall::protocol::head::spoken::SPOKEN;
use podwall::protocol::hello;
use podwall::protocol::http1::{Limits, RequestHead};
use podwall::protocol::identify::{Answer, Depth, SIGNS, identify};
use std::collections::{BTreeMap, BTreeSet};

/// Written here: what servers say first, and clients of which no program was at hand.
const WRITTEN: &[(&str, Side, &[u8])] = &[
    ("ssh", Side::Server, b"SSH-2.0-dropbear_2022.83\r\n"),
    ("mysql", Side::Server, b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xff"),
    ("smtp", Side::Server, b"220 mail.example ESMTP Postfix\r\n"),
    ("ftp", Side::Server, b"220 ProFTPD Server ready.\r\n"),
    ("imap", Side::Server, b"* OK [CAPABILITY IMAP4rev1] ready.\r\n"),
    ("pop3", Side::Server, b"+OK POP3 ready\r\n"),
    ("vnc", Side::Server, b"RFB 003.008\n"),
    ("nats", Side::Server, b"INFO {\"server_id\":\"x\"}\r\n"),
    ("telnet", Side::Server, b"\xff\xfd\x18\xff\xfd\x20"),
    ("telnet", Side::Client, b"\xff\xfb\x18\xff\xfd\x03"),
    ("stratum", Side::Client, b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"miner/1\"]}\n"),
    ("stratum", Side::Client, b"{\"id\":1,\"jsonrpc\":\"2.0\",\"method\":\"login\",\"params\":{\"login\":\"4a\"}}\n"),
    ("sip", Side::Client, b"REGISTER sip:example SIP/2.0\r\nVia: x\r\n"),
    ("bittorrent", Side::Client, b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0"),
    ("rdp", Side::Client, b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0"),
    ("tor", Side::Client, b"\0\0\x07\0\x06\0\x03\0\x04\0\x05"),
    ("couchbase", Side::Client, b"\x80\x1f\0\x03\0\0\0\0\0\0\0\x05\0\0\0\x01\0\0\0\0\0\0\0\0abc\0\x01"),
    ("memcached", Side::Client, b"\x80\0\0\x03\0\0\0\0\0\0\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0key"),
    ("kafka", Side::Client, b"\0\0\0\x14\0\x03\0\0\0\0\0\x01\0\x04test\0\0\0\0"),
    ("amqp", Side::Client, b"AMQP\0\x01\0\0"),
    ("cassandra", Side::Client, b"\x04\0\0\0\x05\0\0\0\0"),
    ("syslog", Side::Client, b"<34>1 2026-01-01T00:00:00Z host app - - - hello\n"),
];

/// Near neighbours, and nothing at all.
const UNKNOWN: &[&[u8]] = &[
    b"hello world, this is a line of text\n",
    b"SSH 2.0 is a protocol\n",
    b"{\"method\": \"list\", \"id\": 1}\n",
    b"<200>too high a priority\n",
    b"AMQP\0\0\0\0",
    b"\x13BitTorrent Protocol",
    b"\x16\x05\x01\0\x05\x01\0\0\x01\0 and so on",
    b"\x05\x09\0\x01\x02\x03\x04\x05\x06\x07\x08 and so on",
    b"RFB 004\n",
    b"PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n",
    b"*x\r\n$1\r\na\r\n",
    b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
];

fn captures() -> Vec<(String, Side, Vec<u8>)> {
    let files = std::fs::read_dir("tests/data/identify").unwrap().map(|file| file.unwrap().path());
    let mut found: Vec<_> = files
        .filter(|file| file.is_file())
        .map(|file| {
            let name = file.file_name().unwrap().to_str().unwrap();
            let (protocol, rest) = name.split_once('.').unwrap();
            let side = if rest.starts_with("client") { Side::Client } else { Side::Server };
            (protocol.to_owned(), side, std::fs::read(&file).unwrap())
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.extend(WRITTEN.iter().map(|(name, side, bytes)| ((*name).to_owned(), *side, bytes.to_vec())));
    found
}

fn name(answer: &Answer) -> &'static str {
    match answer {
        Answer::Is(sign) => sign.protocol,
        Answer::NeedMore => "more",
        Answer::Unknown => "unknown",
    }
}

#[test]
fn every_capture_is_what_it_is_however_it_is_split() {
    let mut matrix: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for (protocol, side, bytes) in captures() {
        *matrix.entry((protocol.clone(), name(&identify(side, &bytes)))).or_default() += 1;
        for end in 0..bytes.len() {
            let answer = identify(side, &bytes[..end]);
            let told = name(&answer);
            assert!(told == "more" || told == protocol, "{protocol} is {told} after {end} of {bytes:?}");
        }
    }
    for bytes in UNKNOWN {
        for side in [Side::Client, Side::Server] {
            *matrix.entry(("unknown".to_owned(), name(&identify(side, bytes)))).or_default() += 1;
        }
    }
    for ((is, told), times) in &matrix {
        println!("{is:>14} told as {told:<14} {times}");
    }
    let wrong: Vec<_> = matrix.keys().filter(|(is, told)| is != told).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Requests that none of them is, however near: their paths are an application's own.
const PLAIN: &[&str] = &[
    "GET /",
    "GET /api/v1/users",
    "GET /api/v2/pods",
    "GET /api/v1/podsy/7",
    "GET /apis",
    "GET /apis/orders",
    "GET /version",
    "GET /v1.4a/containers/json",
    "GET /v1/containers/json",
    "GET /containers",
    "GET /containers/7",
    "GET /exec",
    "GET /search",
    "GET /logs/search",
    "GET /logs/_all_docs",
    "POST /db/_bulk_docs",
    "GET /_session",
    "GET /_design/_search",
    "GET /v3/kv/range",
    "POST /v3/orders/7",
    "POST /etcdserverpb.KV/Range",
    "GET /resolve?name=a",
    "GET /users?name=a&type=b",
    "GET /a?dns=cloud",
    "GET /a?dns=www.example.com.example",
    "GET /dns-query",
];

/// What a request speaks inside of HTTP, by its head.
fn inside(head: &[u8]) -> Vec<String> {
    let decoded = RequestHead::decode(head, &Limits::default()).unwrap().unwrap();
    let request = decoded.view(head).request();
    let spoken = request.facts().iter().filter(|fact| fact.kind == FactKind::Protocol);
    spoken.map(|fact| fact.name.to_string()).collect()
}

#[test]
fn every_head_is_what_it_is() {
    let mut matrix: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut note = |is: &str, told: Vec<String>| {
        let told = told.first().cloned().unwrap_or("http".to_owned());
        *matrix.entry((is.to_owned(), told)).or_default() += 1;
    };
    for file in std::fs::read_dir("tests/data/identify/heads").unwrap() {
        let path = file.unwrap().path();
        let is = path.file_name().unwrap().to_str().unwrap().split_once('.').unwrap().0;
        let heads = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        heads.split_inclusive("\r\n\r\n").for_each(|head| note(is, inside(head.as_bytes())));
    }
    for line in PLAIN {
        note("http", inside(format!("{line} HTTP/1.1\r\nHost: a.example\r\n\r\n").as_bytes()));
    }
    for ((is, told), times) in &matrix {
        println!("{is:>14} told as {told:<14} {times}");
    }
    let wrong: Vec<_> = matrix.keys().filter(|(is, told)| is != told).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(SPOKEN.iter().all(|(name, _)| matrix.contains_key(&((*name).to_owned(), (*name).to_owned()))));
}

#[test]
fn call_of_etcd_is_one_of_grpc_too() {
    let head = b"POST /etcdserverpb.KV/Range HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n\r\n";
    assert_eq!(inside(head), ["etcd", "grpc"]);
}

/// What rules can name is what is told apart, and nothing else: one table of truth.
#[test]
fn rules_name_what_is_told_apart() {
    let told: BTreeSet<&str> = SIGNS.iter().map(|sign| sign.protocol).collect();
    let judged: BTreeSet<&str> = JUDGED.iter().copied().collect();
    let named: BTreeSet<&str> = NAMED.iter().copied().filter(|name| *name != "https").collect();
    assert_eq!(told, &named | &judged);
    assert!(named.is_disjoint(&judged));
    let inside: BTreeSet<&str> = SPOKEN.iter().map(|(name, _)| *name).collect();
    assert_eq!(inside, INSIDE.iter().copied().collect());
}

/// Starts that are nearly those of a capture, and how each is called in the matrix.
type Spoilt = (&'static str, fn(&[u8], &mut Random) -> Vec<u8>);
const SPOILT: &[Spoilt] = &[
    ("first octet gone", |bytes, _| bytes[1..].to_vec()),
    ("first half gone", |bytes, _| bytes[bytes.len() / 2..].to_vec()),
    ("zero before", |bytes, _| [&[0], bytes].concat()),
    ("0xFF before", |bytes, _| [&[0xFF], bytes].concat()),
    ("space before", |bytes, _| [b" ", bytes].concat()),
    ("random after 3", |bytes, random| [&bytes[..bytes.len().min(3)], &random.bytes(60)].concat()),
    ("random before", |bytes, random| [&random.bytes(16), bytes].concat()),
];

/// However a start is spoilt, it is never taken for another protocol. (For its own it may be: a tag of IMAP is one still
/// without its first letter.)
#[test]
fn spoilt_starts_are_nobody_elses() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut matrix: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (protocol, side, bytes) in captures() {
        let other = if side == Side::Client { Side::Server } else { Side::Client };
        let spoilt = SPOILT.iter().map(|(how, spoil)| (*how, side, spoil(&bytes, &mut random)));
        for (how, side, start) in spoilt.chain([("other side", other, bytes.clone())]) {
            let told = name(&identify(side, &start));
            // Without its first letter CONNECT is a method of HTTP that nobody knows.
            let own = told == protocol || protocol == "http-connect" && told == "http1";
            let as_what = if own { "its own" } else { told };
            *matrix.entry((how, as_what.to_owned())).or_default() += 1;
            if !matches!(as_what, "its own" | "unknown" | "more") {
                wrong.push(format!("{protocol}, {how}: {told} by {:?}", &start[..start.len().min(40)]));
            }
        }
    }
    for ((how, told), times) in &matrix {
        println!("{how:>16}: {told:<14} {times}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What servers take for HTTP is told as HTTP, so that it is never carried as something else.
#[test]
fn http_is_told_however_servers_take_it() {
    for start in
        ["\r\nGET / HTTP/1.1\r\n", "\n\n\nGET / HTTP/1.1\r\n", "get / HTTP/1.1\r\n", "Post / HTTP/1.0\n", "GET /\r\n"]
    {
        for end in 0..start.len() {
            assert_eq!(name(&identify(Side::Client, &start.as_bytes()[..end])), "more", "{start:?} after {end}");
        }
        assert_eq!(name(&identify(Side::Client, start.as_bytes())), "http1", "{start:?}");
    }
    for start in ["getting on\n", "get key\r\n", "GET key\r\n", "\r\n\r\nhello\n"] {
        assert_ne!(name(&identify(Side::Client, start.as_bytes())), "http1", "{start:?}");
    }
}

/// xorshift64*: the same bytes in each run.
struct Random(u64);

impl Random {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut byte = || {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8
        };
        (0..count).map(|_| byte()).collect()
    }
}

#[test]
fn random_starts_stay_unknown() {
    let (mut random, mut known) = (Random(0x9E37_79B9_7F4A_7C15), 0);
    for _ in 0..20_000 {
        let bytes = random.bytes(64);
        if let Answer::Is(sign) = identify(Side::Client, &bytes) {
            println!("{} from {bytes:?}", sign.protocol);
            known += 1;
        }
    }
    assert!(known <= 4, "{known}");
}

#[test]
fn every_hello_of_a_real_program_is_read() {
    let hellos: Vec<_> = captures().into_iter().filter(|(protocol, ..)| protocol == "tls").collect();
    assert!(hellos.len() >= 3);
    for (_, _, bytes) in hellos {
        let hello = hello::read(&bytes).unwrap().unwrap();
        assert!(hello.versions.contains(&0x0304) && !hello.hidden, "{hello:?}");
        assert!((0..bytes.len()).all(|end| hello::read(&bytes[..end]) == Ok(None)));
    }
}

/// What tells them apart, for the page.
const TOLD_BY: &[(&str, &str)] = &[
    ("docker", "the Engine API's paths (`/v1.43/containers/json`, `/_ping`), what its clients call themselves"),
    ("doh", "`application/dns-message` or `dns-json`, a DNS query in `?dns=`, `/dns-query?name=`; whatever the path"),
    ("elasticsearch", "its verbs (`/_bulk`, `/logs/_search`), its media types and clients; OpenSearch too"),
    ("etcd", "its gRPC services, their JSON (`/v3/kv/range`), version 2 (`/v2/keys/a`)"),
    ("grpc", "`application/grpc` and gRPC-Web; services and methods are the path"),
    (
        "kubernetes",
        "resources of the core group (`/api/v1/pods`) and of others (`/apis/apps/v1/…`), discovery by its clients",
    ),
    ("websocket", "an upgrade, or an extended CONNECT"),
];

/// To bring it up to date: `PODWALL_BLESS=1 cargo test --test identify`.
#[test]
fn page_lists_every_protocol() {
    let mut rows: BTreeMap<&str, (Depth, Vec<&str>)> = BTreeMap::new();
    for sign in SIGNS {
        let side = if sign.side == Side::Client { "client" } else { "server" };
        let row = rows.entry(sign.protocol).or_insert((sign.depth, Vec::new()));
        if !row.1.contains(&side) {
            row.1.push(side);
        }
    }
    let mut page = "# Protocols that are told apart by their first bytes\n\n\
        Identified: told from others on its port. Parsed: what opens it is taken apart. Judged: held against the allowlist.\n\n\
        | protocol | known by | identified | parsed | judged |\n|---|---|---|---|---|\n"
        .to_owned();
    for (protocol, (depth, sides)) in rows {
        let mark = |least: Depth| match (least, depth) {
            (Depth::Identified, _)
            | (Depth::Parsed, Depth::Parsed | Depth::Judged)
            | (Depth::Judged, Depth::Judged) => "yes",
            _ => "",
        };
        let (parsed, judged) = (mark(Depth::Parsed), mark(Depth::Judged));
        page += &format!("| {protocol} | {} | yes | {parsed} | {judged} |\n", sides.join(", "));
    }
    page += "\n## What is spoken inside of HTTP\n\n\
        Told apart by the head of a request, and judged like any. A rule that names one (`logs.shop:9200 elasticsearch`, in \
        `inbound` too: `grpc from shop/web on 9000`) grants requests that speak it and no others; methods and paths can be \
        named besides. A rule for `http` grants them all but `doh`, which leaves the pod only where it is granted by its \
        name: lookups in HTTP pass by the resolver. An application of one's own whose paths are the same looks the same.\n\n\
        | spoken | told by |\n|---|---|\n";
    for (name, by) in TOLD_BY {
        page += &format!("| {name} | {by} |\n");
    }
    assert!(SPOKEN.iter().all(|(name, _)| TOLD_BY.iter().any(|(told, _)| told == name)) && TOLD_BY.is_sorted());
    page += "\n## What it costs\n\n\
        The first message of either side: 122 ns in the median of the captures in `tests/data/identify`, 0.55 µs at worst. What \
        a request speaks inside of HTTP: 66 ns in the median, 0.52 µs at worst. (`cargo bench --bench identify`, one core of a \
        virtual machine with two.)\n";
    let file = "deploy/protocols.md";
    if std::env::vars_os().any(|(name, _)| name == "PODWALL_BLESS") {
        std::fs::write(file, &page).unwrap();
    }
    assert!(std::fs::read_to_string(file).unwrap_or_default() == page, "{file} is not what the table says");
}
