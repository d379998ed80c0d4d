//! Reading, writing and hashing files, the same on every system.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// The bytes of the file at `path`. Only regular files are read: a pipe would block, and a device
/// has no end.
///
/// # Errors
///
/// It is not a regular file, has more than `limit` bytes, or cannot be read.
pub fn read_limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = vec![];
    if metadata.len() <= limit {
        File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    }
    if metadata.len().max(bytes.len() as u64) > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than the limit of {limit} bytes"),
        ));
    }
    Ok(bytes)
}

/// Fills `bytes` from `file`, starting at `offset`. Threads can share the file: its cursor is not
/// used.
///
/// # Errors
///
/// The file ends before `bytes` is full, reading fails, or the system has no positioned reads.
pub fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
    }
    #[cfg(windows)]
    {
        let (mut bytes, mut offset) = (bytes, offset);
        while !bytes.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(file, bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    bytes = &mut bytes[read..];
                    offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
    #[cfg(not(any(unix, windows)))]
    {
        let _ = (file, bytes, offset);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Replaces the file at `path` by `bytes`. After a crash the file holds its old content or the new
/// one, never a part.
///
/// The bytes go to a temporary file in the same folder, which is synced and renamed. A symbolic
/// link stays, and the file that it leads to is replaced. A device or pipe is written to.
///
/// # Errors
///
/// Writing fails. The file at `path` is then the old one or the new one, whole.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.into()); // a new file has none
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = folder.join(name);
    let replace = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    if let Err(error) = replace() {
        drop(fs::remove_file(&temporary)); // it may not be there
        return Err(error);
    }
    sync_folder(folder) // the rename itself reaches the disk
}

/// SHA-256 of `bytes` in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes renames in `folder` durable. Windows does so by itself and cannot open a folder.
///
/// # Errors
///
/// The folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positioned_reads_fill_the_buffer_or_fail() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        fs::write(&path, b"0123456789").expect("a writable folder");
        let file = File::open(&path).expect("just written");
        let mut bytes = [0; 4];
        for (offset, expected) in [(6, b"6789"), (0, b"0123")] {
            read_exact_at(&file, &mut bytes, offset).expect("inside the file");
            assert_eq!(&bytes, expected);
        }
        let error = read_exact_at(&file, &mut bytes, 7).expect_err("three bytes are left");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        fs::write(&target, b"old").expect("a writable folder");
        std::os::unix::fs::symlink(&target, &link).expect("a writable folder");
        write_atomically(&link, b"new").expect("a writable file");
        assert!(link.is_symlink());
        assert_eq!(fs::read(&target).expect("still there"), b"new");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("a program of every Unix").success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe)
        });
        write_atomically(&pipe, b"new").expect("a reader waits");
        assert_eq!(reader.join().expect("no panic").expect("a pipe"), b"new");
        assert!(!fs::metadata(&pipe).expect("still there").is_file());
    }
}
