//! The certificate and its key: from files, or generated at the start.

use crate::config::{Certificate, TlsArgs};
use anyhow::{Context, bail};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The subject names of the self-signed certificate.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate chain and its private key.
pub(super) struct KeyMaterial {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) self_signed: Option<SelfSigned>,
}

impl KeyMaterial {
    /// The certificate that the flags name; `None` if they name none.
    pub(super) fn of(args: &TlsArgs) -> anyhow::Result<Option<Self>> {
        match (&args.certificate, &args.key) {
            (None, _) => Ok(None),
            (Some(Certificate::SelfSigned), Some(_)) => {
                bail!("--tls self-signed generates its own key; omit --tls-key")
            }
            (Some(Certificate::SelfSigned), None) => {
                Self::generate(args.certificate_out.as_deref()).map(Some)
            }
            (Some(Certificate::File(file)), None) => bail!(
                "--tls {}: a certificate needs its key; give --tls-key",
                file.display()
            ),
            (Some(Certificate::File(file)), Some(key)) => Self::read(file, key).map(Some),
        }
    }

    fn read(file: &Path, key_file: &Path) -> anyhow::Result<Self> {
        let flag = || format!("--tls {}", file.display());
        let chain: Vec<_> = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect)
            .with_context(flag)?;
        if chain.is_empty() {
            bail!("{}: there is no PEM certificate in this file", flag());
        }
        let key = PrivateKeyDer::from_pem_file(key_file)
            .with_context(|| format!("--tls-key {}", key_file.display()))?;
        Ok(Self { chain, key, self_signed: None })
    }

    fn generate(out: Option<&Path>) -> anyhow::Result<Self> {
        let key = KeyPair::generate().context("cannot generate a key")?;
        let mut params = CertificateParams::new(LOCAL_NAMES.map(str::to_owned))?;
        params.distinguished_name.push(DnType::CommonName, "load-balancer of the lab");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate =
            params.self_signed(&key).context("cannot generate a certificate")?;
        let self_signed = SelfSigned::write(&certificate.pem(), out)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let chain = vec![certificate.der().clone()];
        Ok(Self { chain, key: key.into(), self_signed: Some(self_signed) })
    }
}

/// The file with the self-signed certificate. The key is not written to a file.
pub(super) struct SelfSigned {
    file: PathBuf,
    /// A temporary file is removed at the end; a file that a flag names is kept.
    temporary: bool,
}

impl SelfSigned {
    fn write(pem: &str, out: Option<&Path>) -> anyhow::Result<Self> {
        let file = out.map_or_else(temporary_file, Path::to_path_buf);
        let opened = match out {
            Some(named) => File::create(named),
            // An existing file may be another user's symbolic link.
            None => OpenOptions::new().write(true).create_new(true).open(&file),
        };
        opened.and_then(|mut opened| opened.write_all(pem.as_bytes())).with_context(
            || {
                format!(
                    "cannot write {}: choose with --tls-certificate-out",
                    file.display()
                )
            },
        )?;
        Ok(Self { file, temporary: out.is_none() })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

fn temporary_file() -> PathBuf {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanos = now.map_or(0, |now| now.as_nanos());
    let name = format!("load-balancer-{}-{nanos}.pem", std::process::id());
    std::env::temp_dir().join(name)
}

impl Drop for SelfSigned {
    fn drop(&mut self) {
        if self.temporary {
            let _already_removed = fs::remove_file(&self.file);
        }
    }
}
