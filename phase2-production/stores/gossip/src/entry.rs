//! The replicated entries about sessions, as keys and values. Each node writes only into
//! its own map; the state of a session is the merge of all maps.

use serde::{Deserialize, Serialize};

/// The birth of a session.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Birth {
    /// The session's owner.
    pub(crate) owner: String,
    /// The application's data about the owner.
    pub(crate) metadata: String,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// The owner's epoch; 0 from a program that knew none.
    #[serde(default)]
    pub(crate) epoch: i64,
}

/// The versions of the other nodes' maps that a node has received. The node's own earlier
/// writes come before this entry, because a map is replicated in the order of its writes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Heartbeat {
    pub(crate) at: i64,
    /// Name, generation, version.
    pub(crate) versions: Vec<(String, u64, u64)>,
}

/// The death of all earlier sessions of an owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AllEnded {
    /// The owner's new epoch; 0 from a program that knew none.
    pub(crate) epoch: i64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
}

impl AllEnded {
    /// Whether it ends a session with this birth. The epochs decide, because they come from
    /// one database; the clocks of two nodes may differ by seconds.
    pub(crate) const fn revokes(self, born: &Birth) -> bool {
        if self.epoch > 0 && born.epoch > 0 {
            born.epoch < self.epoch
        } else {
            born.at <= self.at
        }
    }

    /// The deaths of both.
    pub(crate) fn merge(self, other: Self) -> Self {
        Self { epoch: self.epoch.max(other.epoch), at: self.at.max(other.at) }
    }
}

/// One entry of a node's map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Birth {
        hash: String,
        born: Birth,
    },
    /// A use; not every use is reported.
    Used {
        hash: String,
        at: i64,
    },
    File {
        hash: String,
        at: i64,
        number: u64,
        name: String,
    },
    /// A tombstone: no other entry brings the session back.
    Ended {
        hash: String,
        until: i64,
    },
    /// All sessions of an owner that were born in an earlier epoch are dead.
    AllEnded {
        owner: String,
        ended: AllEnded,
    },
    Heartbeat(Heartbeat),
}

/// The key of a node's heartbeat.
const HEARTBEAT_KEY: &str = "heartbeat";

impl Entry {
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Birth { hash, .. } => format!("b/{hash}"),
            Self::Used { hash, .. } => format!("a/{hash}"),
            Self::File { hash, number, .. } => format!("f/{hash}/{number}"),
            Self::Ended { hash, .. } => format!("x/{hash}"),
            Self::AllEnded { owner, .. } => format!("u/{owner}"),
            Self::Heartbeat(_) => HEARTBEAT_KEY.to_owned(),
        }
    }

    pub(crate) fn value(&self) -> String {
        match self {
            Self::Birth { born, .. } => to_json(born),
            Self::Used { at, .. } => at.to_string(),
            Self::AllEnded { ended: AllEnded { epoch, at }, .. } => {
                format!("{at} {epoch}")
            }
            Self::File { at, name, .. } => format!("{at} {name}"),
            Self::Ended { until, .. } => until.to_string(),
            Self::Heartbeat(heartbeat) => to_json(heartbeat),
        }
    }

    /// Whether its writer waits for acknowledgements.
    pub(crate) const fn needs_acknowledgement(&self) -> bool {
        !matches!(self, Self::Used { .. } | Self::Heartbeat(_))
    }

    /// `None` for an entry of another version of this program.
    pub(crate) fn parse(key: &str, value: &str) -> Option<Self> {
        if key == HEARTBEAT_KEY {
            return serde_json::from_str(value).ok().map(Self::Heartbeat);
        }
        let (kind, rest) = key.split_once('/')?;
        let name = || rest.to_owned();
        Some(match kind {
            "b" => Self::Birth { hash: name(), born: serde_json::from_str(value).ok()? },
            "a" => Self::Used { hash: name(), at: value.parse().ok()? },
            "x" => Self::Ended { hash: name(), until: value.parse().ok()? },
            "u" => {
                let (at, epoch) = value.split_once(' ').unwrap_or((value, "0"));
                let (at, epoch) = (at.parse().ok()?, epoch.parse().ok()?);
                Self::AllEnded { owner: name(), ended: AllEnded { epoch, at } }
            }
            "f" => {
                let (hash, number) = rest.split_once('/')?;
                let (at, name) = value.split_once(' ')?;
                Self::File {
                    hash: hash.to_owned(),
                    at: at.parse().ok()?,
                    number: number.parse().ok()?,
                    name: name.to_owned(),
                }
            }
            _ => return None,
        })
    }
}

/// The keys that a node may have written about a session, and the prefix of its file
/// keys.
pub(crate) fn keys_of(hash: &str) -> ([String; 2], String) {
    ([format!("b/{hash}"), format!("a/{hash}")], format!("f/{hash}/"))
}

/// The key of a tombstone.
pub(crate) fn tombstone_key(hash: &str) -> String {
    format!("x/{hash}")
}

/// The key of an [`Entry::AllEnded`].
pub(crate) fn all_ended_key(owner: &str) -> String {
    format!("u/{owner}")
}

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_survives_a_round_trip_through_text() {
        let hash = || "p".repeat(64);
        let born = Birth {
            owner: "ann".to_owned(),
            metadata: "{\"a\":1}".to_owned(),
            at: 5,
            epoch: 2,
        };
        let name = "a b/c \u{1f600}\n".to_owned();
        let all = [
            Entry::Birth { hash: hash(), born },
            Entry::Used { hash: hash(), at: 7 },
            Entry::File { hash: hash(), at: -1, number: 3, name },
            Entry::Ended { hash: hash(), until: i64::MAX },
            Entry::AllEnded {
                owner: "ann".to_owned(),
                ended: AllEnded { epoch: 3, at: 9 },
            },
            Entry::Heartbeat(Heartbeat {
                at: 1,
                versions: vec![("r1".to_owned(), 2, 3)],
            }),
        ];
        for entry in all {
            let parsed = Entry::parse(&entry.key(), &entry.value());
            assert_eq!(parsed, Some(entry));
        }
    }

    #[test]
    fn entries_without_an_epoch_are_ordered_by_time() {
        let key = "b/1";
        let old = r#"{"owner":"ann","metadata":"","at":5}"#;
        let Some(Entry::Birth { born, .. }) = Entry::parse(key, old) else { panic!() };
        let Some(Entry::AllEnded { ended, .. }) = Entry::parse("u/ann", "5") else {
            panic!()
        };
        assert!(ended.revokes(&born) && !AllEnded { at: 4, ..ended }.revokes(&born));
        let known = Birth { epoch: 2, ..born };
        assert!(!AllEnded { epoch: 2, at: 9 }.revokes(&known), "born in this epoch");
        assert!(AllEnded { epoch: 3, at: 1 }.revokes(&known), "by a slow clock");
    }

    #[test]
    fn unreadable_entry_is_ignored() {
        for (key, value) in [
            ("", ""),
            ("z/1", "1"),
            ("a/1", "x"),
            ("f/1", "1 n"),
            ("b/1", "{}"),
            ("heartbeat", ""),
        ] {
            assert_eq!(Entry::parse(key, value), None, "{key} {value}");
        }
    }
}
