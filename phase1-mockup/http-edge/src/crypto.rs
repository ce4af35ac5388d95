//! The cryptography behind TLS, chosen once for a process.

/// Chooses `ring`, unless the process has chosen already. A `reqwest::Client` asks for a
/// choice even where nothing is encrypted, and panics without one.
pub fn choose() {
    let _chosen_already = rustls::crypto::ring::default_provider().install_default();
}
