//! The options of a client, and the only place that configures the HTTP library.

use std::time::Duration;

/// The options of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The timeout of one call, from connecting to the last byte.
    pub timeout: Duration,
    /// Store cookies and send them back.
    pub keep_cookies: bool,
    /// Send several requests over one connection. Without it, a balancer selects a replica for
    /// each request.
    pub reuse_connections: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            keep_cookies: false,
            reuse_connections: true,
        }
    }
}

impl Options {
    /// The default options, with a new connection for each request: a balancer selects a
    /// replica for each connection.
    #[must_use]
    pub fn with_new_connections() -> Self {
        Self { reuse_connections: false, ..Self::default() }
    }

    /// These options for the HTTP library, which keeps no cookies. It follows no redirects,
    /// repeats no request and uses no proxy, because each of them would hide the behaviour of
    /// a server or a balancer.
    pub fn builder(self) -> reqwest::ClientBuilder {
        http_edge::crypto::install_provider();
        let idle = if self.reuse_connections { usize::MAX } else { 0 };
        reqwest::Client::builder()
            .timeout(self.timeout)
            .pool_max_idle_per_host(idle)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
    }

    /// An HTTP client with these options.
    ///
    /// # Panics
    /// When the HTTP library cannot be initialised.
    #[must_use]
    pub fn build(self) -> reqwest::Client {
        self.builder().build().expect("a client can be built")
    }
}
