//! What a session has set that changes how its texts are read: modes, character set, database. The server's status tells
//! of some of it after each answer; the rest is followed from what is set.

use crate::canon::sql::mysql::{Mode, Server, Setting};

/// NO_BACKSLASH_ESCAPES, in the status of an answer.
const NO_BACKSLASH_ESCAPES: u16 = 0x0200;
/// ANSI_QUOTES, in the status of an answer of MariaDB.
const ANSI_QUOTES: u16 = 0x8000;

/// What is followed of a session's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How its texts are read.
    pub mode: Mode,
    /// Whether `"` quotes names is not known: both readings count.
    pub either_quotes: bool,
    /// The databases that may be in use, at least one: more when a text that changed it has failed.
    pub databases: Vec<String>,
}

/// What a change of a setting means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It changes nothing that is judged.
    Harmless,
    /// It must be granted.
    Asks,
    /// Statements could not be read any more as the server reads them.
    Refused,
}

/// Settings that change how data looks, how long things take, or how they are planned; not what may be done. Sorted.
static HARMLESS: &[&str] = &[
    "autocommit",
    "character_set_connection",
    "character_set_results",
    "collation_connection",
    "completion_type",
    "div_precision_increment",
    "group_concat_max_len",
    "identity",
    "information_schema_stats_expiry",
    "innodb_lock_wait_timeout",
    "insert_id",
    "interactive_timeout",
    "join_buffer_size",
    "last_insert_id",
    "lc_messages",
    "lc_time_names",
    "lock_wait_timeout",
    "max_execution_time",
    "max_heap_table_size",
    "max_join_size",
    "max_statement_time",
    "net_buffer_length",
    "net_read_timeout",
    "net_write_timeout",
    "optimizer_switch",
    "profiling",
    "query_cache_type",
    "session_track_schema",
    "session_track_state_change",
    "session_track_system_variables",
    "session_track_transaction_info",
    "sort_buffer_size",
    "sql_auto_is_null",
    "sql_big_selects",
    "sql_buffer_result",
    "sql_notes",
    "sql_quote_show_create",
    "sql_safe_updates",
    "sql_select_limit",
    "sql_warnings",
    "time_zone",
    "timestamp",
    "tmp_table_size",
    "transaction_isolation",
    "transaction_read_only",
    "tx_isolation",
    "tx_read_only",
    "wait_timeout",
];

/// Modes under which a text is cut into tokens and read as we do. Sorted.
static MODES: &[&str] = &[
    "",
    "allow_invalid_dates",
    "ansi",
    "ansi_quotes",
    "default",
    "empty_string_is_null",
    "error_for_division_by_zero",
    "high_not_precedence",
    "ignore_bad_table_options",
    "ignore_space",
    "no_auto_create_user",
    "no_auto_value_on_zero",
    "no_backslash_escapes",
    "no_dir_in_create",
    "no_engine_substitution",
    "no_unsigned_subtraction",
    "no_zero_date",
    "no_zero_in_date",
    "only_full_group_by",
    "pad_char_to_full_length",
    "pipes_as_concat",
    "real_as_float",
    "simultaneous_assignment",
    "strict_all_tables",
    "strict_trans_tables",
    "time_round_fractional",
    "time_truncate_fractional",
    "traditional",
];

/// Character sets in which no byte of ASCII is ever part of another character. Sorted. big5, cp932, gb18030, gbk and sjis are
/// not like that; swe7 has letters in place of marks.
static CHARSETS: &[&str] = &[
    "armscii8", "ascii", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "dec8",
    "eucjpms", "euckr", "gb2312", "geostd8", "greek", "hebrew", "hp8", "keybcs2", "koi8r", "koi8u", "latin1", "latin2",
    "latin5", "latin7", "macce", "macroman", "tis620", "ujis", "utf8", "utf8mb3", "utf8mb4",
];

/// What changing a setting means.
pub fn change(setting: &Setting) -> Change {
    let value = setting.value.as_ref().map(|value| value.to_lowercase());
    match (setting.name.as_str(), value.as_deref()) {
        ("names" | "character_set_client", Some("default")) => Change::Asks,
        ("names" | "character_set_client", Some(value)) => {
            if CHARSETS.binary_search(&value).is_ok() {
                Change::Harmless
            } else {
                Change::Refused
            }
        }
        ("sql_mode", Some(value)) => {
            let known = |mode: &str| MODES.binary_search(&mode.trim()).is_ok();
            if value.split(',').all(known) { Change::Harmless } else { Change::Refused }
        }
        (name, _) if HARMLESS.binary_search(&name).is_ok() => Change::Harmless,
        _ => Change::Asks,
    }
}

/// Whether a setting changes how what stands behind it in the same text is read.
pub fn changes_reading(setting: &Setting) -> bool {
    matches!(setting.name.as_str(), "names" | "character_set_client" | "sql_mode")
}

/// Whether a collation, by its number, is one of a character set in which no byte of ASCII is part of another character. 0
/// leaves it to the server's own, which it tells in its greeting.
pub fn is_safe_collation(number: u8) -> bool {
    !matches!(
        number,
        // big5, swe7, sjis, gbk, cp932, gb18030
        1 | 84 | 10 | 82 | 13 | 88 | 28 | 87 | 95 | 96 | 248..=250
        // ucs2, utf16, utf16le, utf32, which servers refuse by themselves
        | 35 | 90 | 128..=191 | 54 | 55 | 101..=124 | 56 | 62 | 60 | 61
    )
}

fn is_utf8_collation(number: u8) -> bool {
    matches!(number, 33 | 45 | 46 | 76 | 83 | 192..=247 | 255)
}

impl Settings {
    /// What a session begins with: its server, the client's collation, the database that it names.
    pub fn new(server: Server, collation: u8, database: &str) -> Self {
        let mode = Mode { server, utf8: is_utf8_collation(collation), ..Mode::default() };
        Self { mode, either_quotes: !server.mariadb, databases: vec![database.to_owned()] }
    }

    /// What the server says of the session behind an answer.
    pub fn status(&mut self, status: u16) {
        self.mode.backslash = status & NO_BACKSLASH_ESCAPES == 0;
        if self.mode.server.mariadb {
            self.mode.ansi_quotes = status & ANSI_QUOTES != 0;
        }
    }

    /// Follows a setting that the server has taken; one of a text that failed may hold or not.
    pub fn follow(&mut self, setting: &Setting, whole: bool) {
        let value = setting.value.as_ref().map(|value| value.to_lowercase());
        match setting.name.as_str() {
            "names" | "character_set_client" => {
                let utf8 = value.is_some_and(|value| value.starts_with("utf8"));
                self.mode.utf8 = utf8 && (whole || self.mode.utf8);
            }
            "sql_mode" if !self.mode.server.mariadb => match value.filter(|value| whole && value != "default") {
                Some(value) => {
                    let quotes = |mode: &str| matches!(mode.trim(), "ansi" | "ansi_quotes");
                    (self.mode.ansi_quotes, self.either_quotes) = (value.split(',').any(quotes), false);
                }
                None => self.either_quotes = true,
            },
            _ => {}
        }
    }

    /// The database that is in use from now on.
    pub fn uses(&mut self, database: &str) {
        self.databases = vec![database.to_owned()];
    }

    /// A database that may be in use besides.
    pub fn may_use(&mut self, database: &str) {
        if !self.databases.iter().any(|known| known == database) {
            self.databases.push(database.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(name: &str, value: Option<&str>) -> Setting {
        Setting { name: name.to_owned(), value: value.map(str::to_owned) }
    }

    #[test]
    fn settings_that_blind_us_are_refused() {
        for (name, value, expected) in [
            ("names", Some("utf8mb4"), Change::Harmless),
            ("names", Some("GBK"), Change::Refused),
            ("names", None, Change::Asks),
            ("character_set_client", Some("sjis"), Change::Refused),
            ("sql_mode", Some("STRICT_TRANS_TABLES,ANSI_QUOTES"), Change::Harmless),
            ("sql_mode", Some("ORACLE"), Change::Refused),
            ("sql_mode", Some("8"), Change::Refused),
            ("sql_mode", None, Change::Asks),
            ("autocommit", None, Change::Harmless),
            ("foreign_key_checks", Some("0"), Change::Asks),
        ] {
            assert_eq!(change(&setting(name, value)), expected, "{name} {value:?}");
        }
        assert!(HARMLESS.is_sorted() && MODES.is_sorted() && CHARSETS.is_sorted());
        assert!(!is_safe_collation(28) && is_safe_collation(45) && is_safe_collation(0));
    }

    #[test]
    fn server_tells_how_strings_are_read() {
        let mut settings = Settings::new(Server::of(b"10.11.6-MariaDB"), 45, "shop");
        settings.status(NO_BACKSLASH_ESCAPES | ANSI_QUOTES);
        assert!(!settings.mode.backslash && settings.mode.ansi_quotes && settings.mode.utf8);
        settings.status(2);
        assert!(settings.mode.backslash && !settings.mode.ansi_quotes && !settings.either_quotes);
    }

    #[test]
    fn where_the_server_does_not_tell_it_is_followed() {
        let mut settings = Settings::new(Server::of(b"8.0.36"), 8, "");
        assert!(settings.either_quotes && !settings.mode.utf8);
        settings.follow(&setting("sql_mode", Some("ANSI")), true);
        assert!(settings.mode.ansi_quotes && !settings.either_quotes);
        settings.follow(&setting("sql_mode", None), true);
        assert!(settings.either_quotes);
        settings.follow(&setting("names", Some("utf8mb4")), false);
        assert!(!settings.mode.utf8);
        settings.follow(&setting("names", Some("utf8mb4")), true);
        assert!(settings.mode.utf8);
    }
}
