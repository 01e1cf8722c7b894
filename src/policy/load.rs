//! Allowlists from files and directories. The only part of a policy that reads files.

use super::Allowlist;
use crate::document::{self, Document, Problem, limits};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Every document in files, and in the `*.yaml` and `*.yml` of directories (not of those below them), by name.
///
/// # Errors
/// Every file that cannot be read, and every problem in every file.
pub fn documents(paths: &[PathBuf]) -> Result<Vec<Document<Allowlist>>, Vec<Problem>> {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        let files = files(path).unwrap_or_else(|error| {
            problems.push(unreadable(path, &error));
            Vec::new()
        });
        for file in files {
            match text(&file).and_then(|text| document::read(&file.display().to_string(), &text)) {
                Ok(read) => documents.extend(read),
                Err(found) => problems.extend(found),
            }
        }
    }
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

/// A file itself, or the YAML files of a directory. Names that begin with a dot are left out: Kubernetes keeps the
/// versions of a mounted volume there.
///
/// # Errors
/// When the directory cannot be listed.
pub fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let is_ours = |file: &Path| {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"))
    };
    let mut found: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    found.retain(|file| is_ours(file));
    found.sort();
    Ok(found)
}

/// The text of a file, or why it cannot be read. Never reads more than a document may have.
///
/// # Errors
/// One problem of the whole file.
pub fn text(file: &Path) -> Result<String, Vec<Problem>> {
    let mut text = String::new();
    let most = limits::TEXT_BYTES as u64 + 1;
    let read = File::open(file).and_then(|opened| opened.take(most).read_to_string(&mut text));
    read.map(|_| text).map_err(|error| vec![unreadable(file, &error)])
}

fn unreadable(file: &Path, error: &io::Error) -> Problem {
    let problem = Problem::of_file(&file.display().to_string()).found(error.to_string());
    problem.expected("a file that can be read").remedy("check the path and its permissions")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowlist(name: &str) -> String {
        format!("apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {{name: {name}}}\n")
    }

    #[test]
    fn directory_is_read_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in
            [("b.yml", allowlist("b")), ("a.yaml", allowlist("a")), ("c.txt", "x".into()), (".d.yaml", "x".into())]
        {
            fs::write(folder.path().join(file), text).unwrap();
        }
        fs::create_dir(folder.path().join("e.d")).unwrap();
        let read = documents(&[folder.path().to_owned()]).unwrap();
        let names: Vec<&str> = read.iter().map(|document| document.value.metadata.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn problems_of_all_files_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yaml"), "x: 1\n").unwrap();
        fs::write(folder.path().join("b.yaml"), [0xff]).unwrap();
        let problems = documents(&[folder.path().to_owned(), folder.path().join("none")]).unwrap_err();
        for part in ["a.yaml", "b.yaml", "none"] {
            assert!(problems.iter().any(|problem| problem.file.ends_with(part)), "{part}");
        }
    }

    #[test]
    fn file_over_the_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "#".repeat(limits::TEXT_BYTES)).unwrap();
        assert!(documents(std::slice::from_ref(&file)).unwrap().is_empty());
        fs::write(&file, "#".repeat(limits::TEXT_BYTES + 1)).unwrap();
        assert_eq!(documents(&[file]).unwrap_err().len(), 1);
    }
}
