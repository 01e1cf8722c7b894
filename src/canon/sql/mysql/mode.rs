//! What decides how a text is cut into tokens: the session's modes, its character set, and the server's version.

/// How a session reads its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mode {
    /// A backslash escapes in strings: no NO_BACKSLASH_ESCAPES.
    pub backslash: bool,
    /// `"a"` is a name: ANSI_QUOTES.
    pub ansi_quotes: bool,
    /// The client's character set is UTF-8.
    pub utf8: bool,
    /// Which server reads it.
    pub server: Server,
}

/// Which server reads a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Server {
    /// MariaDB.
    pub mariadb: bool,
    /// `80036` for 8.0.36, `101106` for 10.11.6.
    pub version: u32,
}

impl Default for Mode {
    fn default() -> Self {
        Self { backslash: true, ansi_quotes: false, utf8: true, server: Server::default() }
    }
}

impl Server {
    /// The server that names its version so: `8.0.36`, `5.5.5-10.11.6-MariaDB-1`.
    pub fn of(version: &[u8]) -> Self {
        let mariadb = memchr::memmem::find(version, b"MariaDB").is_some();
        let version = version.strip_prefix(b"5.5.5-").filter(|_| mariadb).unwrap_or(version);
        let mut parts = version.split(|byte| !byte.is_ascii_digit()).take(3);
        let mut part = || {
            let digits = parts.next().and_then(|digits| std::str::from_utf8(digits).ok());
            digits.and_then(|digits| digits.parse::<u32>().ok()).unwrap_or_default().min(99)
        };
        Self { mariadb, version: part() * 10_000 + part() * 100 + part() }
    }

    /// Whether a comment for this version and later is read as code. MariaDB leaves out what is for MySQL 5.7 and later.
    pub fn executes(self, version: u32, for_mariadb: bool) -> bool {
        let for_other = self.mariadb && !for_mariadb && (50_700..=99_999).contains(&version);
        version <= self.version && !for_other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(Server::of(b"8.0.36-0ubuntu1"), Server { mariadb: false, version: 80_036 });
        assert_eq!(Server::of(b"5.5.5-10.11.6-MariaDB-1"), Server { mariadb: true, version: 101_106 });
        assert_eq!(Server::of(b"11.4.2-MariaDB"), Server { mariadb: true, version: 110_402 });
        assert_eq!(Server::of(b""), Server { mariadb: false, version: 0 });
    }
}
