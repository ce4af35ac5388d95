//! Flags for what callers are known by: sessions, and tokens.

use crate::sessions::SessionLimits;
use clap::{Args, ValueEnum};
use std::time::Duration;

/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// How long sessions live, and how many there may be.
#[derive(Args, Clone, Debug)]
pub struct SessionArgs {
    /// Milliseconds of silence after which a session dies
    #[arg(long, value_name = "MS", default_value_t = 3_600_000)]
    pub idle_timeout_ms: u64,

    /// Milliseconds after which a session dies however busy it is
    #[arg(long, value_name = "MS", default_value_t = 43_200_000)]
    pub absolute_timeout_ms: u64,

    /// Live sessions in this process beyond which nobody new gets in
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub max_sessions: usize,

    /// Live sessions that one person may have; a new one ends the oldest (ASVS 7.1.2)
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_sessions_per_user: u32,

    /// Milliseconds between two sweeps for what is dead
    #[arg(long, value_name = "MS", default_value_t = 30_000,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub sweep_ms: u64,
}

impl SessionArgs {
    /// How long a session may live, and how many there may be.
    #[must_use]
    pub const fn limits(&self) -> SessionLimits {
        SessionLimits {
            idle: Duration::from_millis(self.idle_timeout_ms),
            absolute: Duration::from_millis(self.absolute_timeout_ms),
            max_live: self.max_sessions,
            max_per_user: self.max_sessions_per_user,
        }
    }
}

/// What tokens are signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SigningAlgorithm {
    /// Ed25519 (RFC 8037): short keys, short signatures, nothing to get wrong.
    #[default]
    Eddsa,
    /// RSA with 3072 bits: what most of the world still checks. OWASP's JWT sheet no
    /// longer recommends it; it is here to be compared.
    Rs256,
}

/// What ends an access token before its time, and what asking costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Revocation {
    /// Nothing: it lives until it expires. No lookup.
    None,
    /// Nothing, but it expires within a minute. No lookup.
    ShortLived,
    /// A list of dead tokens. One lookup a request.
    DenyList,
    /// A version of the user that each token names. One lookup a request.
    TokenVersion,
    /// Both, in one lookup a request.
    #[default]
    Combined,
}

/// How tokens are made and unmade.
#[derive(Args, Clone, Debug)]
pub struct TokenArgs {
    /// Milliseconds after which an access token dies, rounded up to whole seconds; a day at
    /// most
    #[arg(long, value_name = "MS", default_value_t = 900_000,
          value_parser = clap::value_parser!(u64).range(1..=DAY_MS))]
    pub token_ttl_ms: u64,

    /// Milliseconds after which a refresh token dies; a year at most
    #[arg(long, value_name = "MS", default_value_t = 604_800_000,
          value_parser = clap::value_parser!(u64).range(1..=365 * DAY_MS))]
    pub refresh_ttl_ms: u64,

    /// Milliseconds in which a refresh token may come twice, because an answer was lost or
    /// two requests were quicker than one; after that a repetition is a theft
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub refresh_grace_ms: u64,

    /// What new tokens are signed with
    #[arg(long, value_enum, default_value_t)]
    pub signing_algorithm: SigningAlgorithm,

    /// What ends an access token before its time
    #[arg(long, value_enum, default_value_t)]
    pub revocation: Revocation,

    /// Milliseconds between two looks for new signing keys, an hour at most; a new key signs
    /// after three
    #[arg(long, value_name = "MS", default_value_t = 5_000,
          value_parser = clap::value_parser!(u64).range(50..=3_600_000))]
    pub key_refresh_ms: u64,
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use clap::Parser;

    #[test]
    fn times_that_cannot_be_counted_with_are_refused() {
        let max = u64::MAX.to_string();
        for flag in ["--key-refresh-ms", "--token-ttl-ms", "--refresh-ttl-ms"] {
            for wrong in ["0", max.as_str()] {
                let parsed = Config::try_parse_from(["upload-server", flag, wrong]);
                assert!(parsed.is_err(), "{flag} {wrong} was taken");
            }
        }
    }
}
