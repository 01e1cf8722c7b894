//! What holds for all documents: they are read, or refused with problems that can be shown.

use podwall::detect::signature;
use podwall::document;
use podwall::policy::Allowlist;

pub(crate) fn allowlists() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../deploy/examples/orders-allowlist.yaml").to_vec()]
}

pub(crate) fn allowlist(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(problems) = document::read::<Allowlist>("fuzz.yaml", &text) {
        assert!(problems.iter().all(|problem| !problem.render().is_empty()));
    }
}

pub(crate) fn signatures() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../signatures/lookups.yaml").to_vec()]
}

pub(crate) fn signature(bytes: &[u8]) {
    let _ = signature::parse("fuzz.yaml", &String::from_utf8_lossy(bytes));
}
