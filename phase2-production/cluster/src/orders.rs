//! What can be done to a member, by whom it is named, and what it is for.

use serde::{Deserialize, Serialize};

/// An order for one member of a cluster.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// SIGKILL: a crash. Nothing is finished, nothing is said.
    Kill,
    /// SIGTERM: an orderly stop. Requests under way are finished.
    Stop,
    /// SIGSTOP: a hang. The process lives and answers nobody.
    Pause,
    /// SIGCONT: the end of a hang.
    Resume,
    /// No new clients from the balancer; the process goes on.
    Drain,
    /// New clients again.
    Undrain,
    /// An orderly stop, if it runs, and a new start.
    Restart,
}

impl Order {
    /// The order as one word, as it stands in a URL.
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
