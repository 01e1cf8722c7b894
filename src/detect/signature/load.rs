//! The shipped signatures together with those of the user's own files and folders.

use super::{Signature, check_unique, parse, shipped};
use crate::document::render_all;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The shipped signatures, if they are wanted, and those in `paths`: files, or folders whose `*.yaml` and `*.yml` are read
/// in the order of their names.
///
/// # Errors
/// Everything that is wrong, as text for a terminal: files that cannot be read, every problem in every file, ids that
/// occur twice.
pub fn load(with_shipped: bool, paths: &[PathBuf]) -> Result<Vec<Signature>, String> {
    let mut all = if with_shipped { shipped().map_err(|problems| render_all(&problems))? } else { Vec::new() };
    let mut wrong = Vec::new();
    for path in paths {
        match files(path) {
            Ok(files) => files.iter().for_each(|file| read(file, &mut all, &mut wrong)),
            Err(error) => wrong.push(format!("error: {}: {error}\n", path.display())),
        }
    }
    wrong.extend(check_unique(&all).into_iter().map(|id| format!("error: the id `{id}` is used twice\n")));
    if wrong.is_empty() { Ok(all) } else { Err(wrong.join("\n")) }
}

fn read(file: &Path, all: &mut Vec<Signature>, wrong: &mut Vec<String>) {
    let name = file.display().to_string();
    match fs::read_to_string(file) {
        Ok(text) => match parse(&name, &text) {
            Ok(signatures) => all.extend(signatures),
            Err(problems) => wrong.push(render_all(&problems)),
        },
        Err(error) => wrong.push(format!("error: {name}: {error}\n")),
    }
}

fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> String {
        format!(
            "family: own\ntitle: t\nsignatures:\n- {{id: {id}, title: t, severity: low, pattern: {{any: [own-tool/]}}, \
             hits: [own-tool/1], misses: [own/tool]}}\n"
        )
    }

    #[test]
    fn own_folder_adds_to_the_shipped_ones() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("own.yaml"), entry("own-tool")).unwrap();
        fs::write(folder.path().join("README.md"), "not a signature").unwrap();
        let loaded = load(true, &[folder.path().to_owned()]).unwrap();
        assert_eq!(loaded.len(), shipped().unwrap().len() + 1);
    }

    #[test]
    fn own_folder_alone_may_use_a_shipped_id() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("own.yaml"), entry("log4shell-jndi")).unwrap();
        let loaded = load(false, &[folder.path().to_owned()]).unwrap();
        assert_eq!(loaded.iter().map(|signature| signature.id.as_ref()).collect::<Vec<_>>(), ["log4shell-jndi"]);
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yaml"), entry("log4shell-jndi")).unwrap();
        fs::write(folder.path().join("b.yaml"), "famly: x").unwrap();
        let wrong = load(true, &[folder.path().to_owned(), folder.path().join("none")]).unwrap_err();
        for part in ["used twice", "famly", "none"] {
            assert!(wrong.contains(part), "{wrong}");
        }
    }
}
