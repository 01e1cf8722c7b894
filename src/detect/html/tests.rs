//! Markup and script that must be found, and texts that must not be taken for them.

use super::*;
use proptest::prelude::*;

fn total(value: &str) -> u32 {
    at(Place::QueryValue, value)
}

fn at(place: Place, value: &str) -> u32 {
    let mut found = Found::default();
    HTML.inspect(&Part::plain(place, b"q", value.as_bytes()), &mut found, &mut Fuel::new(1_000_000));
    found.total()
}

#[test]
fn markup_that_runs_is_an_attack() {
    for value in [
        "<script>x()</script>",
        "<ScRiPt src=//example.org/a.js>",
        "<img src=x onerror=go(1)>",
        "<svg/onload=go(1)>",
        "<b onmouseover='go(1)'>bold</b>",
        "<iframe src=https://example.org></iframe>",
        "<a href=\"jav\tascript:go(1)\">x</a>",
        "<a href='&#106;avascript:go(1)'>x</a>",
        "<object data=data:text/html;base64,AAAA>",
        "<meta http-equiv=refresh content='0;url=//example.org'>",
        "<div style='width:expression(go(1))'>",
        "<x onpointerrawupdate=go(1)>",
        "</title><script>",
        "<embed src=//example.org/a.swf>",
        "<div style=x:expression\\28go(1)\\29>",
        "<object id=a classid=clsid:0>",
        "<meta charset=x-imap4-modified-utf7>",
    ] {
        assert!(total(value) >= 100, "{value}");
    }
}

#[test]
fn breaking_out_is_an_attack() {
    for value in [
        "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>go(1)</x:script>",
        "\" onfocus=\"go(1)\" autofocus x=\"",
        "' onmouseover='go(1)",
        "x onerror=alert(1)",
        "';alert(1)//",
        "\"-confirm`1`-\"",
        "javascript:go(1)",
        "java\nscript:go(1)",
        "self['al'+'ert'](1)",
        "top[/al/.source+/ert/.source](1)",
        "[][(![]+[])[+[]]+(![]+[])[!+[]+!+[]]]",
        "String.fromCharCode(88,83,83)",
        "'+document.cookie+'",
        "x\";setTimeout(name, 1)//",
        "go&Tab;.a&Tab;le&Tab;rt(1)",
        "autofocus/>/onfocus=top?.x(1)",
        "\"'`-->]]>",
        "' onselect=go(1) '",
        "[].go.call`${1}`",
    ] {
        assert!(total(value) >= 100, "{value}");
    }
}

#[test]
fn ordinary_text_is_nothing() {
    for value in [
        "<p>Hello <b>Ada</b>, <a href=\"https://example.com/?a=1\">see here</a> <img src=\"https://example.com/a.png\"></p>",
        "a < b && c > d",
        "vector<int>",
        "Map<String, Object>",
        "List<Object>",
        "I <3 you",
        "one=1&only=true&online=yes",
        "on error = retry",
        "JavaScript: The Good Parts",
        "the constructor takes one argument",
        "x <- y",
        "<not-closed",
        "once=upon(a time)",
        "<div class=\"row\"><span>text</span></div>",
        "data:image/png;base64,iVBORw0KGgo=",
        "please confirm (or deny)",
        "say \"yes\", setTimeout takes milliseconds",
    ] {
        assert_eq!(total(value), 0, "{value}");
    }
}

#[test]
fn markup_is_clear_in_a_text_and_needs_company_in_a_file() {
    let text = "The page loads its code with <script src=\"/app.js\"></script>, at its end.\n".repeat(12);
    assert_eq!(at(Place::JsonValue, &text), 100);
    assert!(at(Place::FileContent, &text) < 100);
}

proptest! {
    #[test]
    fn any_bytes_are_read_within_their_fuel(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut fuel = Fuel::new(100_000);
        HTML.inspect(&Part::plain(Place::QueryValue, b"q", &bytes), &mut Found::default(), &mut fuel);
        prop_assert!(100_000 - fuel.left() <= bytes.len() as u64 * 16);
    }

    #[test]
    fn any_markup_is_read(text in "[<>/a-c =\"'`on&#x;:1]{0,300}") {
        HTML.inspect(&Part::plain(Place::QueryValue, b"q", text.as_bytes()), &mut Found::default(), &mut Fuel::new(100_000));
    }
}
