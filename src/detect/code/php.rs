//! PHP where it has spellings that no table of names holds: calls through variables, strings and brackets, opening tags
//! with blanks in them, settings of the interpreter, the names of its global arrays.

use super::Finding;
use crate::canon::cursor::{self, Cursor};
use crate::detect::context::Strength::{self, Certain, Strong};
use crate::flow::{Part, Place};
use std::borrow::Cow;

/// The clearest sign in a part.
pub(super) fn find(part: &Part<'_>) -> Option<Finding> {
    let bytes = part.canonical.as_ref();
    let named = matches!(part.place, Place::QueryName | Place::FormName | Place::CookieName);
    let whole = |strength, name| Finding { strength, name, at: 0, end: bytes.len() };
    if named && names_a_global(bytes) {
        return Some(whole(Certain, "code-php-global"));
    }
    if is_setting(bytes) {
        return Some(whole(Strong, "code-php-setting"));
    }
    if begins_with_variable(bytes) || is_telling_name(bytes) || is_telling_call(bytes) {
        return Some(whole(Strong, "code-php"));
    }
    opening(bytes).or_else(|| parted_call(bytes)).or_else(|| variable_call(bytes))
}

/// `exec /* … */ (…)`, `exec⏎(…)`: a comment or a line break where only the interpreter does not see it.
fn parted_call(bytes: &[u8]) -> Option<Finding> {
    let comment = cursor::find_exact(bytes, b"/*").filter(|at| *at > 0);
    let at = comment.or_else(|| cursor::find_exact(bytes, b"\n("))?;
    let before = bytes.get(..at)?.trim_ascii_end();
    let name = before.iter().rev().take(WINDOW).take_while(|b| is_name(b)).count();
    let mut cursor = Cursor::new(bytes, at);
    for _ in 0..8 {
        cursor.take_while(|b| b.is_ascii_whitespace());
        if !cursor.eat(b"/*") {
            break;
        }
        cursor.skip(memchr::memmem::find(cursor.rest(), b"*/").map_or(usize::MAX, |at| at + 2));
    }
    let called = cursor.eat(b"(") && is_function(before.get(before.len() - name..)?);
    called.then_some(Finding { strength: Certain, name: "code-php", at: before.len() - name, end: cursor.at() })
}

/// `_SERVER[x]`, `GLOBALS[x]`, `$_COOKIE` as the name of a parameter.
fn names_a_global(name: &[u8]) -> bool {
    let bare = name.strip_prefix(b"$").unwrap_or(name);
    let global =
        [&b"_SERVER"[..], b"_GET", b"_POST", b"_REQUEST", b"_COOKIE", b"_FILES", b"_ENV", b"_SESSION", b"GLOBALS"];
    let found = global.iter().find_map(|global| bare.strip_prefix(*global));
    found.is_some_and(|rest| rest.starts_with(b"[") || rest.is_empty() && bare.len() < name.len())
}

/// `$_POST`, `$GLOBALS`, `$argv`, alone or with what follows a variable: one of the interpreter's own.
fn begins_with_variable(bytes: &[u8]) -> bool {
    const OWN: &[&str] = &[
        "_COOKIE",
        "_ENV",
        "_FILES",
        "_GET",
        "_POST",
        "_REQUEST",
        "_SERVER",
        "_SESSION",
        "GLOBALS",
        "HTTP_COOKIE_VARS",
        "HTTP_ENV_VARS",
        "HTTP_GET_VARS",
        "HTTP_POST_FILES",
        "HTTP_POST_VARS",
        "HTTP_RAW_POST_DATA",
        "HTTP_SERVER_VARS",
        "HTTP_SESSION_VARS",
        "argc",
        "argv",
        "http_response_header",
        "php_errormsg",
    ];
    let Some(rest) = bytes.trim_ascii_start().strip_prefix(b"$") else { return false };
    let name = rest.iter().take_while(|b| is_name(b)).count();
    let ends = matches!(rest.get(name), None | Some(b'[' | b'{' | b';' | b'-' | b' ' | b')'));
    let name = rest.get(..name).unwrap_or_default();
    ends && OWN.iter().any(|own| own.as_bytes() == name)
}

/// `call_user_func`: the name of a function that runs what it is given, as all of a value; no word of any text.
fn is_telling_name(bytes: &[u8]) -> bool {
    let name = bytes.trim_ascii();
    name.contains(&b'_') && (is_function(name) || cursor::is_one_of(name, RUNNING))
}

/// `print_r( )`: nothing but a call of a function whose name no other language has.
fn is_telling_call(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii();
    let text = text.strip_suffix(b";").unwrap_or(text);
    let name = text.iter().take_while(|b| is_name(b)).count();
    let (name, rest) = text.split_at_checked(name).unwrap_or_default();
    rest.starts_with(b"(") && rest.ends_with(b")") && is_telling_name(name)
}

/// Functions that run or load what they are given, besides those of [`FUNCTIONS`], sorted.
const RUNNING: &[&str] = &[
    "array_walk_recursive",
    "call_user_func_array",
    "call_user_method",
    "call_user_method_array",
    "forward_static_call",
    "forward_static_call_array",
    "get_defined_functions",
    "get_defined_vars",
    "include_once",
    "mb_ereg_replace_callback",
    "move_uploaded_file",
    "pcntl_exec",
    "pcntl_fork",
    "preg_replace_callback",
    "register_shutdown_function",
    "register_tick_function",
    "require_once",
    "set_exception_handler",
    "spl_autoload_register",
    "unserialize_callback_func",
];

/// Settings that change what the interpreter loads or lets run, sorted.
const SETTINGS: &[&str] = &[
    "allow_url_fopen",
    "allow_url_include",
    "arg_separator.output",
    "assert.callback",
    "auto_append_file",
    "auto_prepend_file",
    "date.timezone",
    "default_socket_timeout",
    "disable_classes",
    "disable_functions",
    "display_errors",
    "enable_dl",
    "error_log",
    "error_reporting",
    "exif.encode_jis",
    "expose_php",
    "extension_dir",
    "file_uploads",
    "html_errors",
    "implicit_flush",
    "include_path",
    "log_errors",
    "mail.log",
    "max_execution_time",
    "max_input_time",
    "max_input_vars",
    "memory_limit",
    "opcache.preload",
    "open_basedir",
    "output_buffering",
    "output_handler",
    "post_max_size",
    "register_globals",
    "safe_mode",
    "sendmail_path",
    "session.save_handler",
    "session.save_path",
    "session.upload_progress",
    "unserialize_callback_func",
    "upload_max_filesize",
    "upload_tmp_dir",
    "user_ini.filename",
    "variables_order",
    "zend_extension",
    "zlib.output_compression",
];

/// `auto_prepend_file = /tmp/x`, alone or behind `-d`.
fn is_setting(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes, 0);
    cursor.eat(b"-d");
    cursor.blanks();
    let name = cursor.take_up_to(32, |b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.'));
    cursor.blanks();
    cursor.eat(b"=") && (cursor::is_one_of(name, SETTINGS) || is_module_setting(name))
}

/// `opcache.preload`: a setting of one of the interpreter's modules.
fn is_module_setting(name: &[u8]) -> bool {
    const MODULES: &[&str] = &[
        "assert", "exif", "mbstring", "mysqli", "oci8", "opcache", "pcre", "pgsql", "phar", "session", "soap",
        "suhosin", "tidy", "xdebug", "zend", "zlib",
    ];
    let Some(dot) = name.iter().position(|b| *b == b'.') else { return false };
    let (module, setting) = name.split_at_checked(dot).unwrap_or_default();
    cursor::is_one_of(module, MODULES) && setting.len() >= 4
}

/// `<?` with code behind it: not `<?xml version`, not a processing instruction of XML.
fn opening(bytes: &[u8]) -> Option<Finding> {
    let at = cursor::find_exact(bytes, b"<?")?;
    let mut cursor = Cursor::new(bytes, at + 2);
    let declares = cursor.eat(b"xml");
    if cursor.blanks() == 0 {
        return None;
    }
    let xml = [&b"version"[..], b"encoding", b"standalone"].iter().any(|word| cursor.sees(word));
    let word = cursor.take_up_to(24, |b| b.is_ascii_alphabetic() || b == b'_');
    let code =
        declares && !xml || !declares && matches!(cursor.peek(), Some(b'(' | b' ' | b'\t' | b'"' | b'\'' | b'$'));
    (code && (declares || !word.is_empty())).then_some(Finding {
        strength: Strong,
        name: "code-php",
        at,
        end: cursor.at(),
    })
}

/// PHP's calls by another name: `$x(…)`, `$_[…](…)`, `"system"("id")`, `(system)(ls)`, `['x'][0](…)`, `$ {x}`.
fn variable_call(bytes: &[u8]) -> Option<Finding> {
    let text = uncommented(bytes);
    let found = |strength| Finding { strength, name: "code-variable-call", at: 0, end: bytes.len() };
    if spaced_variable(&text) {
        return Some(found(Strong));
    }
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'(', text.get(from..)?).map(|at| from + at) {
        from = at + 1;
        let before = text.get(at.saturating_sub(WINDOW)..at).unwrap_or_default().trim_ascii_end();
        let argument = text.get(at + 1..).unwrap_or_default().trim_ascii_start();
        if takes_variable(before, argument) || is_of_family(before) {
            return Some(found(Strong));
        }
        if let Some(strength) = callee(before, at <= WINDOW) {
            return Some(found(strength));
        }
    }
    None
}

/// `unpack($x`: a function of PHP that changes what the program does, given a variable.
fn takes_variable(before: &[u8], argument: &[u8]) -> bool {
    let variable =
        argument.first() == Some(&b'$') && argument.get(1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    let length = before.iter().rev().take_while(|b| is_name(b)).count();
    let (ahead, name) = before.split_at_checked(before.len() - length).unwrap_or_default();
    variable && !matches!(ahead.last(), Some(b'$' | b'>' | b'.' | b':')) && cursor::is_one_of(name, HANDLED)
}

/// `posix_getpwuid(`, `ini_restore(`: a function by the prefix of its family, which only PHP has.
fn is_of_family(before: &[u8]) -> bool {
    const FAMILIES: &[&str] = &[
        "apache_",
        "bzdecompress",
        "curl_",
        "escapeshell",
        "ftp_",
        "get_cfg_var",
        "get_current_user",
        "get_defined_",
        "get_include_path",
        "getmygid",
        "getmyinode",
        "getmypid",
        "getmyuid",
        "gzdecode",
        "gzinflate",
        "gzuncompress",
        "ini_",
        "mysqli_",
        "ob_",
        "opcache_",
        "parse_ini_",
        "pcntl_",
        "php_",
        "phpcredits",
        "phpinfo",
        "phpversion",
        "posix_",
        "proc_",
        "runkit_",
        "session_",
        "shell_",
        "spl_",
        "stream_",
        "sys_get",
        "zend_version",
    ];
    let length = before.iter().rev().take_while(|b| is_name(b)).count();
    let (ahead, name) = before.split_at_checked(before.len() - length).unwrap_or_default();
    let free = !matches!(ahead.last(), Some(b'$' | b'>' | b'.' | b':' | b'@'));
    let spoken = name.ends_with(b"_") || name.len() < 6;
    free && !spoken && FAMILIES.iter().any(|family| cursor::starts_with(name, family.as_bytes()))
}

/// Functions of PHP that read, write, load or call what their variables name, sorted.
const HANDLED: &[&str] = &[
    "array_filter",
    "array_walk",
    "assert",
    "call_user_func",
    "create_function",
    "dl",
    "eval",
    "exec",
    "extract",
    "fopen",
    "forward_static_call",
    "fputs",
    "fwrite",
    "getenv",
    "glob",
    "gzinflate",
    "gzuncompress",
    "include",
    "include_once",
    "ini_get",
    "ini_set",
    "is_callable",
    "iterator_apply",
    "mb_parse_str",
    "move_uploaded_file",
    "ob_start",
    "opendir",
    "pack",
    "parse_str",
    "passthru",
    "phpinfo",
    "popen",
    "posix_kill",
    "preg_replace_callback",
    "proc_open",
    "putenv",
    "readfile",
    "register_shutdown_function",
    "register_tick_function",
    "require",
    "require_once",
    "set_error_handler",
    "shell_exec",
    "show_source",
    "simplexml_load_file",
    "spl_autoload_register",
    "str_rot13",
    "stream_context_create",
    "system",
    "uasort",
    "uksort",
    "unlink",
    "unpack",
    "unserialize",
    "usort",
];

/// Bytes looked at before a parenthesis.
const WINDOW: usize = 48;

/// The text without comments, when it has any that begin behind a variable.
fn uncommented(bytes: &[u8]) -> Cow<'_, [u8]> {
    let commented = bytes.starts_with(b"$")
        && bytes.len() < 512
        && [&b"/*"[..], b"//", b"#"].iter().any(|mark| memchr::memmem::find(bytes, mark).is_some());
    if !commented {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len());
    let mut cursor = Cursor::new(bytes, 0);
    while let Some(byte) = cursor.peek() {
        if cursor.eat(b"/*") {
            cursor.skip(memchr::memmem::find(cursor.rest(), b"*/").map_or(usize::MAX, |at| at + 2));
        } else if cursor.eat(b"//") || cursor.eat(b"#") {
            cursor.take_while(|b| b != b'\n');
        } else {
            text.push(byte);
            cursor.skip(1);
        }
    }
    Cow::Owned(text)
}

/// `$   {x}`: blanks between the sigil and its braces.
fn spaced_variable(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text, 0);
    cursor.eat(b"$") && cursor.blanks() > 0 && cursor.eat(b"{")
}

fn is_name(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80
}

/// How clearly what stands before a parenthesis is a function by another name. `first`: nothing stands before it.
fn callee(before: &[u8], first: bool) -> Option<Strength> {
    let (base, groups) = without_groups(before)?;
    match base.split_last() {
        Some((quote @ (b'\'' | b'"'), text)) => {
            let start = memchr::memrchr(*quote, text)?;
            let inner = text.get(start + 1..)?.trim_ascii();
            (inner.iter().all(is_name) && is_function(inner)).then_some(Certain)
        }
        Some((b')', inner)) => {
            let start = memchr::memrchr(b'(', inner)?;
            let word = inner.get(start + 1..)?;
            let bare: Vec<u8> =
                word.iter().copied().filter(|b| !matches!(b, b'\'' | b'"' | b'.' | b' ' | b'[' | b']')).collect();
            if is_function(&bare) { Some(Certain) } else { (groups >= 2 && first).then_some(Strong) }
        }
        Some((last, _)) if is_name(last) => {
            let start = base.iter().rposition(|b| !is_name(b))?;
            let word = base.get(start + 1..)?;
            let sigil = base.get(start) == Some(&b'$');
            let odd = word.iter().all(|b| *b == b'_') && word.len() >= 2
                || groups > 0
                || start > 0 && base.get(start - 1) == Some(&b'$');
            let of_class = base.get(..start).is_some_and(|class| class.ends_with(b"::"));
            let alone = first && (start == 0 || of_class) && !word.first().is_some_and(u8::is_ascii_digit);
            (sigil && (odd && first || alone)).then_some(Strong)
        }
        Some((b'$', _)) if groups > 0 => computed_name(before).then_some(Strong),
        None if groups >= 2 && first => Some(Strong),
        _ => None,
    }
}

/// What is left of a callee without its indices, `$x[0]{1}` to `$x`, and how many there were (at most four).
fn without_groups(before: &[u8]) -> Option<(&[u8], usize)> {
    let mut base = before.trim_ascii_end();
    for groups in 0..4 {
        let opener = match base.last() {
            Some(b']') => b'[',
            Some(b'}') => b'{',
            _ => return Some((base, groups)),
        };
        let at = memchr::memrchr(opener, base)?;
        base = base.get(..at)?.trim_ascii_end();
    }
    None
}

/// `${@$x}`, `${'a'.'b'}`: a name that is computed; `${name}` is a placeholder of many languages.
fn computed_name(before: &[u8]) -> bool {
    let start = memchr::memrchr(b'{', before).and_then(|at| before.get(at + 1..)).unwrap_or_default();
    start.iter().any(|b| matches!(b, b'$' | b'@' | b'\'' | b'"' | b'~' | b'^'))
}

/// Functions of PHP that run what they are given, sorted.
const FUNCTIONS: &[&str] = &[
    "assert",
    "base64_decode",
    "call_user_func",
    "create_function",
    "eval",
    "exec",
    "file_get_contents",
    "file_put_contents",
    "passthru",
    "phpinfo",
    "popen",
    "print_r",
    "proc_open",
    "readfile",
    "shell_exec",
    "show_source",
    "system",
    "unlink",
    "var_dump",
];

fn is_function(name: &[u8]) -> bool {
    cursor::is_one_of(name, FUNCTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(place: Place, text: &str) -> bool {
        find(&Part::plain(place, b"q", text.as_bytes())).is_some()
    }

    #[test]
    fn calls_by_another_name_are_found() {
        for text in [
            "$f(1)",
            "$_[0]('x')",
            "$$f(1)",
            "'system'('id')",
            "(sys.tem)(id)",
            "(f)[0][0]('x')",
            "$ {f}",
            "${@$f}(1)",
            "$f /* x */ (1)",
            "$__(1)",
            "(['system'])[0]('id')",
            "Shop::$name()",
            "exec\n('id')",
        ] {
            assert!(finds(Place::QueryValue, text), "{text}");
        }
    }

    #[test]
    fn other_parentheses_are_nothing() {
        for text in [
            "$(this)",
            "f(x)[0]",
            "[text](link)",
            "${name}(1)",
            "$5 (net)",
            "a $b(c)",
            "\"said\" (he)",
            "x[0](y)",
            "list\n(two)",
        ] {
            assert!(!finds(Place::QueryValue, text), "{text}");
        }
    }

    #[test]
    fn opening_tags_are_no_declarations() {
        assert!(finds(Place::QueryValue, "<? \techo 1") && finds(Place::QueryValue, "<?xml :echo 1;"));
        assert!(!finds(Place::QueryValue, "<?xml version=\"1.0\"?>") && !finds(Place::QueryValue, "what <?"));
    }

    #[test]
    fn functions_and_variables_are_told_by_their_names() {
        for text in
            ["$_POST", "$GLOBALS['x']", "$argv;", "call_user_func_array", "posix_getpwuid(0)", "ini_restore ('x')"]
        {
            assert!(finds(Place::FormValue, text), "{text}");
        }
        for text in ["gzInflate($x)", "print_r( )"] {
            assert!(finds(Place::QueryValue, text), "{text}");
        }
        for text in
            ["$_POSTS", "$args", "see call_user_func", "$x.ini_get(1)", "no more print_r()", "job_(x)", "zend.x"]
        {
            assert!(!finds(Place::FormValue, text), "{text}");
        }
    }

    #[test]
    fn settings_are_found() {
        assert!(finds(Place::FormValue, "opcache.preload=/tmp/a") && !finds(Place::FormValue, "date.x=1"));
        assert!(
            finds(Place::QueryValue, "-d allow_url_include=1") && finds(Place::FormValue, "auto_prepend_file = /tmp/a")
        );
        assert!(!finds(Place::FormValue, "memory_limits are set"));
    }

    #[test]
    fn global_arrays_are_no_parameters() {
        assert!(finds(Place::QueryName, "_SERVER[DOCUMENT_ROOT]") && finds(Place::FormName, "$_COOKIE"));
        assert!(!finds(Place::QueryName, "_get") && !finds(Place::QueryValue, "GLOBALS"));
    }

    #[test]
    fn tables_are_sorted() {
        assert!(FUNCTIONS.is_sorted() && SETTINGS.is_sorted() && HANDLED.is_sorted() && RUNNING.is_sorted());
    }
}
