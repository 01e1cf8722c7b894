//! The readings of paths, and what is refused in them.

use super::*;

fn all(path: &str) -> Vec<String> {
    with(path, &Readings::default())
}

fn with(path: &str, how: &Readings) -> Vec<String> {
    readings(path.as_bytes(), how).unwrap().iter().map(str::to_owned).collect()
}

#[test]
fn plain_paths_are_borrowed() {
    for path in ["/", "/a", "/orders/7/items", "/a.b/c~d_e-f", "/a:b@c!$&'()*+,=", "*"] {
        let read = readings(path.as_bytes(), &Readings::default()).unwrap();
        assert!(matches!(read.first, Cow::Borrowed(_)), "{path}");
        assert_eq!((read.first(), read.len()), (path, 1));
    }
    assert_eq!(all(""), ["/"]);
}

#[test]
fn escapes_are_decoded_but_for_slash_percent_and_what_is_no_text() {
    assert_eq!(all("/%61%20b"), ["/a b"]);
    assert_eq!(all("/100%25"), ["/100%25"]);
    assert_eq!(all("/caf%c3%a9"), ["/café"]);
    assert_eq!(all("/caf%e9"), ["/caf%E9"]);
    assert_eq!(all("/.well-known/a"), ["/.well-known/a"]);
    assert_eq!(all("/..a/b..c/..."), ["/..a/b..c/..."]);
}

#[test]
fn every_doubt_is_a_reading() {
    assert_eq!(all("/a%2Fb"), ["/a%2Fb", "/a/b"]);
    assert_eq!(all("/a%2fb"), ["/a%2Fb", "/a/b"]);
    assert_eq!(all("/a\\b"), ["/a\\b", "/a/b"]);
    assert_eq!(all("/a%5Cb"), ["/a\\b", "/a/b"]);
    assert_eq!(all("/a;v=1/b"), ["/a;v=1/b", "/a/b"]);
    assert_eq!(all("/a;x/b;y"), ["/a;x/b;y", "/a/b", "/a;x/b"]);
    assert_eq!(all("/a%3Bx"), ["/a;x", "/a"]);
    assert_eq!(all("/a//b"), ["/a//b", "/a/b"]);
    assert_eq!(all("//host/a"), ["//host/a", "/host/a", "/a"]);
    assert_eq!(all("/\\host/a"), ["/\\host/a", "//host/a", "/host/a", "/a"]);
    assert_eq!(all("//host"), ["//host", "/host", "/"]);
    assert_eq!(all("//h//a"), ["//h//a", "/h/a", "/h//a", "//a", "/a"]);
    assert_eq!(all("///h/a"), ["///h/a", "/h/a", "/a"]);
    assert_eq!(all("/a;x%2Fb"), ["/a;x%2Fb", "/a", "/a;x/b", "/a/b"]);
    assert_eq!(all("/a;/b"), ["/a;/b", "/a/b"]);
    assert_eq!(all("/a/;x/b"), ["/a/;x/b", "/a//b", "/a/b"]);
    assert_eq!(all("/;x/b"), ["/;x/b", "//b", "/b", "/"]);
}

#[test]
fn a_declared_reading_is_the_only_one() {
    let how = |encoded_slash, backslash, params, slashes| Readings {
        encoded_slash,
        backslash,
        params,
        slashes,
        decoding: Decoding::Once,
        case: Case::Both,
    };
    let data = how(Separator::Data, Separator::Data, Params::Kept, Slashes::Kept);
    let apart = how(Separator::Separator, Separator::Separator, Params::Cut, Slashes::Merged);
    for path in ["/a%2Fb;c//d", "/a\\b;c/d"] {
        assert_eq!(with(path, &data).len(), 1);
        assert_eq!(with(path, &apart), ["/a/b/d"]);
    }
}

#[test]
fn what_no_honest_client_sends_is_refused() {
    use super::refused::*;
    for (path, why) in [
        ("/a/../b", DOT_SEGMENT),
        ("/a/./b", DOT_SEGMENT),
        ("/a/..", DOT_SEGMENT),
        ("/.", DOT_SEGMENT),
        ("..", DOT_SEGMENT),
        ("/a/%2e%2e/b", DOT_SEGMENT),
        ("/a/.%2E/b", DOT_SEGMENT),
        ("/a/..;x=1/b", DOT_SEGMENT),
        ("/a/..%3Bx/b", DOT_SEGMENT),
        ("/a/..%2Fb", DOT_SEGMENT),
        ("/a%2f..%2fb", DOT_SEGMENT),
        ("/a/..\\b", DOT_SEGMENT),
        ("/a/..%5cb", DOT_SEGMENT),
        ("/a/..%20/b", DOT_SEGMENT),
        ("/a/%252e%252e/b", DOUBLE_ENCODED),
        ("/a/..%252fb", DOUBLE_ENCODED),
        ("/a%252f%252e%252e%252fb", DOUBLE_ENCODED),
        ("/a%255cb", DOUBLE_ENCODED),
        ("/a%2500b", DOUBLE_ENCODED),
        ("/a%250ab", DOUBLE_ENCODED),
        ("/%252525252561", DOUBLE_ENCODED),
        ("/a/%25252e%25252e/b", DOUBLE_ENCODED),
        ("/a/%25%32%65%25%32%65/b", DOUBLE_ENCODED),
        ("/a%25c0%25af", DOUBLE_ENCODED),
        ("/a%00", NUL),
        ("/a%0d%0ab", CONTROL),
        ("/a%7f", CONTROL),
        ("/a%c0%afb", OVERLONG),
        ("/%c0%ae%c0%ae/b", OVERLONG),
        ("/%e0%80%ae/b", OVERLONG),
        ("/%f0%80%80%ae/b", OVERLONG),
        ("/a%", ESCAPE),
        ("/a%4", ESCAPE),
        ("/a%zz", ESCAPE),
        ("/a%u002e", ESCAPE),
    ] {
        assert_eq!(readings(path.as_bytes(), &Readings::default()).err(), Some(why), "{path}");
    }
    assert_eq!(readings(b"/a\0", &Readings::default()).err(), Some(NUL));
    assert_eq!(readings(b"/a\n", &Readings::default()).err(), Some(CONTROL));
}

#[test]
fn twice_encoded_data_is_data() {
    assert_eq!(all("/a%2520b"), ["/a%2520b", "/a b"]);
    assert_eq!(all("/a%252eb"), ["/a%252eb", "/a.b"]);
    assert_eq!(all("/%252561"), ["/%252561", "/%2561", "/a"]);
    assert_eq!(all("/a%253Bb"), ["/a%253Bb", "/a;b", "/a"]);
    assert_eq!(all("/a%252Fb"), ["/a%252Fb", "/a%2Fb", "/a/b"]);
    assert_eq!(all("/%252541%252Fa"), ["/%252541%252Fa", "/%2541%2Fa", "/%2541/a", "/A/a"]);
    let once = Readings { decoding: Decoding::Once, ..Readings::default() };
    assert_eq!(with("/a%2520b", &once), ["/a%2520b"]);
}

#[test]
fn a_path_may_end_at_an_encoded_question_mark() {
    assert_eq!(all("/admin%3Fx"), ["/admin?x", "/admin"]);
    assert_eq!(all("/admin%23x%3fy"), ["/admin#x?y", "/admin"]);
    assert_eq!(all("/admin%253fx"), ["/admin%253fx", "/admin?x", "/admin"]);
    assert_eq!(all("/%3f"), ["/?", "/"]);
    for path in ["/.%23x", "/..%3fx/y", "/%252e%2523x"] {
        assert!(readings(path.as_bytes(), &Readings::default()).is_err(), "{path}");
    }
    let once = Readings { decoding: Decoding::Once, ..Readings::default() };
    assert_eq!(with("/admin%3fx", &once), ["/admin?x"]);
}

#[test]
fn readings_end_at_their_limit() {
    let count = |path: &str| readings(path.as_bytes(), &Readings::default()).map(|paths| paths.len());
    assert_eq!(count("//a/b;c/d%3Be/f%2541"), Ok(Paths::MAX - 1));
    assert_eq!(count("//a/b;c/d%3Be/f%252541"), Err(refused::READINGS));
}

#[test]
fn doubts_that_tangle_are_refused() {
    for path in ["//a%2Fb", "/a//b%2F", "/a\\b//c", "/a\\b%5Cc", "/a\\b%2Fc", "/a\\b;c"] {
        assert_eq!(readings(path.as_bytes(), &Readings::default()).err(), Some(refused::READINGS), "{path}");
    }
    let merged = Readings { slashes: Slashes::Merged, ..Readings::default() };
    assert_eq!(with("//a%2Fb", &merged), ["/a%2Fb", "/a/b"]);
}

#[test]
fn a_path_that_begins_with_an_odd_host_is_refused() {
    for path in ["//a@b/c", "//a;b/c", "//a%20b/c", "/\\a:80/c", "//caf%c3%a9"] {
        assert_eq!(readings(path.as_bytes(), &Readings::default()).err(), Some(refused::READINGS), "{path}");
    }
}
