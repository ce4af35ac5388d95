//! From the symptoms of a failure to the place of the state.

use crate::expectation::Mismatch;
use serde::Serialize;

/// A place for state that other replicas do not see, or that a restart empties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateKind {
    /// In the memory of the replica.
    ReplicaMemory,
    /// In its memory or on its disk: the replica could not be restarted to decide it.
    MemoryOrDisk,
    /// On the local disk of the replica.
    LocalDisk,
    /// A number that each process counts by itself.
    HiddenCounter,
    /// A user's progress, stored by the process that handled the earlier steps.
    StepOrder,
    /// Work or data that was accepted and waits in the memory of one process.
    InProcessQueue,
    /// A copy that is not invalidated when another replica changes the original.
    StaleCopy,
    /// In the memory of all replicas, which send each other changes.
    SpreadMemory,
}

/// The effect of a restart at the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterRestart {
    Kept,
    Lost,
    Unknown,
}

/// The observations about a switch that fails.
pub(crate) struct Symptoms<'a> {
    pub(crate) mismatch: &'a Mismatch,
    /// Whether the failing request carries a value that a needed step returned.
    pub(crate) carries_value: bool,
    /// Whether a needed step only accepts work.
    pub(crate) finishes_later: bool,
    pub(crate) after_restart: AfterRestart,
}

impl StateKind {
    /// The place of the state that a switch does not find.
    pub(crate) const fn of(symptoms: &Symptoms<'_>) -> Self {
        match symptoms.after_restart {
            AfterRestart::Kept => return Self::LocalDisk,
            AfterRestart::Lost | AfterRestart::Unknown if symptoms.finishes_later => {
                return Self::InProcessQueue;
            }
            AfterRestart::Lost | AfterRestart::Unknown => {}
        }
        match symptoms.mismatch {
            Mismatch::Number { .. } => Self::HiddenCounter,
            Mismatch::Status { actual, .. }
                if !symptoms.carries_value && !matches!(actual, 401 | 404 | 410) =>
            {
                Self::StepOrder
            }
            _ if matches!(symptoms.after_restart, AfterRestart::Unknown) => {
                Self::MemoryOrDisk
            }
            _ => Self::ReplicaMemory,
        }
    }

    /// The place, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::ReplicaMemory => "the replica's memory",
            Self::MemoryOrDisk => "the replica's memory or its disk",
            Self::LocalDisk => "the replica's own disk",
            Self::HiddenCounter => "a hidden counter",
            Self::StepOrder => "step order",
            Self::InProcessQueue => "a queue or buffer in the process",
            Self::StaleCopy => "a stale copy",
            Self::SpreadMemory => "memory that the replicas share among themselves",
        }
    }

    /// The observations that lead to it.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::ReplicaMemory => {
                "It works on the replica that saw the earlier step and fails on another, \
                 and a restart loses it too."
            }
            Self::MemoryOrDisk => {
                "It works on the replica that saw the earlier step and fails on another. \
                 Without a restart, memory and disk cannot be distinguished."
            }
            Self::LocalDisk => {
                "It survives a restart of the replica, and another replica does not see \
                 it: it was written to local storage."
            }
            Self::HiddenCounter => {
                "No request is refused, but the replicas answer with different numbers: \
                 each counts its own requests."
            }
            Self::StepOrder => {
                "The request carries no value of the earlier step, and a replica that \
                 did not see that step refuses it: the replica stores the user's \
                 progress."
            }
            Self::InProcessQueue => {
                "The accepted work was lost or never finished after the process that \
                 accepted it had ended, or only that process has it. The service \
                 acknowledged work that was only in memory."
            }
            Self::StaleCopy => {
                "The effect of a step at another replica is not seen afterwards: the \
                 first replica goes on answering from its old copy."
            }
            Self::SpreadMemory => {
                "Every replica answers, and one may be restarted, but when all are down \
                 at the same time it is lost: the replicas hold copies in memory only."
            }
        }
    }

    /// Typical places in the code.
    #[must_use]
    pub const fn code_hints(self) -> &'static str {
        match self {
            Self::ReplicaMemory | Self::MemoryOrDisk => {
                "a map, list or key that lives as long as the process, filled by the \
                 earlier step"
            }
            Self::LocalDisk => {
                "a path on the machine itself: an upload folder, a temporary file, an \
                 embedded database"
            }
            Self::HiddenCounter => "a number in a global or static variable",
            Self::StepOrder => "a \"current step\" or \"draft\" kept per user in memory",
            Self::InProcessQueue => {
                "a channel, thread or task that does the work, or a buffer that is written \
                 out later"
            }
            Self::StaleCopy => "a cache that is not shared and not invalidated",
            Self::SpreadMemory => "gossip or session replication between the replicas",
        }
    }
}
