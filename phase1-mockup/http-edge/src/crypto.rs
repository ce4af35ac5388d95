//! The cryptography provider of TLS, one for a process.

/// Installs `ring` as the provider, unless the process has one. A `reqwest::Client` panics
/// without a provider, even if it only speaks plain HTTP.
pub fn install_provider() {
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
}
