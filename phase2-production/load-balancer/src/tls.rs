//! HTTPS for clients: a certificate, a handshake with a deadline, and a plain word for who
//! speaks plain HTTP to this port.
//!
//! TLS 1.2 and 1.3 with rustls' defaults (ASVS 12.1.1). HTTP/1.1 is the only protocol
//! offered, so a client that insists on another is told so in the handshake (RFC 7301).

mod certificate;
mod plain;

use crate::config::TlsArgs;
use crate::tls::certificate::{Material, SelfSigned};
use anyhow::Context;
use http_edge::door::Door;
use rustls::ServerConfig;
use rustls::crypto::ring;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What begins every TLS connection: a record of type "handshake" (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// The balancer's TLS.
pub(crate) struct Tls {
    door: TlsDoor,
    written: Option<SelfSigned>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// What the flags ask for; `None` is plain HTTP.
    ///
    /// # Errors
    /// When a file cannot be read or written, or key and certificate do not fit.
    pub(crate) fn open(args: &TlsArgs) -> anyhow::Result<Option<Self>> {
        let Some(Material { chain, key, written }) = Material::of(args)? else {
            return Ok(None);
        };
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("--tls")?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .context("--tls: this certificate and --tls-key cannot be used together")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let patience = Duration::from_millis(args.handshake_timeout_ms);
        Ok(Some(Self { door: TlsDoor { acceptor, patience }, written }))
    }

    /// Where the self-signed certificate was written, if one was made.
    pub(crate) fn certificate_file(&self) -> Option<&Path> {
        self.written.as_ref().map(SelfSigned::file)
    }

    /// What each connection goes through.
    pub(crate) fn door(&self) -> TlsDoor {
        self.door.clone()
    }
}

/// Says on standard output where the certificate is.
pub(crate) fn announce(file: &Path) {
    let file = file.display();
    tracing::info!(%file, "clients can trust this certificate: curl --cacert {file}");
    let _nobody_listens = writeln!(io::stdout(), "certificate {file}").is_err();
}

/// The handshake.
#[derive(Clone)]
pub(crate) struct TlsDoor {
    acceptor: TlsAcceptor,
    patience: Duration,
}

impl Door for TlsDoor {
    type Stream = TlsStream<TcpStream>;

    async fn enter(&self, stream: TcpStream) -> io::Result<Self::Stream> {
        let handshake = async {
            let mut first = [0];
            let speaks_tls = stream.peek(&mut first).await? == 0 || first[0] == HANDSHAKE;
            if !speaks_tls {
                plain::refuse(stream).await?;
                return Err(io::Error::other("not TLS"));
            }
            self.acceptor.accept(stream).await
        };
        let timed = tokio::time::timeout(self.patience, handshake).await;
        timed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}
