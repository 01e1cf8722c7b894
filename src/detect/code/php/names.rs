//! Names that only PHP has: its global arrays, its settings, its functions that run or load what they are given.

use crate::canon::cursor::{self, Cursor};

/// `_SERVER[x]`, `GLOBALS[x]`, `$_COOKIE` as the name of a parameter.
pub(super) fn names_a_global(name: &[u8]) -> bool {
    let bare = name.strip_prefix(b"$").unwrap_or(name);
    let global =
        [&b"_SERVER"[..], b"_GET", b"_POST", b"_REQUEST", b"_COOKIE", b"_FILES", b"_ENV", b"_SESSION", b"GLOBALS"];
    let found = global.iter().find_map(|global| bare.strip_prefix(*global));
    found.is_some_and(|rest| rest.starts_with(b"[") || rest.is_empty() && bare.len() < name.len())
}

/// `$_POST`, `$GLOBALS`, `$argv`, alone or with what follows a variable: one of the interpreter's own.
pub(super) fn begins_with_variable(bytes: &[u8]) -> bool {
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
pub(super) fn is_telling_name(bytes: &[u8]) -> bool {
    let name = bytes.trim_ascii();
    name.contains(&b'_') && (is_function(name) || cursor::is_one_of(name, RUNNING))
}

/// `print_r( )`: nothing but a call of a function whose name no other language has.
pub(super) fn is_telling_call(bytes: &[u8]) -> bool {
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
pub(super) fn is_setting(bytes: &[u8]) -> bool {
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

/// Functions of PHP that read, write, load or call what their variables name, sorted.
pub(super) const HANDLED: &[&str] = &[
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

pub(super) fn is_function(name: &[u8]) -> bool {
    cursor::is_one_of(name, FUNCTIONS)
}

/// A byte of a name.
pub(super) fn is_name(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(FUNCTIONS.is_sorted() && SETTINGS.is_sorted() && HANDLED.is_sorted() && RUNNING.is_sorted());
    }
}
