//! HTTPS for clients: a certificate, a handshake with a timeout, and an error response for
//! plain HTTP on this port.
//!
//! TLS 1.2 and 1.3 with rustls' defaults (ASVS 12.1.1). HTTP/1.1 is the only protocol
//! offered, so the handshake fails for a client that requires another (RFC 7301).

mod certificate;
mod plain;

use crate::config::TlsArgs;
use crate::tls::certificate::{KeyMaterial, SelfSigned};
use anyhow::Context;
use http::HeaderValue;
use http_edge::accept::Accept;
use rustls::ServerConfig;
use rustls::crypto::ring;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The first byte of a TLS connection: a record of type "handshake" (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// The balancer's TLS.
pub(crate) struct Tls {
    acceptor: TlsAccept,
    self_signed: Option<SelfSigned>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// The TLS settings of the flags; `None` is plain HTTP.
    ///
    /// # Errors
    /// When a file cannot be read or written, or key and certificate do not match.
    pub(crate) fn open(
        args: &TlsArgs,
        served_by: &HeaderValue,
    ) -> anyhow::Result<Option<Self>> {
        let Some(KeyMaterial { chain, key, self_signed }) = KeyMaterial::of(args)? else {
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
        let handshake_timeout = Duration::from_millis(args.handshake_timeout_ms);
        let served_by = served_by.clone();
        let acceptor = TlsAccept { acceptor, handshake_timeout, served_by };
        Ok(Some(Self { acceptor, self_signed }))
    }

    /// The file with the self-signed certificate, if there is one.
    pub(crate) fn certificate_file(&self) -> Option<&Path> {
        self.self_signed.as_ref().map(SelfSigned::file)
    }

    /// The handshake for each connection.
    pub(crate) fn acceptor(&self) -> TlsAccept {
        self.acceptor.clone()
    }
}

/// Prints the path of the certificate on standard output.
pub(crate) fn announce(file: &Path) {
    let file = file.display();
    tracing::info!(%file, "clients can trust this certificate: curl --cacert {file}");
    let _output_is_closed = writeln!(io::stdout(), "certificate {file}").is_err();
}

/// The TLS handshake.
#[derive(Clone)]
pub(crate) struct TlsAccept {
    acceptor: TlsAcceptor,
    handshake_timeout: Duration,
    /// The balancer's name, for the response to plain HTTP.
    served_by: HeaderValue,
}

impl Accept for TlsAccept {
    type Stream = TlsStream<TcpStream>;

    async fn accept(&self, stream: TcpStream) -> io::Result<Self::Stream> {
        let handshake = async {
            let mut first = [0];
            let is_tls =
                stream.peek(&mut first).await? == 0 || first[0] == HANDSHAKE_RECORD;
            if !is_tls {
                plain::refuse(stream, &self.served_by).await?;
                return Err(io::Error::other("not TLS"));
            }
            self.acceptor.accept(stream).await
        };
        let timed = tokio::time::timeout(self.handshake_timeout, handshake).await;
        timed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    fn socket(stream: &Self::Stream) -> Option<&TcpStream> {
        Some(stream.get_ref().0)
    }
}
