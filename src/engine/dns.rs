//! DNS questions: one name and one type become an access; what the observers saw becomes evidence. The data path and
//! `podwall judge` ask here, so that both judge alike.

use super::{Case, Engine};
use crate::behave::dns::{Asked, Watch};
use crate::flow::{Access, Grant, Judgement, Message, Place, Scene, Side};
use crate::protocol::dns::{Name, Query, Type};
use std::borrow::Cow;

/// The scheme of a lookup's access.
pub const SCHEME: &str = "dns";

impl Engine {
    /// Judges a question, after letting the observers see it: denied or not, it was asked.
    pub fn lookup<'e>(&'e self, scene: &Scene<'_>, query: &Query, watch: &Watch) -> (Case<'e>, Judgement) {
        let labels: Vec<&[u8]> = query.name.labels().collect();
        let signs = watch.asked(&Asked { labels: &labels, of: query.of.0 }, scene.now.since_start);
        let mut case = self.open(scene);
        for sign in signs {
            case.saw(Place::DnsName, query.name.to_string().as_bytes(), sign);
        }
        let (name, of) = (query.name.canonical(), query.of.name());
        let access = access(&of, &name);
        let message = Message { side: Side::Client, accesses: &[access], parts: &[], last: true };
        let mut fuel = Self::budget(query.name.wire().len());
        let judgement = case.judge(scene, &message, &mut fuel);
        (case, judgement)
    }

    /// Whether a name may be looked up for a type; nobody is told, nothing is remembered.
    pub fn may_look_up(&self, scene: &Scene<'_>, name: &Name, of: Type) -> bool {
        self.grants_lookup(scene, &name.canonical(), &of.name())
    }

    /// Whether Encrypted ClientHello keys of a name may pass.
    pub fn may_take_ech(&self, scene: &Scene<'_>, name: &Name) -> bool {
        self.grants_lookup(scene, &name.canonical(), "ECH")
    }

    fn grants_lookup(&self, scene: &Scene<'_>, name: &str, action: &str) -> bool {
        matches!(self.policy().grants(scene, &access(action, name)), Grant::Granted(_))
    }
}

fn access<'a>(action: &'a str, name: &'a str) -> Access<'a> {
    Access { action, scheme: SCHEME, authority: name, path: Cow::Borrowed(""), facts: &[] }
}
