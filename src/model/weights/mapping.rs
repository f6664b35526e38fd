//! A file mapped into memory.

use std::fs::File;
use std::ops::{Deref, Range};

use memmap2::Mmap;

/// A file's bytes, read from disk as they are touched.
#[derive(Debug)]
pub struct Mapping {
    map: Mmap,
}

impl Mapping {
    /// Maps a file.
    ///
    /// # Errors
    /// Where the system refuses.
    #[allow(unsafe_code)]
    pub fn of(file: &File) -> std::io::Result<Self> {
        // SAFETY: a mapping is undefined behaviour only if the file is changed while it is mapped. The mapping is
        // read-only, so we cannot change it; that nobody else rewrites a checkpoint's weights in place during a run is
        // the contract of every program that maps weights (trainers write to a new name and rename, which keeps the old
        // contents mapped). The bytes themselves are only ever read as plain numbers, for which any pattern is valid.
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self { map })
    }

    /// Tells the system that these bytes are not needed for the time being, so that their pages stop counting as ours.
    /// They are read from the file again where they are touched again. Only a hint: where it is not heeded, nothing is lost.
    #[allow(unsafe_code)]
    pub(crate) fn release(&self, bytes: Range<usize>) {
        if bytes.is_empty() || bytes.end > self.map.len() {
            return;
        }
        #[cfg(unix)]
        {
            // SAFETY: the advice drops pages of a read-only mapping of a file; the next access brings the same bytes back
            // from the file, so that no reference into the mapping ever sees another value. That is not so for anonymous or
            // written memory, which this mapping never is. The range lies within the mapping.
            let _ = unsafe {
                self.map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, bytes.start, bytes.len())
            };
        }
    }

    /// Reads all bytes in order and releases what was read.
    pub(crate) fn reader(&self) -> MappingReader<'_> {
        MappingReader { mapping: self, at: 0, released: 0 }
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

/// A pass over a mapping that holds only a stretch of it in memory.
pub(crate) struct MappingReader<'a> {
    mapping: &'a Mapping,
    at: usize,
    released: usize,
}

/// Bytes between two releases.
const STRETCH_BYTES: usize = 32 << 20;

impl std::io::Read for MappingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let rest = self.mapping.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        if self.at - self.released >= STRETCH_BYTES || count == 0 {
            self.mapping.release(self.released..self.at);
            self.released = self.at;
        }
        Ok(count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// Resident bytes of this process's file mappings of a file, by the system.
    #[cfg(target_os = "linux")]
    fn resident_kib(path: &std::path::Path) -> usize {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let name = path.to_str().unwrap();
        let mut inside = false;
        let mut total = 0;
        for line in maps.lines() {
            if line.contains('-') && line.split_whitespace().count() >= 5 {
                inside = line.ends_with(name);
            } else if let (true, Some(rest)) = (inside, line.strip_prefix("Rss:")) {
                total += rest.trim().trim_end_matches(" kB").parse::<usize>().unwrap();
            }
        }
        total
    }

    #[test]
    fn released_bytes_leave_memory_and_come_back_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights");
        let bytes: Vec<u8> = (0..40_u32 << 20).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        File::create(&path).unwrap().write_all(&bytes).unwrap();
        let mapping = Mapping::of(&File::open(&path).unwrap()).unwrap();
        assert!(mapping[..] == bytes[..]);
        #[cfg(target_os = "linux")]
        assert!(resident_kib(&path) > 30 << 10, "{} KiB", resident_kib(&path));
        mapping.release(0..bytes.len());
        #[cfg(target_os = "linux")]
        assert!(resident_kib(&path) < 4 << 10, "{} KiB", resident_kib(&path));
        let mut read = Vec::new();
        mapping.reader().read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        #[cfg(target_os = "linux")]
        assert!(resident_kib(&path) < 4 << 10, "{} KiB", resident_kib(&path));
        assert!(mapping[..] == bytes[..]);
        mapping.release(bytes.len() - 1..bytes.len() + 1);
    }
}
