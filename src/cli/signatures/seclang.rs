//! SecLang as ModSecurity and Coraza read it, as far as a rule must be understood to be converted: directives over
//! several lines, `SecRule VARIABLES "OPERATOR" "ACTIONS"`, chains.

/// One `SecRule`.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    /// Where it looks: `ARGS`, `REQUEST_HEADERS:User-Agent`, `!REQUEST_COOKIES:/x/`.
    pub(super) variables: Vec<String>,
    /// `rx`, `pm`, `contains`, in lower case.
    pub(super) operator: String,
    /// Whether it matches where the operator does not.
    pub(super) negated: bool,
    /// What the operator is given.
    pub(super) argument: String,
    /// Each action with its value, as written.
    pub(super) actions: Vec<(String, String)>,
    /// It goes on with the next rule, or continues the one before.
    pub(super) chained: bool,
    /// The line on which it begins, from 1.
    pub(super) line: usize,
}

impl Rule {
    /// The value of the first action of this name.
    pub(super) fn action(&self, name: &str) -> Option<&str> {
        let found = self.actions.iter().find(|(action, _)| action.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The values of every action of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.actions
            .iter()
            .filter(move |(action, _)| action.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Every `SecRule` of a text; other directives are passed over.
pub(super) fn rules(text: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut continues = false;
    for (line, directive) in directives(text) {
        let words = words(&directive);
        let [name, variables, operator, rest @ ..] = words.as_slice() else { continue };
        if !name.eq_ignore_ascii_case("SecRule") {
            continue;
        }
        let (operator, negated, argument) = operation(operator);
        let actions = rest.first().map(|text| actions(text)).unwrap_or_default();
        let goes_on = actions.iter().any(|(name, _)| name == "chain");
        let variables = variables.split('|').map(str::to_owned).collect();
        let chained = continues || goes_on;
        rules.push(Rule { variables, operator, negated, argument, actions, chained, line });
        continues = goes_on;
    }
    rules
}

/// Each directive with the line it begins on; a backslash at the end of a line continues it.
fn directives(text: &str) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if open.is_none() && (line.is_empty() || line.starts_with('#')) {
            continue;
        }
        let (start, mut directive) = open.take().unwrap_or((number + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(line) => {
                directive.push_str(line);
                open = Some((start, directive));
            }
            None => {
                directive.push_str(line);
                all.push((start, directive));
            }
        }
    }
    all.extend(open);
    all
}

/// The words of a directive; a quoted one may hold blanks and, behind a backslash, its own quote.
fn words(directive: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = directive.trim_start();
    while let Some(first) = rest.chars().next() {
        let quote = Some(first).filter(|first| matches!(first, '"' | '\''));
        let mut word = String::new();
        let mut chars = rest.char_indices().skip(usize::from(quote.is_some()));
        let mut end = rest.len();
        while let Some((at, character)) = chars.next() {
            match character {
                '\\' if quote.is_some() && rest.get(at + 1..).and_then(|rest| rest.chars().next()) == quote => {
                    word.extend(chars.next().map(|(_, escaped)| escaped));
                }
                _ if Some(character) == quote || quote.is_none() && character.is_whitespace() => {
                    end = at + character.len_utf8();
                    break;
                }
                _ => word.push(character),
            }
        }
        words.push(word);
        rest = rest.get(end..).unwrap_or_default().trim_start();
    }
    words
}

/// `!@rx x` → `rx`, negated, `x`. Without an operator it is an expression.
fn operation(text: &str) -> (String, bool, String) {
    let (negated, text) = match text.strip_prefix('!') {
        Some(text) => (true, text.trim_start()),
        None => (false, text),
    };
    let Some(named) = text.strip_prefix('@') else { return ("rx".to_owned(), negated, text.to_owned()) };
    let (name, argument) = named.split_once(char::is_whitespace).unwrap_or((named, ""));
    (name.to_ascii_lowercase(), negated, argument.trim().to_owned())
}

/// `id:1,t:none,msg:'a, b'`, parted at the commas outside of quotes.
fn actions(text: &str) -> Vec<(String, String)> {
    let mut quoted = false;
    let parts = text.split(|character| {
        quoted ^= character == '\'';
        character == ',' && !quoted
    });
    let action = |part: &str| {
        let (name, value) = part.trim().split_once(':').unwrap_or((part.trim(), ""));
        (name.to_owned(), value.trim().trim_matches('\'').to_owned())
    };
    parts.map(action).filter(|(name, _)| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_over_several_lines_is_read() {
        let text = "# a comment\nSecRule ARGS|!ARGS:x \"@rx a\\\"b\\s c\" \\\n    \"id:7,\\\n    phase:2,msg:'one, two',t:none,chain\"\n    SecRule ARGS y\n";
        let rules = rules(text);
        let [first, second] = rules.as_slice() else { panic!("{rules:?}") };
        assert_eq!((first.line, first.operator.as_str(), first.argument.as_str()), (2, "rx", "a\"b\\s c"));
        assert_eq!(first.variables, ["ARGS", "!ARGS:x"]);
        assert_eq!((first.action("id"), first.action("msg")), (Some("7"), Some("one, two")));
        assert!(first.chained && second.chained && second.argument == "y");
    }

    #[test]
    fn negation_is_seen() {
        assert_eq!(operation("!@streq GET"), ("streq".to_owned(), true, "GET".to_owned()));
    }
}
