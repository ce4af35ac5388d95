//! The environment of a build. A source file can read it (`option_env!`) and copy it into
//! the program. A CI job's environment holds secrets, so a build gets only the variables
//! that cargo, the compiler and the linker need.

use std::ffi::OsString;

/// Whether a build may use the network. The URL of a proxy may contain a password, so a
/// student's source is compiled without network settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// The lab's own source is built.
    Allowed,
    /// A student's source is built.
    Denied,
}

/// Variables with the paths of tools and libraries.
const TOOL_VARIABLES: [&str; 14] = [
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

/// Prefixes of tool settings. Cargo's tokens have other names (`CARGO_REGISTRY_TOKEN`).
const TOOL_PREFIXES: [&str; 3] = ["RUSTUP_", "CARGO_BUILD_", "CARGO_TARGET_"];

/// Variables with network settings, compared without case.
const NETWORK_VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Prefixes of cargo's network settings.
const CARGO_NETWORK_PREFIXES: [&str; 2] = ["CARGO_HTTP_", "CARGO_NET_"];

/// The variables that a build gets, and those that the grader adds. The sandbox adds
/// `PATH`.
pub(super) fn build_environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
    network: Network,
) -> Vec<(String, OsString)> {
    let kept = variables.filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        is_passed_on(&name, network).then_some((name, value))
    });
    kept.chain([("CARGO_TERM_COLOR".to_owned(), "never".into())]).collect()
}

fn is_passed_on(name: &str, network: Network) -> bool {
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    let network_variable =
        NETWORK_VARIABLES.contains(&name.to_ascii_uppercase().as_str());
    TOOL_VARIABLES.contains(&name)
        || begins(&TOOL_PREFIXES)
        || network == Network::Allowed
            && (network_variable || begins(&CARGO_NETWORK_PREFIXES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_build_gets_tools_but_no_secrets_and_no_proxy() {
        let given =
            |name| [Network::Allowed, Network::Denied].map(|to| is_passed_on(name, to));
        for tool in ["HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME", "CARGO_TARGET_DIR"] {
            assert_eq!(given(tool), [true, true], "{tool}");
        }
        for network_variable in ["https_proxy", "NO_PROXY", "CARGO_HTTP_CAINFO"] {
            assert_eq!(given(network_variable), [true, false], "{network_variable}");
        }
        for secret in ["TOKEN", "GITHUB_TOKEN", "CARGO_REGISTRY_TOKEN", "REDIS_URL"] {
            assert_eq!(given(secret), [false, false], "{secret}");
        }
    }
}
