//! The signatures that come with the program, so that it works alone.

use super::{Problems, Signature, parse};

/// Every shipped file and its text.
const FILES: &[(&str, &str)] = &[("signatures/lookups.yaml", include_str!("../../../signatures/lookups.yaml"))];

/// The shipped signatures.
///
/// # Errors
/// Never, while the tests hold: every file is loaded by one.
pub fn shipped() -> Result<Vec<Signature>, Problems> {
    let mut all = Vec::new();
    for (file, text) in FILES {
        all.extend(parse(file, text)?);
    }
    Ok(all)
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
        let loaded = shipped().map_err(|problems| crate::document::render_all(&problems));
        assert_eq!(crate::detect::signature::check_unique(&loaded.unwrap()), Vec::<&str>::new());
    }
}
