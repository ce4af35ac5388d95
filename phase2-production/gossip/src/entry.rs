//! What a node tells of a session, as keys and values. Each node writes only into its own
//! map; what is true of a session is what all maps say together.

use serde::{Deserialize, Serialize};

/// A birth.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Born {
    /// Whose session it is.
    pub(crate) owner: String,
    /// What the application wants to know of the owner.
    pub(crate) about: String,
    /// When, milliseconds since 1970.
    pub(crate) at: i64,
}

/// What a node knew at some moment: of each other node, how far it had heard. Its own
/// writes until then come before this entry, because a map is told in the order in which
/// it was written.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Beat {
    pub(crate) at: i64,
    /// Name, generation, version.
    pub(crate) knows: Vec<(String, u64, u64)>,
}

/// One entry of a node's map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Born {
        proof: String,
        born: Born,
    },
    /// A use; not every one is told.
    Used {
        proof: String,
        at: i64,
    },
    File {
        proof: String,
        at: i64,
        number: u64,
        name: String,
    },
    /// A tombstone: no other entry makes the session live again.
    Ended {
        proof: String,
        until: i64,
    },
    /// All sessions of one owner that were born until then are dead.
    AllEnded {
        owner: String,
        at: i64,
    },
    Beat(Beat),
}

/// The key of every node's beat.
const BEAT: &str = "beat";

impl Entry {
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Born { proof, .. } => format!("b/{proof}"),
            Self::Used { proof, .. } => format!("a/{proof}"),
            Self::File { proof, number, .. } => format!("f/{proof}/{number}"),
            Self::Ended { proof, .. } => format!("x/{proof}"),
            Self::AllEnded { owner, .. } => format!("u/{owner}"),
            Self::Beat(_) => BEAT.to_owned(),
        }
    }

    pub(crate) fn value(&self) -> String {
        match self {
            Self::Born { born, .. } => to_json(born),
            Self::Used { at, .. } | Self::AllEnded { at, .. } => at.to_string(),
            Self::File { at, name, .. } => format!("{at} {name}"),
            Self::Ended { until, .. } => until.to_string(),
            Self::Beat(beat) => to_json(beat),
        }
    }

    /// Whether its writer waits to be told that it was heard.
    pub(crate) const fn wants_an_answer(&self) -> bool {
        !matches!(self, Self::Used { .. } | Self::Beat(_))
    }

    /// `None` for what another version of this program may have said.
    pub(crate) fn read(key: &str, value: &str) -> Option<Self> {
        if key == BEAT {
            return serde_json::from_str(value).ok().map(Self::Beat);
        }
        let (kind, rest) = key.split_once('/')?;
        let name = || rest.to_owned();
        Some(match kind {
            "b" => Self::Born { proof: name(), born: serde_json::from_str(value).ok()? },
            "a" => Self::Used { proof: name(), at: value.parse().ok()? },
            "x" => Self::Ended { proof: name(), until: value.parse().ok()? },
            "u" => Self::AllEnded { owner: name(), at: value.parse().ok()? },
            "f" => {
                let (proof, number) = rest.split_once('/')?;
                let (at, name) = value.split_once(' ')?;
                Self::File {
                    proof: proof.to_owned(),
                    at: at.parse().ok()?,
                    number: number.parse().ok()?,
                    name: name.to_owned(),
                }
            }
            _ => return None,
        })
    }
}

/// What a node may have written of one session: whole keys, and the beginning of those of
/// its files.
pub(crate) fn keys_of(proof: &str) -> ([String; 2], String) {
    ([format!("b/{proof}"), format!("a/{proof}")], format!("f/{proof}/"))
}

/// The key of a tombstone.
pub(crate) fn tombstone_key(proof: &str) -> String {
    format!("x/{proof}")
}

/// The key under which all of an owner's sessions were ended.
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
    fn what_is_said_is_what_is_heard() {
        let proof = || "p".repeat(64);
        let born = Born { owner: "ann".to_owned(), about: "{\"a\":1}".to_owned(), at: 5 };
        let name = "a b/c \u{1f600}\n".to_owned();
        let all = [
            Entry::Born { proof: proof(), born },
            Entry::Used { proof: proof(), at: 7 },
            Entry::File { proof: proof(), at: -1, number: 3, name },
            Entry::Ended { proof: proof(), until: i64::MAX },
            Entry::AllEnded { owner: "ann".to_owned(), at: 9 },
            Entry::Beat(Beat { at: 1, knows: vec![("r1".to_owned(), 2, 3)] }),
        ];
        for entry in all {
            let heard = Entry::read(&entry.key(), &entry.value());
            assert_eq!(heard, Some(entry));
        }
    }

    #[test]
    fn what_another_version_says_is_passed_over() {
        for (key, value) in [
            ("", ""),
            ("z/1", "1"),
            ("a/1", "x"),
            ("f/1", "1 n"),
            ("b/1", "{}"),
            ("beat", ""),
        ] {
            assert_eq!(Entry::read(key, value), None, "{key} {value}");
        }
    }
}
