//! Flags for how much is too much.

use clap::Args;

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
}
