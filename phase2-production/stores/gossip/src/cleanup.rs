//! Deletes a node's entries that are no longer needed.

use crate::entry::{all_ended_key, keys_of, tombstone_key};
use crate::node::Node;
use crate::view::Swept;
use chitchat::NodeState;
use std::collections::HashSet;

impl Node {
    /// Deletes this node's entries about files beyond the maximum: its map holds no more
    /// of a session than the session shows.
    pub(crate) async fn delete_old_files(&self, hash: &str) {
        let mut chitchat = self.chitchat.lock().await;
        let own = chitchat.self_node_state();
        let (_, files) = keys_of(hash);
        let kept = self.view().files_of(hash, &self.config.node);
        let kept: HashSet<_> =
            kept.iter().map(|number| format!("{files}{number}")).collect();
        let written = own.iter_prefix(&files).map(|(key, _)| key.to_owned());
        let old: Vec<_> = written.filter(|key| !kept.contains(key)).collect();
        delete_entries(own, old.into_iter());
    }

    pub(crate) async fn delete_entries(&self, swept: Swept) {
        let mut chitchat = self.chitchat.lock().await;
        let own = chitchat.self_node_state();
        for hash in swept.ended.iter().chain(&swept.removed) {
            let (keys, files) = keys_of(hash);
            let files: Vec<_> =
                own.iter_prefix(&files).map(|(key, _)| key.to_owned()).collect();
            delete_entries(own, keys.into_iter().chain(files));
        }
        delete_entries(own, swept.removed.iter().map(|hash| tombstone_key(hash)));
        delete_entries(own, swept.owners.iter().map(|owner| all_ended_key(owner)));
    }
}

fn delete_entries(own: &mut NodeState, keys: impl Iterator<Item = String>) {
    for key in keys {
        if own.contains_key(&key) {
            own.delete(&key);
        }
    }
}
