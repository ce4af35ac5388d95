//! The commands that a cluster takes for one of its members.

use crate::control::DEFAULT_NAME;
use serde::{Deserialize, Serialize};

/// A command line that an error or a page recommends, such as `restart r1`, for the cluster of
/// that name. The default name is left out.
#[must_use]
pub fn hint(command: &str, cluster: &str) -> String {
    match cluster {
        DEFAULT_NAME => format!("cargo lab {command}"),
        name => format!("cargo lab {command} --name {name}"),
    }
}

/// A command for one member of a cluster.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberAction {
    /// SIGKILL: a crash. The process ends without finishing anything.
    Kill,
    /// SIGTERM: an orderly stop. The process finishes its open requests.
    Stop,
    /// SIGSTOP: a hang. The process exists and answers no request.
    Pause,
    /// SIGCONT: the end of a hang.
    Resume,
    /// The balancer sends no new clients; the process keeps running.
    Drain,
    /// The balancer sends new clients again.
    Undrain,
    /// An orderly stop if the process runs, and a new start.
    Restart,
}

impl MemberAction {
    /// The name of the command in URLs and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Drain => "drain",
            Self::Undrain => "undrain",
            Self::Restart => "restart",
        }
    }
}
