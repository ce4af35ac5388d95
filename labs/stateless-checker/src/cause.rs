//! What a failure says about where the state is.

use crate::expectation::Wrong;
use serde::Serialize;

/// A place for state that other replicas do not see, or that a restart empties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// In the memory of the process that answered.
    ReplicaMemory,
    /// In its memory or on its disk: it could not be restarted, so which is not known.
    MemoryOrDisk,
    /// On the disk of the machine that answered.
    LocalDisk,
    /// A number that each process counts for itself.
    HiddenCounter,
    /// How far a user has come, remembered by the process that saw the earlier steps.
    StepOrder,
    /// Work or data that was accepted, and waits in the memory of one process.
    InProcessQueue,
    /// A copy that is not told when another replica changes the original.
    StaleCopy,
    /// In the memory of all replicas, which tell each other.
    SpreadMemory,
}

/// What a restart at the cut did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterRestart {
    Kept,
    Lost,
    NotKnown,
}

/// What is known of a switch that fails.
pub(crate) struct Symptoms<'a> {
    pub(crate) wrong: &'a Wrong,
    /// Whether the failing request carries something that a needed step gave out.
    pub(crate) carries: bool,
    /// Whether a needed step only accepts work.
    pub(crate) later: bool,
    pub(crate) restart: AfterRestart,
}

impl Kind {
    /// Where the state is that a switch does not find.
    pub(crate) const fn of(symptoms: &Symptoms<'_>) -> Self {
        match symptoms.restart {
            AfterRestart::Kept => return Self::LocalDisk,
            AfterRestart::Lost | AfterRestart::NotKnown if symptoms.later => {
                return Self::InProcessQueue;
            }
            AfterRestart::Lost | AfterRestart::NotKnown => {}
        }
        match symptoms.wrong {
            Wrong::Number { .. } => Self::HiddenCounter,
            Wrong::Status { actual, .. }
                if !symptoms.carries && !matches!(actual, 401 | 404 | 410) =>
            {
                Self::StepOrder
            }
            _ if matches!(symptoms.restart, AfterRestart::NotKnown) => Self::MemoryOrDisk,
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

    /// Which observations say so.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::ReplicaMemory => {
                "It works on the replica that saw the earlier step and fails on another, \
                 and a restart loses it too."
            }
            Self::MemoryOrDisk => {
                "It works on the replica that saw the earlier step and fails on another. \
                 Whether a restart loses it too is not known, and that is what tells \
                 memory from disk."
            }
            Self::LocalDisk => {
                "It survives a restart of the replica and is not seen by another one: it \
                 was written down, where nobody else looks."
            }
            Self::HiddenCounter => {
                "Nothing is refused; the replicas answer with different numbers. Each \
                 counts what it has seen itself."
            }
            Self::StepOrder => {
                "The request carries nothing that the earlier step gave out, and is \
                 refused all the same by a replica that did not see that step: the \
                 replica remembers how far the user has come."
            }
            Self::InProcessQueue => {
                "What the service had accepted was gone, or was never finished, once the \
                 process that accepted it had ended, or is known to that process only. An \
                 acknowledgement was given for something that was in memory."
            }
            Self::StaleCopy => {
                "A step that another replica answered is not seen afterwards: the first \
                 replica goes on answering from what it had before."
            }
            Self::SpreadMemory => {
                "Any replica will do, and one may be restarted, but when all are down at \
                 once it is lost: the replicas have copies, and nothing is written down."
            }
        }
    }

    /// Where to look in the code.
    #[must_use]
    pub const fn look_for(self) -> &'static str {
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
