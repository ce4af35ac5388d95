//! The environment of a build. A source can read it (`option_env!`) and carry it into the
//! program, so it holds what cargo, the compiler and the linker need, and nothing else: a
//! CI job's own holds secrets.

use std::ffi::OsString;

/// Whether a build may ask the network. A proxy's address may hold a password, so whoever
/// compiles a reader's source does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// What is built is the lab's.
    Yes,
    /// It is a reader's.
    No,
}

/// Where tools and libraries are.
const TOOLS: [&str; 14] = [
    "HOME",
    "CARGO_HOME",
    "TMPDIR",
    "AR",
    "CC",
    "CFLAGS",
    "CPATH",
    "CXX",
    "DEVELOPER_DIR",
    "LD_LIBRARY_PATH",
    "LIBRARY_PATH",
    "PKG_CONFIG_PATH",
    "SDKROOT",
    "USER",
];

/// How tools are set up. Cargo's tokens have other names (`CARGO_REGISTRY_TOKEN`).
const SET_UP: [&str; 3] = ["RUSTUP_", "CARGO_BUILD_", "CARGO_TARGET_"];

/// How to get at what has to be downloaded; in any case of letters.
const NETWORK: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// The beginnings of cargo's own settings of the same kind.
const CARGOS_NETWORK: [&str; 2] = ["CARGO_HTTP_", "CARGO_NET_"];

/// What of our environment a build is given, with what the grader adds. `PATH` is given to
/// everybody.
pub(super) fn of_a_build(
    ours: impl Iterator<Item = (OsString, OsString)>,
    network: Network,
) -> Vec<(String, OsString)> {
    let kept = ours.filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        is_given(&name, network).then_some((name, value))
    });
    kept.chain([("CARGO_TERM_COLOR".to_owned(), "never".into())]).collect()
}

fn is_given(name: &str, network: Network) -> bool {
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    let way_out = NETWORK.contains(&name.to_ascii_uppercase().as_str());
    TOOLS.contains(&name)
        || begins(&SET_UP)
        || network == Network::Yes && (way_out || begins(&CARGOS_NETWORK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readers_build_is_given_tools_and_neither_secrets_nor_a_proxy() {
        let given = |name| [Network::Yes, Network::No].map(|to| is_given(name, to));
        for tool in ["HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME", "CARGO_TARGET_DIR"] {
            assert_eq!(given(tool), [true, true], "{tool}");
        }
        for way_out in ["https_proxy", "NO_PROXY", "CARGO_HTTP_CAINFO"] {
            assert_eq!(given(way_out), [true, false], "{way_out}");
        }
        for secret in ["TOKEN", "GITHUB_TOKEN", "CARGO_REGISTRY_TOKEN", "REDIS_URL"] {
            assert_eq!(given(secret), [false, false], "{secret}");
        }
    }
}
