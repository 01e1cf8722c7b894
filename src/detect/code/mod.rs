//! Programs and objects of the languages that applications are written in: PHP, Java, JavaScript, Python, Ruby, .NET.
//! Code is an attack where a value would be evaluated or an object revived; the same code in a document about programs
//! is not, so everything but the unmistakable weighs by its surroundings.
//!
//! Steps: at most 4 for each byte.

mod objects;
mod php;

use super::context::Strength::{Certain, Strong, Weak};
use super::finding::Finding;
use super::literals::{Idiom, Idioms, compile};
use super::{Detector, Wake};
use crate::canon::cursor;
use crate::flow::{Found, Fuel, Part, Place};
use objects::{class_name, object, prototype};

/// The registered detector.
pub(super) static CODE: Code = Code;

/// Looks for programs, revived objects and polluted prototypes.
#[derive(Debug)]
pub(super) struct Code;

const NAME: &str = "code";

impl Detector for Code {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes(&self) -> Wake {
        Wake { literals: LITERALS, bytes: &["$()", "<?", "$[]", "${ }", "\u{80}\0"] }
    }

    fn reads_binaries(&self) -> bool {
        true
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let bytes = part.canonical.as_ref();
        if fuel.spend(4 * bytes.len()).is_err() {
            return;
        }
        let readings =
            [object(bytes), prototype(part), class_name(bytes), php::find(part), calls(bytes), endless_loop(bytes)];
        let Some(best) = Finding::clearest(readings.into_iter().flatten()) else { return };
        if part.place == Place::BodyOpaque && best.name != "code-object" {
            return;
        }
        best.report(NAME, part, found);
    }
}

const LITERALS: &[&str] = &[
    "<?p",
    "<?=",
    "<? ",
    "system",
    "exec",
    "eval",
    "assert",
    "phpinfo",
    "base64_",
    "passthru",
    "popen",
    "proc_open",
    "print(",
    "echo",
    "call_user",
    "create_function",
    "file_get",
    "file_put",
    "fsockopen",
    "preg_replace",
    "$_get",
    "$_post",
    "$_request",
    "$_server",
    "$_cookie",
    "$_files",
    "globals",
    "__proto__",
    "prototype",
    "child_process",
    "process.",
    "require(",
    "__import__",
    "__builtins__",
    "subprocess",
    "pickle",
    "marshal",
    "unserialize",
    "ro0a",
    "aced0005",
    "o:1",
    "o:2",
    "o:3",
    "o:4",
    "o:5",
    "o:6",
    "o:7",
    "o:8",
    "o:9",
    "c:1",
    "aaeaaad",
    "nd_func",
    "!!python",
    "!!java",
    "!!ruby",
    "!ruby/",
    "$type",
    "java.",
    "javax.",
    "com.sun",
    "org.apache.commons",
    "runtime",
    "processbuilder",
    "createobject",
    "wscript",
    "response.write",
    "kernel.",
    "chr(",
    "posix_",
    "pcntl_",
    "ini_",
    "curl_",
    "ftp_",
    "stream_",
    "session_",
    "mysqli_",
    "getmy",
    "get_cur",
    "get_cfg",
    "phpvers",
    "phpcred",
    "zend_v",
    "sys_get",
    "escapeshell",
    "parse_ini",
    "opcache_",
    "apache_",
    "shell_",
    "require_once",
    "include_once",
    "_callback",
    "_function",
    "$argv",
    "$argc",
    "$http_",
    "$_session",
    "$_env",
    "$_serv",
    "mbstring.",
    "xdebug.",
    "suhosin.",
    "phar.",
    "php_uname",
    "getmypid",
    "_basedir",
    "memory_limit",
    "_errors",
    "session.save",
    "max_exec",
    "max_input",
    "error_report",
    "post_max",
    "upload_max",
    "output_buff",
    "expose_php",
    "zlib.output",
    "opcache.",
    "register_g",
    "_server[",
    "_functions",
    "gzinflate",
    "gzuncompress",
    "gzdecode",
    "bzdecompress",
    "print_r",
    "var_dump",
    "str_rot13",
    "auto_prepend",
    "allow_url",
    "define(",
    "(system)",
    "jdbcrowset",
    "ysoserial",
    "get_defined",
    "array_map",
    "usort(",
    "gasv",
    "xstream",
    "cglib",
    "beanshell",
    "invokertransformer",
    "constructor",
    "__js_function",
    "@{[",
    "while(",
    "console.",
    "data:,",
    "smtp=",
    "{php}",
    "ini_set",
    "highlight_file",
    "show_source",
    "readfile(",
    "scandir(",
    "curl_exec",
    "move_uploaded",
    "/e', ",
    "<?xml :",
    "global.process",
    "require.main",
    "spawnsync(",
    "filesync(",
    "readdirsync(",
    "%x{",
    "clonetransformer",
    "forclosure",
    "instantiate",
    "whileclosure",
    "templatesimpl",
    "objectdataprovider",
    "windowsidentity",
    "request(",
];

#[rustfmt::skip] // a table
const TABLE: &[Idiom] = &[
    ("<?php", Strong, "code-php"), ("<?=", Strong, "code-php"), ("<? system", Certain, "code-php"),
    ("<? eval", Certain, "code-php"), ("<? echo", Strong, "code-php"), ("<? phpinfo", Certain, "code-php"),
    ("passthru(", Strong, "code-php"), ("shell_exec(", Strong, "code-php"), ("proc_open(", Strong, "code-php"),
    ("pcntl_exec(", Certain, "code-php"), ("phpinfo(", Strong, "code-php"), ("assert($_", Certain, "code-php"),
    ("system('", Strong, "code-call"), ("system(\"", Strong, "code-call"), ("system($", Strong, "code-call"),
    ("system(id", Strong, "code-call"), ("system(ls", Strong, "code-call"), ("system(whoami", Strong, "code-call"),
    ("system(chr", Strong, "code-call"), ("system(print", Strong, "code-call"), ("system(cat", Strong, "code-call"),
    ("popen(", Strong, "code-call"), ("exec('", Strong, "code-call"), ("exec(\"", Strong, "code-call"),
    ("exec(`", Strong, "code-call"), ("exec($", Strong, "code-call"), ("create_function(", Strong, "code-php"),
    ("call_user_func", Strong, "code-php"), ("base64_decode(", Strong, "code-php"),
    ("gzinflate(", Strong, "code-php"), ("str_rot13(", Strong, "code-php"),
    ("file_get_contents(", Strong, "code-php"), ("file_put_contents(", Strong, "code-php"),
    ("fsockopen(", Strong, "code-php"), ("highlight_file(", Strong, "code-php"), ("show_source(", Strong, "code-php"),
    ("readfile(", Strong, "code-php"), ("scandir(", Strong, "code-php"), ("get_defined_vars(", Strong, "code-php"),
    ("get_defined_functions(", Strong, "code-php"), ("curl_exec(", Strong, "code-php"),
    ("move_uploaded_file(", Strong, "code-php"), ("ini_set(", Strong, "code-php"),
    ("unserialize(", Strong, "code-php"), ("chr(", Strong, "code-php"), ("posix_get", Strong, "code-php"),
    ("php_uname(", Strong, "code-php"), ("getmypid(", Strong, "code-php"), ("array_map(", Weak, "code-php"),
    ("var_dump(", Weak, "code-php"), ("$_get[", Strong, "code-php"), ("$_post[", Strong, "code-php"),
    ("$_request[", Strong, "code-php"), ("$_server[", Strong, "code-php"), ("$_cookie[", Strong, "code-php"),
    ("$_files[", Strong, "code-php"), ("$globals[", Strong, "code-php"), ("$_cookie", Weak, "code-php"),
    ("$_get{", Strong, "code-php"), ("print(`", Certain, "code-php"), ("${@print(", Certain, "code-php"),
    ("{@print(", Certain, "code-php"), ("${@system", Certain, "code-php"), ("eval(base64", Certain, "code-php"),
    ("eval($_", Certain, "code-php"), ("eval('", Strong, "code-call"), ("eval(\"", Strong, "code-call"),
    ("eval(compile(", Certain, "code-python"), ("/e', ", Weak, "code-php"), ("auto_prepend_file", Strong, "code-php"),
    ("allow_url_include", Strong, "code-php"), ("preg_replace(", Weak, "code-php"), ("{php}", Strong, "code-php"),
    ("<?xml :", Certain, "code-php"), ("__import__(", Strong, "code-python"), ("__builtins__", Strong, "code-python"),
    ("os.system(", Strong, "code-python"), ("os.popen(", Strong, "code-python"),
    ("subprocess.popen", Strong, "code-python"), ("subprocess.call(", Strong, "code-python"),
    ("subprocess.check_output(", Strong, "code-python"), ("subprocess.run(", Strong, "code-python"),
    ("pickle.loads(", Strong, "code-python"), ("cos\nsystem", Certain, "code-object"),
    ("cposix\nsystem", Certain, "code-object"), ("c__builtin__\neval", Certain, "code-object"),
    ("require('child_process')", Certain, "code-javascript"),
    ("require(\"child_process\")", Certain, "code-javascript"), ("child_process", Strong, "code-javascript"),
    ("process.mainmodule", Certain, "code-javascript"), ("process.binding(", Certain, "code-javascript"),
    ("constructor._load", Certain, "code-javascript"), ("global.process", Strong, "code-javascript"),
    ("require.main", Strong, "code-javascript"), ("process.env", Weak, "code-javascript"),
    ("process.exit(", Weak, "code-javascript"), ("process.kill(", Strong, "code-javascript"),
    ("execsync(", Strong, "code-javascript"), ("spawnsync(", Strong, "code-javascript"),
    ("require('fs')", Strong, "code-javascript"), ("readfilesync(", Strong, "code-javascript"),
    ("readdirsync(", Strong, "code-javascript"), ("while(1)", Weak, "code-javascript"),
    ("while(true)", Weak, "code-javascript"), ("console.info", Strong, "code-javascript"),
    ("console.log(", Strong, "code-javascript"), ("kernel.exec", Strong, "code-ruby"),
    ("kernel.system", Strong, "code-ruby"), ("process.spawn(", Strong, "code-ruby"), ("io.popen(", Strong, "code-ruby"), ("%x{", Weak, "code-ruby"),
    ("kernel.open", Strong, "code-ruby"), ("createobject(", Strong, "code-asp"),
    ("wscript.shell", Strong, "code-asp"), ("response.write(", Strong, "code-asp"),
    ("execute(request", Certain, "code-asp"), ("eval request(", Certain, "code-asp"),
    ("eval(request", Certain, "code-asp"), ("_$$nd_func$$_", Certain, "code-object"),
    ("!!python/", Certain, "code-object"), ("!!javax.", Certain, "code-object"), ("!!java.", Strong, "code-object"),
    ("!!ruby/", Certain, "code-object"), ("!ruby/object", Certain, "code-object"),
    ("jdbcrowsetimpl", Certain, "code-object"), ("\"$type\":\"system.", Certain, "code-object"),
    ("\"$type\": \"system.", Certain, "code-object"), ("invokertransformer", Certain, "code-object"),
    ("clonetransformer", Certain, "code-object"), ("forclosure", Strong, "code-object"),
    ("instantiatefactory", Strong, "code-object"), ("instantiatetransformer", Certain, "code-object"),
    ("prototypeclonefactory", Certain, "code-object"), ("prototypeserializationfactory", Certain, "code-object"),
    ("whileclosure", Strong, "code-object"), ("templatesimpl", Strong, "code-object"),
    ("ysoserial", Certain, "code-object"), ("processbuilder.", Strong, "code-java"),
    (".processbuilder", Strong, "code-java"), ("new processbuilder(", Strong, "code-java"),
    ("objectdataprovider", Strong, "code-object"), ("windowsidentity, ", Weak, "code-object"),
    ("xstream", Weak, "code-object"), ("__js_function", Strong, "code-javascript"), ("@{[", Strong, "code-perl"),
];
static CALLS: Idioms = Idioms::new(TABLE, || compile(TABLE));

fn calls(bytes: &[u8]) -> Option<Finding> {
    CALLS
        .find(bytes)
        .into_iter()
        .filter(|idiom| is_whole(bytes, idiom.at) && is_called(bytes, idiom))
        .max_by_key(|finding| finding.strength)
}

/// `while(…);` and nothing else: a loop that only keeps its interpreter busy.
fn endless_loop(bytes: &[u8]) -> Option<Finding> {
    let text = bytes.trim_ascii();
    let text = text.strip_suffix(b"{}").unwrap_or(text);
    let text = text.strip_suffix(b";").unwrap_or(text).trim_ascii();
    let whole = text.len() <= 64 && cursor::starts_with(text, b"while(") && text.ends_with(b")");
    whole.then_some(Finding { strength: Strong, name: "code-javascript", at: 0, end: bytes.len() })
}

/// A name is not the end of another one: `filesystem(`, `my_exec(`.
fn is_whole(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| bytes.get(at)).copied();
    let letter = bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
    !letter || !before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The weakest of the names say something only with a number behind them, or where the value begins.
fn is_called(bytes: &[u8], idiom: &Finding) -> bool {
    match bytes.get(idiom.at..idiom.end) {
        Some(name) if name.eq_ignore_ascii_case(b"chr(") => bytes.get(idiom.end).is_some_and(u8::is_ascii_digit),
        Some(name) if cursor::starts_with(name, b"console.") => idiom.at == 0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(place: Place, value: &str) -> u32 {
        total_named(place, "q", value)
    }

    fn total_named(place: Place, name: &str, value: &str) -> u32 {
        let mut found = Found::default();
        CODE.inspect(&Part::plain(place, name.as_bytes(), value.as_bytes()), &mut found, &mut Fuel::new(1_000_000));
        found.total()
    }

    #[test]
    fn idioms_of_code_have_literals() {
        for (idiom, ..) in TABLE {
            assert!(LITERALS.iter().any(|literal| idiom.contains(literal)), "{idiom}");
        }
    }

    #[test]
    fn programs_are_attacks_as_values() {
        for value in [
            "Process.spawn('id')",
            "<?php system($_GET['c']); ?>",
            "system('id')",
            "'.print(`id`).'",
            "eval(base64_decode('aWQ='))",
            "\"system\"(\"id\")",
            "(sys.tem)(id)",
            "$__[@_](25)",
            "require('child_process').execSync('id')",
            "__import__('os').popen('id')",
            "java.lang.ProcessBuilder",
            "<%eval request(\"x\")%>",
            "exec /* x */ ('id')",
            "unpack($x)",
            "while(true);",
            "@{[system 'id']}",
            "$  {  NAME  }",
        ] {
            assert!(total(Place::QueryValue, value) >= 100, "{value}");
        }
    }

    #[test]
    fn revived_objects_are_attacks() {
        for value in [
            "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA==",
            "aced0005737200",
            "O:8:\"stdClass\":1:{s:1:\"a\";i:2;}",
            "a:1:{i:0;O:4:\"Evil\":0:{}}",
            "AAEAAAD/////AQAAAA",
            "{\"x\":\"_$$ND_FUNC$$_function(){}()\"}",
            "!!python/object/apply:os.system ['id']",
        ] {
            assert!(total(Place::QueryValue, value) >= 100, "{value}");
        }
    }

    #[test]
    fn polluted_prototypes_are_attacks() {
        assert!(total(Place::QueryValue, "{\"constructor\": {\"prototype\": {\"a\": 1}}}") >= 100);
        assert!(total(Place::QueryName, "__proto__[admin]") >= 100);
        assert!(total(Place::JsonKey, "__proto__") >= 100);
        assert!(total(Place::FormName, "constructor[prototype][a]") >= 100);
        assert!(total_named(Place::JsonKey, "constructor", "prototype") >= 100);
        assert!(total_named(Place::JsonKey, "product", "prototype") < 100);
        assert!(total(Place::BodyText, "{\"a\":{\"__proto__\":{\"b\":1}}}") >= 100);
    }

    #[test]
    fn ordinary_text_is_nothing() {
        for value in [
            "the file system (ext4) is full",
            "java.lang.NullPointerException",
            "my.package.Class",
            "O: 8 apples",
            "call f(x) and g(y)",
            "$5 (net)",
            "\"quoted\" (see below)",
            "the operating system(s)",
            "<?xml version=\"1.0\"?>",
            "prototype design",
            "CO:12:30",
            "filesystem('a')",
        ] {
            assert_eq!(total(Place::JsonValue, value), 0, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_within_their_fuel(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut fuel = Fuel::new(100_000);
            CODE.inspect(&Part::plain(Place::QueryValue, b"q", &bytes), &mut Found::default(), &mut fuel);
            prop_assert!(100_000 - fuel.left() <= bytes.len() as u64 * 5);
        }

        #[test]
        fn any_calls_are_read(text in "[$()\\[\\]{}@_'\"OC:0-9a. ]{0,200}") {
            CODE.inspect(&Part::plain(Place::QueryValue, b"q", text.as_bytes()), &mut Found::default(), &mut Fuel::new(10_000));
        }
    }
}
