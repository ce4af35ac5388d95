//! Flags for rate limits.

use clap::Args;
use http_edge::args::at_least_one;
use ipnet::IpNet;
use std::net::IpAddr;

/// Rate limits. With Redis one count holds for all replicas; without Redis each replica
/// counts alone.
#[derive(Args, Clone, Debug)]
pub struct LimitArgs {
    /// Wrong passwords for one account in a window (ASVS 6.3.1)
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = at_least_one::<u32>())]
    pub attempts_per_account: u32,

    /// Wrong passwords from one address in a window; the same number for unknown tokens,
    /// and for unknown session ids
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = at_least_one::<u32>())]
    pub attempts_per_address: u32,

    /// Milliseconds of that window; a lockout ends with it
    #[arg(long, value_name = "MS", default_value_t = 60_000,
          value_parser = at_least_one::<u64>())]
    pub attempts_window_ms: u64,

    /// Refreshes of one login in a window; the same number for logouts
    #[arg(long, value_name = "N", default_value_t = 60,
          value_parser = at_least_one::<u32>())]
    pub refreshes_per_login: u32,

    /// Requests of one caller per second
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = at_least_one::<u32>())]
    pub requests_per_second: u32,

    /// Trusted proxy for X-Forwarded-For: an address, or a network such as
    /// 10.1.2.0/24; may be repeated, or a list with commas. Loopback peers are always
    /// trusted
    #[arg(long = "trusted-proxy", env = "TRUSTED_PROXY", value_name = "CIDR",
          value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
}

/// An address alone is a network of one host.
fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "write an address, or a network such as 10.1.2.0/24".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use clap::Parser;

    fn parsed(flags: &[&str]) -> Option<Vec<String>> {
        let flags = ["upload-server"].iter().chain(flags);
        let config = Config::try_parse_from(flags).ok()?;
        Some(config.limits.trusted_proxies.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn zero_is_refused_where_no_request_could_be_served() {
        for flag in [
            "--max-upload",
            "--quota",
            "--max-files",
            "--upload-life-ms",
            "--idle-timeout-ms",
            "--absolute-timeout-ms",
            "--max-sessions",
            "--max-sessions-per-user",
            "--sweep-ms",
            "--attempts-per-account",
            "--attempts-per-address",
            "--attempts-window-ms",
            "--refreshes-per-login",
            "--requests-per-second",
        ] {
            let parsed = |value| Config::try_parse_from(["upload-server", flag, value]);
            assert!(parsed("0").is_err(), "{flag}");
            assert!(parsed("1").is_ok(), "{flag}");
        }
    }

    #[test]
    fn proxy_flag_takes_addresses_networks_and_lists() {
        let flag = "--trusted-proxy";
        let several = [flag, "10.1.2.3", flag, "10.2.0.0/16,fd00::/8"];
        let expected = ["10.1.2.3/32", "10.2.0.0/16", "fd00::/8"].map(str::to_owned);
        assert_eq!(parsed(&several), Some(expected.to_vec()));
        for wrong in ["", "balancer", "10.1.2.3/33", "10.1.2/24", "10.1.2.3:80"] {
            assert_eq!(parsed(&[flag, wrong]), None, "{wrong}");
        }
    }
}
