//! The secret that all replicas share: it signs upload URLs, and encrypts values that a
//! reader of the database must not use.

use anyhow::{Context, ensure};
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// Minimum length in bytes.
const MIN_SECRET_BYTES: usize = 32;

/// The secret in `named`, or the one in the data folder, which is made at the first
/// start.
///
/// # Errors
/// When it cannot be read or made, or is too short.
pub(crate) fn open(named: Option<&Path>, data_dir: &Path) -> anyhow::Result<Arc<[u8]>> {
    let default = data_dir.join("secret");
    let path = named.unwrap_or(&default);
    if named.is_none() {
        make(path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let secret = fs::read(path).with_context(|| {
        format!("cannot read the secret {}: check --secret-file", path.display())
    })?;
    ensure!(
        secret.len() >= MIN_SECRET_BYTES,
        "the secret {} has {} bytes and needs {MIN_SECRET_BYTES} or more \
         (head -c 32 /dev/urandom > FILE)",
        path.display(),
        secret.len()
    );
    Ok(Arc::from(secret))
}

/// Makes the file if it is missing. If two replicas start at once, the first one's secret
/// stays, because the link appears only with the whole content.
fn make(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut secret = [0_u8; MIN_SECRET_BYTES];
    getrandom::fill(&mut secret)
        .context("the operating system gives no random numbers")?;
    let draft = path.with_extension(format!("{}.draft", uuid::Uuid::new_v4().simple()));
    let mut out =
        fs::File::options().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = out
        .write_all(&secret)
        .and_then(|()| out.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    let _only_a_draft = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        linked => linked?,
    }
    // If a power failure removed the name, sealed values could never be opened again.
    let folder = path.parent().context("the path has a folder")?;
    Ok(fs::File::open(folder)?.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_on_one_folder_share_one_secret() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(None, dir.path()).unwrap();
        assert_eq!(open(None, dir.path()).unwrap(), first);
        assert_eq!(first.len(), MIN_SECRET_BYTES);
    }

    #[test]
    fn short_or_missing_secret_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("short");
        assert!(open(Some(&path), dir.path()).is_err());
        fs::write(&path, "short").unwrap();
        let refused = open(Some(&path), dir.path()).unwrap_err().to_string();
        assert!(refused.contains("5 bytes"), "{refused}");
    }
}
