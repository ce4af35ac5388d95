//! HTTPS between clients and the balancer.

use anyhow::{Context, ensure};
use clap::Args;
use launcher::Tls;
use load_balancer::config::Certificate;
use reqwest::Url;
use std::path::PathBuf;

#[derive(Args, Clone, Debug)]
pub(super) struct TlsArgs {
    /// Serve HTTPS: with a generated certificate (self-signed), or with the PEM file of
    /// your certificate chain [default: plain HTTP]
    #[arg(long = "tls", value_name = "self-signed|CERT")]
    certificate: Option<Certificate>,

    /// PEM file with the private key of your certificate
    #[arg(long = "tls-key", value_name = "KEY", requires = "certificate")]
    key: Option<PathBuf>,

    /// Public address, such as <https://lab.example>: the name in your certificate, or that
    /// of a proxy in front of the balancer [default: the listen address]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl TlsArgs {
    /// The TLS settings of the balancer, and the public address.
    ///
    /// # Errors
    /// When the flags contradict each other. The balancer checks the files; it is the first
    /// process that starts.
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
        Url::parse(url).context("it is not an address such as https://lab.example")?;
    ensure!(
        encrypted || ["http", "https"].contains(&parsed.scheme()),
        "it must start with http:// or https://"
    );
    ensure!(
        !encrypted || parsed.scheme() == "https",
        "with --tls it must start with https://"
    );
    let bare =
        parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
    ensure!(
        bare && parsed.username().is_empty() && parsed.password().is_none(),
        "it must be a scheme, a host and at most a port, as in https://lab.example"
    );
    Ok(())
}
