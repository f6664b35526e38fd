//! `model.safetensors.index.json`: which shard holds which tensor.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor};

use super::error::WeightsError;
use crate::model::checkpoint::file;

/// Largest index that is read: a tensor takes about 100 bytes of it.
const INDEX_LIMIT_BYTES: u64 = 64 << 20;

/// The checked index: every shard is a plain name whose file stays with the checkpoint.
#[derive(Debug)]
pub(super) struct ShardIndex {
    pub path: PathBuf,
    /// Tensor to shard.
    pub shard_of: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct IndexFile {
    weight_map: WeightMap,
}

impl ShardIndex {
    /// Its file's name.
    pub const FILE: &str = "model.safetensors.index.json";

    /// Reads the index of a folder; `None` where the folder has none.
    pub fn read(dir: &Path) -> Result<Option<Self>, WeightsError> {
        let path = dir.join(Self::FILE);
        let Some(IndexFile { weight_map: WeightMap(lines) }) = file::read_json(&path, INDEX_LIMIT_BYTES)? else {
            return Ok(None);
        };
        let mut shard_of = BTreeMap::new();
        for (tensor, shard) in lines {
            if let Some(fault) = name_fault(&shard) {
                return Err(WeightsError::ShardName { index: path, tensor, shard, fault });
            }
            if shard_of.insert(tensor.clone(), shard).is_some() {
                return Err(WeightsError::RepeatedInIndex { index: path, tensor });
            }
        }
        if shard_of.is_empty() {
            return Err(WeightsError::EmptyIndex { index: path });
        }
        let index = Self { path, shard_of };
        for (shard, tensor) in index.shards() {
            index.check_shard_file(dir, shard, tensor)?;
        }
        Ok(Some(index))
    }

    /// The shards in order of name, each with one tensor that is sent there.
    pub fn shards(&self) -> BTreeMap<&str, &str> {
        self.shard_of.iter().rev().map(|(tensor, shard)| (shard.as_str(), tensor.as_str())).collect()
    }

    fn check_shard_file(&self, dir: &Path, shard: &str, tensor: &str) -> Result<(), WeightsError> {
        let path = dir.join(shard);
        if std::fs::symlink_metadata(&path).is_err() {
            return Err(WeightsError::MissingShard {
                index: self.path.clone(),
                tensor: tensor.to_owned(),
                shard: shard.to_owned(),
            });
        }
        if stays_with(dir, &path).map_err(|source| file::FileError::Unreadable { file: path.clone(), source })? {
            return Ok(());
        }
        Err(WeightsError::ShardName {
            index: self.path.clone(),
            tensor: tensor.to_owned(),
            shard: shard.to_owned(),
            fault: "is a link that leads out of the folder",
        })
    }
}

/// Whether a file's contents are in its folder, or where the download cache keeps those of the folder.
pub(crate) fn stays_with(dir: &Path, path: &Path) -> std::io::Result<bool> {
    let (target, home) = (path.canonicalize()?, dir.canonicalize()?);
    Ok(target.starts_with(&home) || cache_blobs(&home).is_some_and(|blobs| target.starts_with(blobs)))
}

/// Where the download cache keeps the contents of `.../snapshots/<revision>`: its links lead to `.../blobs`.
fn cache_blobs(home: &Path) -> Option<PathBuf> {
    let snapshots = home.parent().filter(|parent| parent.ends_with("snapshots"))?;
    Some(snapshots.parent()?.join("blobs"))
}

fn name_fault(shard: &str) -> Option<&'static str> {
    let mut components = Path::new(shard).components();
    let plain = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
    if !plain || shard.contains(['/', '\\', '\0']) {
        Some("is not a plain file name")
    } else if shard.ends_with(".safetensors") {
        None
    } else {
        Some("is not a .safetensors file")
    }
}

/// The lines in file order, so that a repeated tensor is seen.
struct WeightMap(Vec<(String, String)>);

impl<'de> Deserialize<'de> for WeightMap {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WeightMapVisitor)
    }
}

struct WeightMapVisitor;

impl<'de> Visitor<'de> for WeightMapVisitor {
    type Value = WeightMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`weight_map`, an object that maps tensor names to file names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WeightMap, A::Error> {
        let mut lines = Vec::new();
        while let Some(tensor) = map.next_key::<String>()? {
            let shard = map
                .next_value()
                .map_err(|error| de::Error::custom(format_args!("weight_map, tensor `{tensor}`: {error}")))?;
            lines.push((tensor, shard));
        }
        Ok(WeightMap(lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_safetensors_names_are_shards() {
        assert_eq!(name_fault("model-00001-of-00002.safetensors"), None);
        for name in ["/etc/x.safetensors", "../x.safetensors", "a/x.safetensors", "a\\x.safetensors", "..", ".", ""] {
            assert_eq!(name_fault(name), Some("is not a plain file name"), "{name}");
        }
        assert_eq!(name_fault("pytorch_model.bin"), Some("is not a .safetensors file"));
    }

    #[test]
    fn the_download_cache_keeps_contents_beside_its_snapshots() {
        let home = Path::new("hub/models--a--b/snapshots/0123");
        assert_eq!(cache_blobs(home), Some(PathBuf::from("hub/models--a--b/blobs")));
        assert_eq!(cache_blobs(Path::new("models/a")), None);
    }
}
