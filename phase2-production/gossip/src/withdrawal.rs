//! What a node takes back of what it told: entries that nobody needs any more.

use crate::entry::{all_ended_key, keys_of, tombstone_key};
use crate::node::Node;
use crate::view::Swept;
use chitchat::NodeState;
use std::collections::HashSet;

impl Node {
    /// Takes back what this node told of files that are not remembered any more: it holds no
    /// more of a session than it shows.
    pub(crate) async fn take_back_files(&self, proof: &str) {
        let mut chitchat = self.chitchat.lock().await;
        let mine = chitchat.self_node_state();
        let (_, files) = keys_of(proof);
        let kept = self.view().files_of(proof, &self.config.node);
        let kept: HashSet<_> =
            kept.iter().map(|number| format!("{files}{number}")).collect();
        let told = mine.iter_prefix(&files).map(|(key, _)| key.to_owned());
        let old: Vec<_> = told.filter(|key| !kept.contains(key)).collect();
        take_back(mine, old.into_iter());
    }

    pub(crate) async fn take_back(&self, swept: Swept) {
        let mut chitchat = self.chitchat.lock().await;
        let mine = chitchat.self_node_state();
        for proof in swept.ended.iter().chain(&swept.forgotten) {
            let (keys, files) = keys_of(proof);
            let files: Vec<_> =
                mine.iter_prefix(&files).map(|(key, _)| key.to_owned()).collect();
            take_back(mine, keys.into_iter().chain(files));
        }
        take_back(mine, swept.forgotten.iter().map(|proof| tombstone_key(proof)));
        take_back(mine, swept.owners.iter().map(|owner| all_ended_key(owner)));
    }
}

fn take_back(mine: &mut NodeState, keys: impl Iterator<Item = String>) {
    for key in keys {
        if mine.contains_key(&key) {
            mine.delete(&key);
        }
    }
}
