//! The signatures that come with the program, so that it works alone.

use super::{Problems, Signature, parse};

/// Every shipped file and its text.
const FILES: &[(&str, &str)] = &[
    ("signatures/appliances.yaml", include_str!("../../../signatures/appliances.yaml")),
    ("signatures/arguments.yaml", include_str!("../../../signatures/arguments.yaml")),
    ("signatures/cloud.yaml", include_str!("../../../signatures/cloud.yaml")),
    ("signatures/data-stores.yaml", include_str!("../../../signatures/data-stores.yaml")),
    ("signatures/documents.yaml", include_str!("../../../signatures/documents.yaml")),
    ("signatures/exposures.yaml", include_str!("../../../signatures/exposures.yaml")),
    ("signatures/java.yaml", include_str!("../../../signatures/java.yaml")),
    ("signatures/kubernetes.yaml", include_str!("../../../signatures/kubernetes.yaml")),
    ("signatures/lookups.yaml", include_str!("../../../signatures/lookups.yaml")),
    ("signatures/miners.yaml", include_str!("../../../signatures/miners.yaml")),
    ("signatures/persistence.yaml", include_str!("../../../signatures/persistence.yaml")),
    ("signatures/php.yaml", include_str!("../../../signatures/php.yaml")),
    ("signatures/platforms.yaml", include_str!("../../../signatures/platforms.yaml")),
    ("signatures/scanners.yaml", include_str!("../../../signatures/scanners.yaml")),
    ("signatures/serialized.yaml", include_str!("../../../signatures/serialized.yaml")),
    ("signatures/sessions.yaml", include_str!("../../../signatures/sessions.yaml")),
    ("signatures/shell.yaml", include_str!("../../../signatures/shell.yaml")),
    ("signatures/stores.yaml", include_str!("../../../signatures/stores.yaml")),
    ("signatures/webshells.yaml", include_str!("../../../signatures/webshells.yaml")),
    ("signatures/windows.yaml", include_str!("../../../signatures/windows.yaml")),
];

/// The shipped signatures.
///
/// # Errors
/// Never, while the tests hold: every file is loaded by one.
pub fn shipped() -> Result<Vec<Signature>, Problems> {
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for (file, text) in FILES {
        match parse(file, text) {
            Ok(signatures) => all.extend(signatures),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/signatures");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| format!("signatures/{}", entry.unwrap().file_name().to_string_lossy()))
            .filter(|name| name.ends_with(".yaml"))
            .collect();
        let shipped: BTreeSet<String> = FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(there, shipped);
    }

    #[test]
    fn shipped_signatures_load() {
        let loaded = shipped().unwrap_or_else(|problems| panic!("\n{}", crate::document::render_all(&problems)));
        assert_eq!(crate::detect::signature::check_unique(&loaded), Vec::<&str>::new());
    }
}
