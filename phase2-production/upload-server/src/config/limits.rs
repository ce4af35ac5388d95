//! Flags for how much is too much.

use clap::Args;
use ipnet::IpNet;
use std::net::IpAddr;

/// How much is too much. With Redis the count is one for all replicas; without, each
/// replica counts for itself.
#[derive(Args, Clone, Debug)]
pub struct LimitArgs {
    /// Wrong passwords that one account may be tried with in a window (ASVS 6.3.1)
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub attempts_per_account: u32,

    /// Wrong passwords that may come from one address in a window, and as many unknown tokens
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub attempts_per_address: u32,

    /// Milliseconds of that window; a lockout ends by itself with it
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    pub attempts_window_ms: u64,

    /// Refreshes that one login may ask for in a window, and as many logouts
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub refreshes_per_login: u32,

    /// Requests that one caller may make in a second
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub requests_per_second: u32,

    /// Proxy that may say in X-Forwarded-For who asked: an address, or a network such as
    /// 10.1.2.0/24; may be repeated, or a list with commas. One on this machine always may
    #[arg(long = "trusted-proxy", env = "TRUSTED_PROXY", value_name = "CIDR",
          value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
}

/// An address alone is the network that has no other.
fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "an address, or one with a prefix: 10.1.2.0/24".to_owned())
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
    fn proxies_are_addresses_or_networks_one_or_several() {
        let flag = "--trusted-proxy";
        let several = [flag, "10.1.2.3", flag, "10.2.0.0/16,fd00::/8"];
        let expected = ["10.1.2.3/32", "10.2.0.0/16", "fd00::/8"].map(str::to_owned);
        assert_eq!(parsed(&several), Some(expected.to_vec()));
        for wrong in ["", "balancer", "10.1.2.3/33", "10.1.2/24", "10.1.2.3:80"] {
            assert_eq!(parsed(&[flag, wrong]), None, "{wrong}");
        }
    }
}
