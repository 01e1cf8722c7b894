//! What a session has set that changes how its statements are read: the search path, the quoting of strings, the
//! encoding. A setting is followed from the moment it goes on; as it may fail or be rolled back, what was set before
//! stays possible too.

use super::catalogue;
use crate::canon::sql::postgres::Setting;

/// Search paths that may be in force; more are as good as any.
const MOST_PATHS: usize = 8;

/// What is followed of a session's settings.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Search paths that were set, besides the server's default one.
    paths: Vec<Vec<String>>,
    /// A search path was set that cannot be told.
    any: bool,
    /// `standard_conforming_strings` is off.
    pub backslash: bool,
    /// The session replicates: what is no SQL may be one of the commands for that.
    pub replication: bool,
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

/// Settings that change how data looks, how long things take, or how they are planned; not what may be done.
static HARMLESS: &[&str] = &[
    "all",
    "application_name",
    "bytea_output",
    "check_function_bodies",
    "client_min_messages",
    "datestyle",
    "default_statistics_target",
    "default_table_access_method",
    "default_tablespace",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "escape_string_warning",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "jit",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "plan_cache_mode",
    "quote_all_identifiers",
    "row_security",
    "statement_timeout",
    "synchronize_seqscans",
    "synchronous_commit",
    "timezone",
    "transaction_isolation",
    "transaction_read_only",
    "transaction_timeout",
    "work_mem",
    "xmloption",
];

/// What changing a setting means.
pub fn change(setting: &Setting) -> Change {
    let value = setting.value.as_deref().unwrap_or_default().join(",");
    let on = || ["on", "true", "yes", "1"].contains(&value.to_ascii_lowercase().as_str());
    match setting.name.as_str() {
        // One of all settings: refused if it would be a wrong one for those that must not change.
        "any" if setting.value.is_none() || is_off(&value) || UNSAFE.contains(&plain(&value).as_str()) => {
            Change::Refused
        }
        "standard_conforming_strings" | "backslash_quote" if !on() => Change::Refused,
        "standard_conforming_strings" | "backslash_quote" => Change::Harmless,
        "client_encoding" if setting.value.is_some() && !is_safe(&value) => Change::Refused,
        "client_encoding" => Change::Harmless,
        name if HARMLESS.binary_search(&name).is_ok() || name.starts_with("enable_") => Change::Harmless,
        _ => Change::Asks,
    }
}

/// Whether in a client encoding no byte of ASCII is ever part of another character: then tokens end where we see them
/// end. SJIS, BIG5, GBK, UHC, JOHAB and GB18030 are not like that.
pub fn is_safe(encoding: &str) -> bool {
    let plain = plain(encoding);
    let prefixes = ["utf8", "unicode", "sqlascii", "latin", "iso8859", "win12", "windows12", "koi8", "euc"];
    prefixes.iter().any(|prefix| plain.starts_with(prefix))
}

/// A name of an encoding as the server compares it.
fn plain(encoding: &str) -> String {
    encoding.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// Whether the server takes a value for `off`.
fn is_off(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    value == "0"
        || !value.is_empty() && ["false", "no"].iter().any(|word| word.starts_with(&value))
        || value.starts_with("of")
}

/// Encodings that are not safe, by all their names.
static UNSAFE: &[&str] = &[
    "big5",
    "gb18030",
    "gbk",
    "johab",
    "mskanji",
    "shiftjis",
    "shiftjis2004",
    "sjis",
    "uhc",
    "win932",
    "win936",
    "win949",
    "win950",
    "windows932",
    "windows936",
    "windows949",
    "windows950",
];

impl Settings {
    /// Follows a setting that goes on to the server.
    pub fn follow(&mut self, setting: &Setting, user: &str) {
        if setting.name != "search_path" && setting.name != "any" {
            return;
        }
        // Nothing means the default, which is always possible.
        let Some(value) = &setting.value else { return };
        let path: Vec<String> =
            value.iter().map(|schema| if schema == "$user" { user.to_owned() } else { schema.clone() }).collect();
        if self.paths.len() >= MOST_PATHS {
            self.any = true;
        } else if !self.paths.contains(&path) {
            self.paths.push(path);
        }
    }

    /// Grows whenever a name may have come to mean something else: what was judged before is to be judged again, as the
    /// server plans prepared statements anew.
    pub fn changes(&self) -> usize {
        self.paths.len() + usize::from(self.any)
    }

    /// Every way in which a table's name may be understood: `/schema.table`, and `/table` under the server's own search
    /// path. Names of the server's catalogue are found there first; of a later server's, which are not known, or an extension's, it may
    /// be either.
    pub fn readings(&self, schema: Option<&str>, name: &str) -> Vec<String> {
        match schema {
            None if catalogue::has(name) => vec![format!("/pg_catalog.{name}")],
            Some(schema) => vec![format!("/{schema}.{name}")],
            None => {
                let set = self.paths.iter().flatten().map(|schema| format!("/{schema}.{name}"));
                let any = self.any.then(|| format!("/?.{name}"));
                let own = name.starts_with("pg_").then(|| format!("/pg_catalog.{name}"));
                let mut all: Vec<String> =
                    std::iter::once(format!("/{name}")).chain(set).chain(any).chain(own).collect();
                all.dedup();
                all
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(name: &str, value: &[&str]) -> Setting {
        Setting { name: name.into(), value: Some(value.iter().map(|part| (*part).to_owned()).collect()) }
    }

    #[test]
    fn names_are_read_under_every_path() {
        let mut settings = Settings::default();
        assert_eq!(settings.readings(None, "t"), ["/t"]);
        assert_eq!(settings.readings(Some("s"), "t"), ["/s.t"]);
        assert_eq!(settings.readings(None, "pg_class"), ["/pg_catalog.pg_class"]);
        assert_eq!(settings.readings(Some("s"), "pg_x"), ["/s.pg_x"]);
        assert_eq!(
            settings.readings(None, "pg_stat_statements"),
            ["/pg_stat_statements", "/pg_catalog.pg_stat_statements"]
        );
        settings.follow(&setting("search_path", &["$user", "b"]), "ann");
        assert_eq!(settings.readings(None, "t"), ["/t", "/ann.t", "/b.t"]);
        settings.follow(&setting("search_path", &[]), "ann");
        assert_eq!(settings.readings(None, "t"), ["/t", "/ann.t", "/b.t"]);
    }

    #[test]
    fn paths_end_at_their_limit() {
        let mut settings = Settings::default();
        for number in 0..=MOST_PATHS {
            settings.follow(&setting("search_path", &[&number.to_string()]), "ann");
            assert_eq!(settings.readings(None, "t").contains(&"/?.t".to_owned()), number == MOST_PATHS);
        }
    }

    #[test]
    fn what_changes_the_reading_is_refused() {
        assert_eq!(change(&setting("standard_conforming_strings", &["off"])), Change::Refused);
        assert_eq!(change(&setting("standard_conforming_strings", &["ON"])), Change::Harmless);
        assert_eq!(change(&setting("client_encoding", &["GBK"])), Change::Refused);
        assert_eq!(change(&setting("client_encoding", &["'utf-8'"])), Change::Harmless);
        assert_eq!(change(&setting("search_path", &["a"])), Change::Asks);
        assert_eq!(change(&setting("role", &["postgres"])), Change::Asks);
        assert_eq!(change(&Setting { name: "any".into(), value: None }), Change::Refused);
        for value in ["off", "F", "0", "no", "Shift_JIS"] {
            assert_eq!(change(&setting("any", &[value])), Change::Refused, "{value}");
        }
        assert_eq!(change(&setting("any", &["view", "foreign-table"])), Change::Asks);
        assert!(HARMLESS.is_sorted());
    }
}
