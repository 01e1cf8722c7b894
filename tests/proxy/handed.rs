//! What a database's session hands on, over real sockets that take and give bytes as they like: everything that was granted
//! comes out, in its order, whole, and without being waited for, however much is left over when a side takes no more.

use crate::bench::{Bench, Setup};
use podwall::protocol::postgres::emit::is_failing;
use podwall::protocol::postgres::{Limits, frame, front};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const RULES: &str = " []\ndatabases: [{name: all, from: any, user: app, tables: {orders: SELECT}}]";
const PATIENCE: Duration = Duration::from_secs(20);
/// More than waits for a side before nothing more is dealt with.
const MUCH: usize = 65 << 10;

fn bench(listener: &TcpListener) -> Bench {
    setup(listener).start()
}

fn setup(listener: &TcpListener) -> Setup {
    let setup = Setup::new().behind(listener.local_addr().unwrap()).rules(RULES);
    setup.listener("protocol: postgres")
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], &u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body].concat()
}

fn query(text: &str) -> Vec<u8> {
    message(b'Q', &[text.as_bytes(), b"\0"].concat())
}

/// A query with so many bytes of a value.
fn large(bytes: usize) -> String {
    format!("SELECT id FROM orders WHERE item = '{}'", "x".repeat(bytes))
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// A client and its server, past the login.
fn opened(bench: &Bench, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let body = b"\0\x03\0\0user\0app\0database\0shop\0\0";
    let startup = [&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], body].concat();
    let mut client = TcpStream::connect(bench.address()).unwrap();
    client.write_all(&startup).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let welcome = [message(b'R', &[0; 4]), ready()].concat();
    let mut heard = vec![0; startup.len()];
    server.read_exact(&mut heard).unwrap();
    server.write_all(&welcome).unwrap();
    let mut told = vec![0; welcome.len()];
    client.read_exact(&mut told).unwrap();
    assert_eq!((heard, told), (startup, welcome));
    (client, server)
}

/// What comes up to the client's last message, or to the end.
fn up_to_the_last(mut server: TcpStream) -> Vec<u8> {
    let (mut came, mut piece, last) = (Vec::new(), vec![0; 64 << 10], message(b'X', b""));
    while !came.ends_with(&last)
        && let Ok(count @ 1..) = server.read(&mut piece)
    {
        came.extend_from_slice(&piece[..count]);
    }
    came
}

#[test]
fn everything_reaches_the_server_of_a_client_that_has_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = bench(&listener);
    let parse = message(b'P', &[b"\0", large(MUCH).as_bytes(), b"\0\0\0"].concat());
    let rest = [message(b'B', &[0; 8]), message(b'E', &[0; 5]), message(b'S', b""), message(b'X', b"")].concat();
    let said = [parse, rest].concat();
    // A text that takes long to judge: what the other client says comes meanwhile, all of it and its end at once.
    let busy = query(&format!("SELECT id FROM orders WHERE id IN (1{})", ",1".repeat(60 << 10)));
    for _ in 0..5 {
        let (mut other, other_server) = opened(&bench, &listener);
        let (mut client, server) = opened(&bench, &listener);
        other.write_all(&busy).unwrap();
        client.write_all(&said).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let heard = up_to_the_last(server);
        assert!(heard == said, "{} of {} bytes", heard.len(), said.len());
        drop((other, other_server));
    }
    bench.end();
}

#[test]
fn last_words_reach_a_server_whose_client_takes_no_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = bench(&listener);
    let (mut client, mut server) = opened(&bench, &listener);
    client.write_all(&query("SELECT id FROM orders")).unwrap();
    let mut heard = vec![0; query("SELECT id FROM orders").len()];
    server.read_exact(&mut heard).unwrap();
    // Answers until nobody takes them any more.
    server.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let row = message(b'D', &vec![0; 8 << 10]);
    while server.write_all(&row).is_ok() {}
    // And then asks more than a server takes that does not read, which is read only once the client has said its last.
    let said = [query(&large(200 << 10)).repeat(40), message(b'X', b"")].concat();
    let saying = thread::spawn({
        let said = said.clone();
        move || client.write_all(&said).map(|()| client)
    });
    while !saying.is_finished() && heard.len() < said.len() + 30 {
        let mut piece = vec![0; 16 << 10];
        let count = server.read(&mut piece).unwrap();
        heard.extend_from_slice(&piece[..count]);
    }
    let client = saying.join().unwrap().unwrap();
    heard.extend(up_to_the_last(server));
    drop(client);
    assert!(heard.ends_with(&said), "{} of {} bytes", heard.len(), said.len());
    bench.end();
}

#[test]
fn client_that_hangs_up_is_told_what_it_has_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = bench(&listener);
    let parse = message(b'P', b"\0SELECT id FROM orders\0\0\0");
    let run = [message(b'B', &[0; 8]), message(b'E', &[0; 5])].concat();
    let sync = message(b'S', b"");
    let (text, pipeline) = (query("SELECT id FROM orders"), [&parse[..], &run, &sync].concat());
    let answer = [message(b'C', b"SELECT 0\0"), ready()].concat();
    let done = [message(b'1', b""), message(b'2', b""), answer.clone()].concat();
    for (asked, answered) in [(text.clone(), answer.clone()), (pipeline, done), (text.repeat(2), answer.repeat(2))] {
        let (mut client, mut server) = opened(&bench, &listener);
        client.write_all(&asked).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        server.read_exact(&mut vec![0; asked.len()]).unwrap();
        // Its end has come by now.
        thread::sleep(Duration::from_millis(50));
        answered.iter().for_each(|byte| server.write_all(&[*byte]).unwrap());
        let mut told = Vec::new();
        client.read_to_end(&mut told).unwrap();
        assert_eq!(told, answered);
        assert_eq!(server.read(&mut [0]).unwrap(), 0, "then the session ends");
    }
    // Nothing is owed, or the server waits for more: the session ends at once.
    for asked in [Vec::new(), parse, text[..9].to_vec(), [&text[..], &text[..9]].concat()] {
        let (mut client, mut server) = opened(&bench, &listener);
        client.write_all(&asked).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        let _ = server.read_to_end(&mut Vec::new());
    }
    bench.end();
}

#[test]
fn answer_is_not_kept_back_while_a_client_says_half_a_message() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = bench(&listener);
    let (mut client, mut server) = opened(&bench, &listener);
    let parameter = message(b'S', &[b"a\0", "b".repeat(40 << 10).as_bytes(), b"\0"].concat());
    let rows = message(b'D', &[0; 100]).repeat(400);
    let end = [message(b'C', b"SELECT 400\0"), ready()].concat();
    let (beginning, others) = parameter.split_at(parameter.len() - 5000);
    let first = message(b'D', &[0; 7]);
    let expected = first.len() + parameter.len() + rows.len() + end.len();
    for _ in 0..20 {
        client.write_all(&query("SELECT id FROM orders")).unwrap();
        let mut heard = vec![0; query("SELECT id FROM orders").len()];
        server.read_exact(&mut heard).unwrap();
        let answered = AtomicBool::new(false);
        let next = query(&large(200 << 10));
        let said = thread::scope(|scope| {
            let mut trickling = client.try_clone().unwrap();
            let (answered, next) = (&answered, &next);
            let trickle = scope.spawn(move || {
                let bytes = next.iter().take_while(|_| !answered.load(Ordering::Relaxed));
                bytes.map(|byte| trickling.write_all(&[*byte]).unwrap()).count()
            });
            server.write_all(&[&first[..], beginning].concat()).unwrap();
            client.read_exact(&mut vec![0; first.len()]).unwrap();
            server.write_all(&[others, &rows, &end].concat()).unwrap();
            client.read_exact(&mut vec![0; expected - first.len()]).unwrap();
            answered.store(true, Ordering::Relaxed);
            trickle.join().unwrap()
        });
        assert!(said < next.len(), "the answer came first");
        client.write_all(&next[said..]).unwrap();
        server.read_exact(&mut vec![0; next.len()]).unwrap();
        server.write_all(&end).unwrap();
        client.read_exact(&mut vec![0; end.len()]).unwrap();
    }
    drop((client, server));
    bench.end();
}

#[test]
fn waits_of_a_session_over_plain_sockets_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let limits = ["body_deadline", "send_deadline", "response_deadline"];
    let bench = limits.iter().fold(setup(&listener), |setup, limit| setup.limit(&format!("{limit}: 300ms"))).start();

    let (mut client, server) = opened(&bench, &listener);
    client.write_all(&query("SELECT id FROM orders")[..7]).unwrap();
    let mut told = Vec::new();
    client.read_to_end(&mut told).unwrap();
    assert!(told.starts_with(b"E"), "it is told");
    drop(server);

    let (mut client, mut server) = opened(&bench, &listener);
    client.write_all(&query("SELECT id FROM orders")).unwrap();
    let row = message(b'D', &vec![0; 8 << 10]);
    while server.write_all(&row).is_ok() {}

    let (mut asking, _silent) = opened(&bench, &listener);
    let text = query(&large(200 << 10));
    while asking.write_all(&text).is_ok() {}

    drop(client);
    let reasons = ["limit-postgres-message", "limit-postgres-answers", "upstream-postgres-timeout"];
    assert_eq!(bench.end().reasons(), reasons);
}

#[test]
fn stop_waits_for_what_runs() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bench = bench(&listener);
    let (mut idle, _idle_server) = opened(&bench, &listener);
    let (mut client, mut server) = opened(&bench, &listener);
    // The end of a copy that never began is nothing that is still to come.
    let asked = [query("SELECT id FROM orders"), message(b'c', b"")].concat();
    client.write_all(&asked).unwrap();
    server.read_exact(&mut vec![0; asked.len()]).unwrap();
    let stopping = bench.stop_aside();
    let mut told = Vec::new();
    idle.read_to_end(&mut told).unwrap();
    assert!(String::from_utf8_lossy(&told).contains("57P01"), "who is idle is told");
    let answer = [message(b'C', b"SELECT 0\0"), ready()].concat();
    server.write_all(&answer).unwrap();
    let mut told = Vec::new();
    client.read_to_end(&mut told).unwrap();
    assert!(
        told.starts_with(&answer) && String::from_utf8_lossy(&told).contains("57P01"),
        "what runs comes to its end"
    );
    assert_eq!(stopping.join().unwrap(), 0);
}

#[test]
fn pipeline_is_in_order_however_slowly_it_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let bench = bench(&listener);
    let (mut client, server) = opened(&bench, &listener);
    let texts: Vec<String> = (0..600)
        .map(|number| match number % 7 {
            3 => format!("SELECT {number} FROM ledger"),
            5 => format!("SELECT {number} FROM orders WHERE item = '{}'", "y".repeat(30 << 10)),
            _ => format!("SELECT {number} FROM orders"),
        })
        .collect();
    let said: Vec<u8> = texts.iter().flat_map(|text| query(text)).chain(message(b'X', b"")).collect();
    let serving = thread::spawn(move || echoing(server));
    let mut saying = client.try_clone().unwrap();
    let asking = thread::spawn(move || {
        // The first in pieces of one byte.
        let (one, all) = said.split_at(300);
        one.iter().for_each(|byte| saying.write_all(&[*byte]).unwrap());
        saying.write_all(all).unwrap();
    });
    let mut told = Vec::new();
    let mut piece = [0; 1 << 10];
    while let Ok(count @ 1..) = client.read(&mut piece) {
        told.extend_from_slice(&piece[..count]);
    }
    asking.join().unwrap();
    let (asked, ended) = serving.join().unwrap();
    assert!(ended, "the last message has come");
    let expected: Vec<&str> =
        texts.iter().map(|text| if text.contains("ledger") { "" } else { text.as_str() }).collect();
    assert!(asked == expected, "{} of {}", asked.len(), expected.len());
    let mut answers = Vec::new();
    while let Ok(Some(unit)) = frame::from_server(&told) {
        answers.push(unit.tag);
        told.drain(..unit.len);
    }
    let told: Vec<u8> =
        expected.iter().flat_map(|text| if text.is_empty() { &b"EZ"[..] } else { &b"DDDDCZ"[..] }).copied().collect();
    assert!(answers == told, "{} of {}", answers.len(), told.len());
    bench.end();
}

/// A server that answers each text with a few rows of its size; what it was asked, empty where that stands for what was denied,
/// and whether the last message came.
fn echoing(mut server: TcpStream) -> (Vec<String>, bool) {
    let (mut asked, mut held, mut piece) = (Vec::new(), Vec::new(), [0; 3 << 10]);
    while let Ok(count @ 1..) = server.read(&mut piece) {
        held.extend_from_slice(&piece[..count]);
        while let Ok(Some(unit)) = frame::from_client(&held, &Limits::default())
            && held.len() >= unit.len
        {
            let answer = match front::read(&unit, &held).unwrap() {
                front::Front::Query(text) if is_failing(text) => {
                    asked.push(String::new());
                    [message(b'E', b"SERROR\0VERROR\0C42601\0Msyntax error\0\0"), ready()].concat()
                }
                front::Front::Query(text) => {
                    asked.push(String::from_utf8_lossy(text).into_owned());
                    [message(b'D', text).repeat(4), message(b'C', b"SELECT 4\0"), ready()].concat()
                }
                front::Front::Terminate => return (asked, true),
                other => panic!("{other:?}"),
            };
            held.drain(..unit.len);
            server.write_all(&answer).unwrap();
        }
    }
    (asked, false)
}
