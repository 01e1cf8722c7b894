//! Notices that files have changed, by their content. Polls, since what Kubernetes mounts is changed by swapping a
//! symlink above it (`..data`), which no watch on the files themselves sees. Follows symlinks; costs a few `stat`s when
//! nothing has changed.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files and directories that are watched. A directory stands for the files right in it and in the directories below, but
/// for those whose name begins with a dot.
#[derive(Clone, Debug)]
pub struct Watch {
    paths: Vec<PathBuf>,
    seen: BTreeMap<PathBuf, Seen>,
}

/// What a file was when it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    File { stamp: Stamp, hash: [u8; 32] },
    Unreadable(io::ErrorKind),
}

/// What changes with the content, at the cost of a `stat`: it is read only when one of these has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Files looked at, so that a watch on `/` ends.
const MAX_FILES: usize = 4096;
/// Bytes of a file that are looked at; of a larger one, the size tells too.
const MAX_BYTES: u64 = 64 << 20;
/// Directories within each other.
const MAX_DEPTH: usize = 8;

impl Watch {
    /// Watches these paths, whether or not there is anything.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut watch = Self { paths: paths.into_iter().collect(), seen: BTreeMap::new() };
        watch.seen = watch.look();
        watch
    }

    /// Whether content has changed since the last time it was asked. A change while it looks is found the next time.
    pub fn has_changed(&mut self) -> bool {
        let now = self.look();
        let before = std::mem::replace(&mut self.seen, now);
        let is_same = |(one, other): (&Seen, &Seen)| one.content() == other.content();
        !before.keys().eq(self.seen.keys()) || !before.values().zip(self.seen.values()).all(is_same)
    }

    fn look(&self) -> BTreeMap<PathBuf, Seen> {
        let files = self.paths.iter().flat_map(|path| files(path)).take(MAX_FILES);
        files.map(|path| (path.clone(), self.look_at(&path))).collect()
    }

    fn look_at(&self, path: &Path) -> Seen {
        match fs::metadata(path).and_then(|found| self.read(path, &found)) {
            Ok(seen) => seen,
            Err(error) => Seen::Unreadable(error.kind()),
        }
    }

    fn read(&self, path: &Path, found: &Metadata) -> io::Result<Seen> {
        if !found.is_file() {
            // A pipe or a device would keep us waiting.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let stamp = Stamp::of(found);
        if let Some(Seen::File { stamp: before, hash }) = self.seen.get(path)
            && *before == stamp
        {
            return Ok(Seen::File { stamp, hash: *hash });
        }
        Ok(Seen::File { stamp, hash: hash(path)? })
    }
}

/// The files of a path that is given: itself, or what a directory holds, in order.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![(path.to_owned(), 0)];
    // Symlinks may lead in circles, and circles multiply: what is looked at is bounded, not only what is found.
    for _ in 0..MAX_FILES {
        let Some((path, depth)) = waiting.pop() else { break };
        match fs::read_dir(&path) {
            Ok(entries) if depth < MAX_DEPTH => {
                let mut inside: Vec<PathBuf> =
                    entries.flatten().map(|entry| entry.path()).filter(|p| !is_hidden(p)).collect();
                inside.sort_unstable_by(|one, other| other.cmp(one));
                waiting.extend(inside.into_iter().map(|path| (path, depth + 1)));
            }
            Ok(_) => {}
            // No directory: a file, or something that cannot be read, which is worth watching too.
            Err(_) => found.push(path),
        }
    }
    found
}

/// Kubernetes keeps the versions of a mounted volume in `..2026_11_22…` and points to one of them with `..data`; the
/// files proper are symlinks beside them.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn hash(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?.take(MAX_BYTES);
    let mut hash = Sha256::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

impl Seen {
    fn content(&self) -> Result<(&[u8; 32], u64), io::ErrorKind> {
        match self {
            Self::File { hash, stamp } => Ok((hash, stamp.bytes)),
            Self::Unreadable(kind) => Err(*kind),
        }
    }
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::{TempDir, tempdir};

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let dir = tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    fn watch(dir: &TempDir) -> Watch {
        Watch::new([dir.path().to_owned()])
    }

    #[test]
    fn nothing_has_changed_at_first() {
        let dir = folder(&[("a.yaml", "1")]);
        assert!(!watch(&dir).has_changed());
    }

    #[test]
    fn change_is_told_once() {
        let dir = folder(&[("a.yaml", "1")]);
        let mut watch = watch(&dir);
        fs::write(dir.path().join("a.yaml"), "2").unwrap();
        assert_eq!([watch.has_changed(), watch.has_changed()], [true, false]);
    }

    #[test]
    fn touching_changes_nothing() {
        let dir = folder(&[("a.yaml", "1")]);
        let mut watch = watch(&dir);
        fs::write(dir.path().join("a.yaml"), "1").unwrap();
        assert!(!watch.has_changed());
    }

    #[test]
    fn files_that_come_show() {
        let dir = folder(&[("a.yaml", "1")]);
        let mut watch = watch(&dir);
        fs::write(dir.path().join("b.yaml"), "2").unwrap();
        assert!(watch.has_changed());
    }

    #[test]
    fn files_that_go_show() {
        let dir = folder(&[("a.yaml", "1")]);
        let path = dir.path().join("a.yaml");
        let mut watch = Watch::new([path.clone()]);
        fs::remove_file(path).unwrap();
        assert_eq!([watch.has_changed(), watch.has_changed()], [true, false]);
    }

    #[test]
    fn swapped_volume_shows() {
        let dir = tempdir().unwrap();
        for (version, text) in [("..1", "1"), ("..2", "2")] {
            fs::create_dir(dir.path().join(version)).unwrap();
            fs::write(dir.path().join(version).join("a.yaml"), text).unwrap();
        }
        symlink("..1", dir.path().join("..data")).unwrap();
        symlink("..data/a.yaml", dir.path().join("a.yaml")).unwrap();
        let mut watch = watch(&dir);
        assert_eq!(files(dir.path()), [dir.path().join("a.yaml")]);
        symlink("..2", dir.path().join("..next")).unwrap();
        fs::rename(dir.path().join("..next"), dir.path().join("..data")).unwrap();
        assert!(watch.has_changed());
    }

    #[test]
    fn circles_end() {
        let dir = folder(&[("a.yaml", "1")]);
        for circle in 0..20 {
            symlink(".", dir.path().join(circle.to_string())).unwrap();
        }
        assert!(files(dir.path()).len() <= MAX_FILES);
    }
}
