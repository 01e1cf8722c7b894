//! What holds for any rules and any access: order means nothing, a denial never widens, a rule never narrows.

use super::*;
use proptest::prelude::*;

const RULES: &[&str] = &[
    "GET /a from any",
    "GET /a/{x} from shop/web",
    "ANY /{x}/b from shop/*",
    "POST /a/b from spiffe://prod.example/ns/*/sa/web",
    "GET /a/{rest...} from 192.0.2.0/24",
    "GET,PUT /{rest...} from ops/admin",
    "DELETE /a/b/ from any on 8080",
    "GET /b from any on 9090",
];
const DENIALS: &[&str] =
    &["ANY /a/b", "GET /A/{rest...} from shop/*", "DELETE /{x}", "ANY /b/{rest...} from any on 9090"];

fn allowlist(rules: &[usize], denials: &[usize]) -> Policy {
    let lines =
        |of: &[usize], all: &[&str]| of.iter().map(|at| format!("'{}'", all[*at])).collect::<Vec<_>>().join(", ");
    policy(&format!("inbound: [{}]\ndeny: [{}]\n", lines(rules, RULES), lines(denials, DENIALS)))
}

fn caller() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        "(shop|ops|x)/(web|admin)".prop_map(|who| {
            let (namespace, account) = who.split_once('/').unwrap();
            Some(format!("spiffe://prod.example/ns/{namespace}/sa/{account}"))
        })
    ]
}

fn some(of: usize) -> impl Strategy<Value = Vec<usize>> {
    proptest::sample::subsequence((0..of).collect::<Vec<_>>(), 1..=of).prop_shuffle()
}

proptest! {
    #[test]
    fn order_of_rules_means_nothing(
        rules in some(RULES.len()), denials in some(DENIALS.len()), who in caller(),
        method in "GET|HEAD|POST|DELETE|PUT|CONNECT", path in "(/[abA]?){1,3}",
    ) {
        let mut sorted = (rules.clone(), denials.clone());
        sorted.0.sort_unstable();
        sorted.1.sort_unstable();
        let (shuffled, sorted) = (allowlist(&rules, &denials), allowlist(&sorted.0, &sorted.1));
        prop_assert_eq!(grant(&shuffled, who.as_deref(), &method, &path, &[]), grant(&sorted, who.as_deref(), &method, &path, &[]));
        prop_assert_eq!(shuffled.hash(), sorted.hash());
        prop_assert!(shuffled.weaker_than(&sorted).is_empty());
    }

    #[test]
    fn one_more_deny_rule_never_widens(
        rules in some(RULES.len()), denials in some(DENIALS.len()), who in caller(),
        method in "GET|HEAD|POST|DELETE|PUT", path in "(/[abA]?){1,3}",
    ) {
        let (fewer, more) = (allowlist(&rules, &denials[1..]), allowlist(&rules, &denials));
        if let Grant::Granted(_) = grant(&more, who.as_deref(), &method, &path, &[]) {
            prop_assert!(matches!(grant(&fewer, who.as_deref(), &method, &path, &[]), Grant::Granted(_)));
        }
        prop_assert!(more.weaker_than(&fewer).is_empty());
    }

    #[test]
    fn one_more_rule_never_narrows(
        rules in some(RULES.len()), who in caller(), method in "GET|HEAD|POST|DELETE|PUT", path in "(/[abA]?){1,3}",
    ) {
        let (fewer, more) = (allowlist(&rules[1..], &[]), allowlist(&rules, &[]));
        if let Grant::Granted(_) = grant(&fewer, who.as_deref(), &method, &path, &[]) {
            prop_assert!(matches!(grant(&more, who.as_deref(), &method, &path, &[]), Grant::Granted(_)));
        }
        if more.weaker_than(&fewer).is_empty() {
            let same = |policy: &Policy| matches!(grant(policy, who.as_deref(), &method, &path, &[]), Grant::Granted(_));
            prop_assert_eq!(same(&fewer), same(&more));
        }
    }

    #[test]
    fn any_access_is_answered(method in ".{0,8}", path in ".{0,40}", key in ".{0,8}", value in ".{0,8}") {
        let policy = allowlist(&[0, 1, 2, 3, 4, 5, 6, 7], &[0, 1, 2, 3]);
        let fact = |kind| Fact { kind, name: key.as_str().into(), value: value.as_str().into() };
        let facts = [FactKind::Header, FactKind::Query, FactKind::Upgrade, FactKind::TargetForm].map(fact);
        let _ = grant(&policy, None, &method, &path, &facts);
        let _ = grant(&policy, None, &method, &path, &[]);
    }

    #[test]
    fn any_rule_line_is_answered(line in "[A-Za-z/*{}., :\\[\\]0-9-]{0,60}") {
        let _ = (shorthand::inbound(&line), shorthand::deny(&line), shorthand::outbound(&line), shorthand::caller(&line));
    }
}
