//! HTTPS between clients and the balancer.

use anyhow::{Context, ensure};
use clap::Args;
use cluster::Tls;
use load_balancer::config::Certificate;
use reqwest::Url;
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
pub(super) struct TlsArgs {
    /// Speak HTTPS: with a certificate made for this machine (self-signed), or with the
    /// PEM file of a certificate chain of yours [default: plain HTTP]
    #[arg(long = "tls", value_name = "self-signed|CERT")]
    certificate: Option<Certificate>,

    /// PEM file with the private key of your certificate
    #[arg(long = "tls-key", value_name = "KEY", requires = "certificate")]
    key: Option<PathBuf>,

    /// Address that clients know, such as <https://lab.example>: the name in your
    /// certificate, or that of a proxy before the balancer [default: where it listens]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl TlsArgs {
    /// What the balancer speaks, and under which address clients know it.
    ///
    /// # Errors
    /// When the flags contradict each other. Whether the files can be used is for the
    /// balancer to say, which starts before anything else.
    pub(super) fn read(self) -> anyhow::Result<(Option<Tls>, Option<String>)> {
        let tls = match (self.certificate, self.key) {
            (None, _) => None,
            (Some(Certificate::SelfSigned), None) => Some(Tls::SelfSigned),
            (Some(Certificate::SelfSigned), Some(_)) => {
                anyhow::bail!("--tls self-signed makes its own key; leave --tls-key out")
            }
            (Some(Certificate::File(chain)), Some(key)) => {
                Some(Tls::Given { chain, key })
            }
            (Some(Certificate::File(chain)), None) => anyhow::bail!(
                "--tls {}: a certificate needs its key; give --tls-key",
                chain.display()
            ),
        };
        if let Some(url) = &self.public_url {
            check(url, tls.is_some()).with_context(|| format!("--public-url {url}"))?;
        }
        Ok((tls, self.public_url))
    }
}

/// A scheme, a host and at most a port: what browsers call an origin (RFC 6454 §4).
fn check(url: &str, encrypted: bool) -> anyhow::Result<()> {
    let parsed =
        Url::parse(url).context("it is no address such as https://lab.example")?;
    ensure!(
        encrypted || ["http", "https"].contains(&parsed.scheme()),
        "it begins with http:// or https://"
    );
    ensure!(
        !encrypted || parsed.scheme() == "https",
        "with --tls it begins with https://"
    );
    let bare =
        parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
    ensure!(
        bare && parsed.username().is_empty() && parsed.password().is_none(),
        "it is a scheme, a host and at most a port, as in https://lab.example"
    );
    Ok(())
}
