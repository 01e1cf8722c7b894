//! The record as a file: readable by its owner only, rotated by size, its chain taken up again after a restart.
//!
//! `record.jsonl` is written; `record.jsonl.1` is the one before, and so on up to `keep` of them. The chain runs through
//! all: verify them oldest first.

use super::chain::Chain;
use super::sink::Sink;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A rotated file. `bytes <= max_bytes` before each write, unless a single batch is larger.
#[derive(Debug)]
pub struct RotatedFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
    keep: u32,
}

/// The last line is looked for in this much of a file's end. Lines are far shorter: what a sender chose is clipped.
const LAST_LINE_BYTES: u64 = 1 << 20;

impl RotatedFile {
    /// Opens the file for appending, or makes it.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: &Path, max_bytes: u64, keep: u32) -> io::Result<Self> {
        let file = open_private(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, max_bytes: max_bytes.max(1), keep })
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..=self.keep).rev() {
            let from = if number == 1 { self.path.clone() } else { numbered(&self.path, number - 1) };
            match fs::rename(&from, numbered(&self.path, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.keep == 0 {
            self.file.set_len(0)?;
        }
        self.file = open_private(&self.path)?;
        self.bytes = self.file.metadata()?.len();
        Ok(())
    }

    /// Someone moved or removed the file: go on in a new one rather than in one that nobody finds.
    fn follow_path(&mut self) -> io::Result<()> {
        let same = |found: fs::Metadata| -> io::Result<bool> {
            let open = self.file.metadata()?;
            Ok((found.dev(), found.ino()) == (open.dev(), open.ino()))
        };
        let still_there = match fs::metadata(&self.path) {
            Ok(found) => same(found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if !still_there {
            self.file = open_private(&self.path)?;
            self.bytes = self.file.metadata()?.len();
        }
        Ok(())
    }
}

impl Sink for RotatedFile {
    fn write(&mut self, lines: &str) -> io::Result<()> {
        self.follow_path()?;
        if self.bytes > 0 && self.bytes + lines.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(lines.as_bytes()) {
            // A half-written line would break the chain for good. If it cannot be undone, the next start reports it.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        Ok(())
    }

    fn resume(&mut self) -> (Chain, u64) {
        // What cannot be read cannot be gone on from: a new chain begins, and the verifier will say where.
        let (chain, torn) = last_line(&mut self.file).unwrap_or_default();
        if torn > 0 && self.file.set_len(self.bytes - torn).is_ok() {
            self.bytes -= torn;
        }
        let chain = chain.or_else(|| last_line(&mut File::open(numbered(&self.path, 1)).ok()?).ok()?.0);
        (chain.unwrap_or_default(), torn)
    }
}

/// The chain after the file's last whole line, and the bytes after it that are none.
fn last_line(file: &mut File) -> io::Result<(Option<Chain>, u64)> {
    let bytes = file.metadata()?.len();
    file.seek(SeekFrom::Start(bytes.saturating_sub(LAST_LINE_BYTES)))?;
    let mut end = Vec::new();
    file.take(LAST_LINE_BYTES).read_to_end(&mut end)?;
    let whole = memchr::memrchr(b'\n', &end).map_or(0, |at| at + 1);
    let torn = (end.len() - whole) as u64;
    let lines = end.get(..whole.saturating_sub(1)).unwrap_or_default();
    let line = lines.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let chain = std::str::from_utf8(line).ok().and_then(|line| Chain::after(line).ok());
    Ok((chain, torn))
}

/// `record.jsonl.3`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn open_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: &mut RotatedFile, chain: &mut Chain, line: &str) {
        let (linked, next) = chain.link(line);
        file.write(&linked).unwrap();
        *chain = next;
    }

    fn lines(path: &Path) -> Vec<String> {
        fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.jsonl");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        RotatedFile::open(&path, 1000, 1).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn chain_runs_through_rotated_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.jsonl");
        let mut file = RotatedFile::open(&path, 400, 2).unwrap();
        let mut chain = Chain::default();
        (0..10).for_each(|n| write(&mut file, &mut chain, &format!("{{\"n\":{n}}}")));
        let kept: Vec<_> =
            [numbered(&path, 2), numbered(&path, 1), path.clone()].iter().flat_map(|path| lines(path)).collect();
        assert!(!numbered(&path, 3).exists());
        assert!(fs::metadata(&path).unwrap().len() <= 400);
        let mut chain = Chain::after(&kept[0]).unwrap();
        assert!(kept[1..].iter().all(|line| chain.follow(line).is_ok()));
    }

    #[test]
    fn chain_is_taken_up_after_a_torn_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.jsonl");
        let mut chain = Chain::default();
        let mut file = RotatedFile::open(&path, 10_000, 1).unwrap();
        write(&mut file, &mut chain, "{\"n\":1}");
        file.file.write_all(b"{\"n\":2,\"se").unwrap();
        let mut file = RotatedFile::open(&path, 10_000, 1).unwrap();
        let (resumed, torn) = file.resume();
        assert_eq!((resumed, torn), (chain, 10));
        write(&mut file, &mut chain, "{\"n\":3}");
        let mut chain = Chain::default();
        assert!(lines(&path).iter().all(|line| chain.follow(line).is_ok()));
    }

    #[test]
    fn removed_file_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.jsonl");
        let mut file = RotatedFile::open(&path, 10_000, 1).unwrap();
        fs::remove_file(&path).unwrap();
        file.write("{}\n").unwrap();
        assert_eq!(lines(&path), ["{}"]);
    }

    #[test]
    fn keeping_none_empties_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.jsonl");
        let mut file = RotatedFile::open(&path, 4, 0).unwrap();
        file.write("abc\n").unwrap();
        file.write("de\n").unwrap();
        assert_eq!(lines(&path), ["de"]);
    }
}
