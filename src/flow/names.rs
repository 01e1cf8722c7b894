//! The names that led to the address of an outbound connection: what the pod had looked up before it dialled.

use std::sync::Arc;

/// Every name that led to one address, as far as it is remembered.
#[derive(Clone, Debug, Default)]
pub struct Names(Known);

#[derive(Clone, Debug, Default)]
enum Known {
    /// A raw address.
    #[default]
    Nothing,
    /// Where the connection goes is settled by the configuration, not by lookups.
    Settled,
    These(Arc<[Name]>),
}

/// A name that was looked up, in lower case and without a last dot; and as programs write it that rely on the search list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// `catalog.shop.svc.cluster.local`.
    pub asked: Box<str>,
    /// `catalog.shop`, `catalog`.
    pub short: Box<[Box<str>]>,
}

impl Name {
    /// A name without shorter spellings.
    pub fn plain(asked: &str) -> Self {
        Self { asked: asked.into(), short: Box::default() }
    }

    /// As it was looked up, then its shorter spellings.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.asked).chain(self.short.iter().map(|short| &**short))
    }
}

impl Names {
    /// These names.
    pub fn new(names: Vec<Name>) -> Self {
        Self(if names.is_empty() { Known::Nothing } else { Known::These(names.into()) })
    }

    /// Any name: the platform's configuration says where the connection goes, whatever it is called there.
    pub fn settled() -> Self {
        Self(Known::Settled)
    }

    /// One after the other; the one that was looked up last comes first.
    pub fn iter(&self) -> impl Iterator<Item = &Name> {
        let these: &[Name] = match &self.0 {
            Known::These(names) => names,
            Known::Nothing | Known::Settled => &[],
        };
        these.iter()
    }

    /// Whether no name led to the address.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Known::Nothing)
    }

    /// Whether a name led to the address one of whose spellings fits.
    pub fn any(&self, fits: impl Fn(&str) -> bool) -> bool {
        matches!(self.0, Known::Settled) || self.iter().any(|name| name.spellings().any(&fits))
    }

    /// Whether a canonical host (lower case, without a port) spells a name that led to the address, one of whose spellings
    /// fits.
    pub fn lead(&self, host: &str, fits: impl Fn(&str) -> bool) -> bool {
        match self.0 {
            Known::Settled => fits(host),
            _ => self
                .iter()
                .filter(|name| name.spellings().any(|one| one == host))
                .any(|name| name.spellings().any(&fits)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_spelling_means_its_name() {
        let name = Name { asked: "a.b.local".into(), short: Box::new(["a.b".into()]) };
        let names = Names::new(vec![Name::plain("c.example"), name.clone()]);
        assert!(names.lead("a.b", |spelling| spelling == "a.b.local"));
        assert!(!names.lead("a.b", |spelling| spelling == "c.example") && !names.lead("a", |_| true));
        assert!(names.any(|spelling| spelling == "c.example") && !names.any(|spelling| spelling == "d"));
        assert!(Names::new(Vec::new()).is_empty() && !Names::new(Vec::new()).any(|_| true));
    }

    #[test]
    fn settled_destination_has_any_name() {
        let names = Names::settled();
        assert!(names.lead("a", |spelling| spelling == "a") && !names.lead("a", |spelling| spelling == "b"));
        assert!(names.any(|_| false) && !names.is_empty());
    }
}
