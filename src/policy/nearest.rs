//! Why nothing grants: the rule that came nearest, and what it lacked, in one sentence for the record. What was asked
//! for is named only where it cannot carry a secret: the method, the proved identity, a query key's name.

use super::commands;
use super::database::Lack as Missing;
use super::describe::listed;
use super::rule::{Lack, Party, Rule, facts};
use crate::flow::{Access, Direction, FactKind, Scene};

/// Rules looked at; a denial must not cost more than a grant by orders of magnitude.
const LOOKED_AT: usize = 256;

/// The sentence, if there is any rule at all.
pub(super) fn explain(rules: &[Rule], scene: &Scene<'_>, access: &Access<'_>) -> Option<String> {
    let mut nearest: Option<(u32, &Rule)> = None;
    for rule in rules.iter().take(LOOKED_AT) {
        let limit = nearest.map_or(u32::MAX, |(distance, _)| distance);
        if let Some(distance) = distance_below(limit, rule, scene, access) {
            nearest = Some((distance, rule));
        }
    }
    let (_, rule) = nearest?;
    let says: Vec<String> = lacks(rule, scene, access).map(|lack| says(rule, lack, scene, access)).collect();
    Some(format!("rule \"{}\" {}", rule.name, says.join("; it ")))
}

fn lacks<'a>(rule: &'a Rule, scene: &'a Scene<'_>, access: &'a Access<'_>) -> impl Iterator<Item = Lack> + use<'a> {
    let path = (!rule.conditions.takes_path(access)).then_some(Lack::Path);
    let expired = rule.is_over(&scene.now).then_some(Lack::Expired);
    path.into_iter().chain(rule.conditions.lacks(scene.connection, access)).chain(expired)
}

/// How far a rule is from granting, if it is nearer than `limit`: what its owner would change last weighs most.
fn distance_below(limit: u32, rule: &Rule, scene: &Scene<'_>, access: &Access<'_>) -> Option<u32> {
    let weight = |lack| match lack {
        Lack::Protocol if rule.conditions.protocol.scheme() == access.scheme => 10,
        Lack::Protocol => 100,
        Lack::Path => 16,
        Lack::Inside => 10,
        Lack::Caller if rule.direction() == Direction::Outbound => 14,
        Lack::Port => 12,
        Lack::Host => 8,
        Lack::Caller => 6,
        Lack::Method => 5,
        Lack::AbsoluteForm | Lack::Upgrade | Lack::Ech | Lack::Nameless => 4,
        Lack::Header | Lack::Query => 3,
        Lack::Database(Missing::User | Missing::Database) => 8,
        Lack::Database(Missing::Table) => 6,
        Lack::Commands(commands::Lack::Key | commands::Lack::Channel) => 5,
        Lack::Database(_) | Lack::Commands(_) => 3,
        Lack::Expired => 1,
    };
    lacks(rule, scene, access).try_fold(0, |sum, lack| Some(sum + weight(lack)).filter(|sum| *sum < limit))
}

fn says(rule: &Rule, lack: Lack, scene: &Scene<'_>, access: &Access<'_>) -> String {
    let conditions = &rule.conditions;
    match lack {
        Lack::Protocol | Lack::Inside => format!("grants {}, not {}", conditions.spoken(), spoken(access)),
        Lack::Path if differs_in_slash(rule, access) => {
            format!("grants {}: the path differs by its trailing slash", listed(&conditions.paths))
        }
        Lack::Path => format!("grants {}, not this path", shortened(&listed(&conditions.paths), 200)),
        Lack::Port => format!("grants port {}, not {}", listed(&conditions.ports), scene.connection.port),
        Lack::Host => format!("grants host {}, not this one", listed(&conditions.hosts)),
        Lack::Method => format!("grants {}, not {}", conditions.methods, shortened(access.action, 20)),
        Lack::Caller => match &conditions.party {
            Party::From(callers) => format!("grants {}, not {}", shortened(&listed(callers), 200), caller(scene)),
            Party::To(to) => format!("grants {}, not this destination", shortened(&listed(to), 200)),
        },
        Lack::Header => {
            format!(
                "requires {}",
                conditions
                    .headers
                    .iter()
                    .map(|header| format!("header {}", header.name))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        Lack::Query => query(rule, access),
        Lack::Upgrade => "does not grant the upgrade".to_owned(),
        Lack::AbsoluteForm => "does not grant a whole URI as target".to_owned(),
        Lack::Ech => "does not grant TLS that hides its name".to_owned(),
        Lack::Nameless => "does not grant TLS without a name".to_owned(),
        Lack::Database(lack) => conditions.database.says(lack, access),
        Lack::Commands(lack) => commands::Granted::says(lack, access),
        Lack::Expired => format!("expired after {}", rule.expires.as_ref().map_or("", |expiry| &expiry.last_day)),
    }
}

/// What an access speaks, as far as that is known.
fn spoken<'a>(access: &'a Access<'_>) -> &'a str {
    facts(access, FactKind::Protocol).map(|(name, _)| name).next().unwrap_or(access.scheme)
}

fn caller(scene: &Scene<'_>) -> String {
    match scene.connection.peer.identity() {
        Some(identity) => shortened(identity.id.as_str(), 200),
        None => "a caller without an identity".to_owned(),
    }
}

fn query(rule: &Rule, access: &Access<'_>) -> String {
    let query = &rule.conditions.query;
    if query.exactly.is_some() {
        return "grants exactly one query, not this one".to_owned();
    }
    let given = || facts(access, FactKind::Query).map(|(key, _)| key);
    if let Some(missing) = query.required.iter().find(|key| given().all(|given| *given != ***key)) {
        return format!("requires query key `{missing}`");
    }
    let known = |key: &&str| query.allowed.iter().flatten().chain(&query.required).any(|known| **known == **key);
    let strange = given().find(|key| !known(key)).unwrap_or_default();
    format!("does not grant query key `{}`", shortened(strange, 40))
}

fn differs_in_slash(rule: &Rule, access: &Access<'_>) -> bool {
    let other = match access.path.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{}/", access.path),
    };
    rule.conditions.paths.iter().any(|template| template.matches(&other))
}

/// At most so many characters, none of them a control character.
fn shortened(text: &str, most: usize) -> String {
    let tame = text.chars().map(|c| if c.is_control() { '?' } else { c });
    if text.chars().count() <= most { tame.collect() } else { tame.take(most).chain(['…']).collect() }
}
