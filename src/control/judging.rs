//! Files become an engine: every allowlist and signature file is read and compiled, or nothing changes. All problems of
//! all files are reported at once.

use crate::detect::{Detectors, signature};
use crate::document::Problem;
use crate::engine::Engine;
use crate::policy::{self, Policy, Tls};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

/// Where what judges is written down.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Files and directories of allowlists.
    pub allowlists: Vec<PathBuf>,
    /// Files and directories of signatures.
    pub signatures: Vec<PathBuf>,
    /// Whether the shipped signatures are used.
    pub shipped: bool,
    /// Our own trust domain.
    pub trust_domain: Option<String>,
    /// Whether callers of each declared port prove who they are.
    pub tls: BTreeMap<u16, Tls>,
}

/// What was loaded, and what its authors should know.
pub struct Loaded {
    /// The policy of all allowlists.
    pub policy: Policy,
    /// All signatures.
    pub detectors: Detectors,
    /// What does not keep them from being used.
    pub warnings: Vec<String>,
}

impl Sources {
    /// Reads and compiles everything.
    ///
    /// # Errors
    /// Every problem of every file, rendered for people.
    pub fn load(&self, now: SystemTime) -> Result<Loaded, Vec<String>> {
        let policy = self.policy(now);
        let detectors = self.detectors();
        match (policy, detectors) {
            (Ok((policy, warnings)), Ok(detectors)) => Ok(Loaded { policy, detectors, warnings: rendered(&warnings) }),
            (policy, detectors) => Err([policy.err(), detectors.err()].into_iter().flatten().flatten().collect()),
        }
    }

    fn policy(&self, now: SystemTime) -> Result<(Policy, Vec<Problem>), Vec<String>> {
        let documents = policy::load::documents(&self.allowlists).map_err(|found| rendered(&found))?;
        let trust_domain = self.trust_domain.as_deref();
        let context = policy::Context { now, trust_domain, tls: Some(&self.tls) };
        let compiled = policy::compile(&documents, &context).map_err(|found| rendered(&found))?;
        Ok((compiled.policy, compiled.warnings))
    }

    fn detectors(&self) -> Result<Detectors, Vec<String>> {
        let all = signature::load(self.shipped, &self.signatures).map_err(|problems| vec![problems])?;
        Ok(Detectors::new(all))
    }
}

impl Loaded {
    /// The engine of the `generation`th load.
    pub fn engine(self, generation: u64) -> Engine {
        Engine::new(self.policy, self.detectors, generation)
    }
}

fn rendered(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(Problem::render).collect()
}
