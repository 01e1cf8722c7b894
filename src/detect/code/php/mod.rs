//! PHP where it has spellings that no table of names holds: calls through variables, strings and brackets, opening tags
//! with blanks in them, settings of the interpreter, the names of its global arrays.

mod calls;
mod names;

use super::Finding;
use crate::canon::cursor::{self, Cursor};
use crate::detect::context::Strength::{Certain, Strong};
use crate::flow::{Part, Place};
use calls::{parted_call, variable_call};
use names::{begins_with_variable, is_setting, is_telling_call, is_telling_name, names_a_global};

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
}
