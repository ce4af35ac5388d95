//! Files that have come to be since a socket was opened, on whichever replica.

use crate::app::AppState;
use crate::error::Error;
use api_contract::events::Event;
use records::Member;
use std::collections::BTreeSet;
use upload_domain::file_id::FileId;

/// Files that are looked at in one go; more than that in a second takes another go.
const PAGE: usize = 20;

/// Ids that are remembered as told. Older ones are not looked at any more.
const REMEMBERED: usize = 200;

/// What a socket has been told already.
pub(super) struct News {
    owner: Member,
    told: Told,
}

impl News {
    /// Everything that is there now is no news.
    ///
    /// # Errors
    /// When the records do not answer.
    pub(super) async fn since_now(app: &AppState, owner: &Member) -> Result<Self, Error> {
        let there = app.files().list(owner, None, PAGE).await?;
        let ids = there.files.iter().map(|file| file.file_id);
        Ok(Self { owner: owner.clone(), told: Told::new(ids, there.next.is_some()) })
    }

    /// What has come to be since the last look, oldest first.
    ///
    /// # Errors
    /// When the records do not answer; nothing is lost, the next look finds it.
    pub(super) async fn look(&mut self, app: &AppState) -> Result<Vec<Event>, Error> {
        let (mut found, mut after) = (Vec::new(), None);
        while found.len() < REMEMBERED {
            let page = app.files().list(&self.owner, after, PAGE).await?;
            let seen = found.len() + page.files.len();
            let news =
                page.files.into_iter().filter(|file| self.told.is_news(file.file_id));
            found.extend(news);
            // Behind something old there is nothing new.
            match page.next {
                Some(next) if found.len() == seen => after = Some(next),
                _ => break,
            }
        }
        let events = found.into_iter().rev().map(|file| {
            self.told.remember(file.file_id);
            let name = file.name.as_str().to_owned();
            Event::FileStored { file_id: file.file_id.to_string(), name }
        });
        Ok(events.collect())
    }
}

/// The ids that were told, newest last. Below the floor everything is old: where a deletion
/// lets an old file move up into the page, it is no news.
struct Told {
    ids: BTreeSet<FileId>,
    floor: Option<FileId>,
}

impl Told {
    fn new(ids: impl Iterator<Item = FileId>, more: bool) -> Self {
        let ids: BTreeSet<_> = ids.collect();
        let floor = ids.first().copied().filter(|_| more);
        Self { ids, floor }
    }

    fn is_news(&self, id: FileId) -> bool {
        !self.ids.contains(&id) && self.floor.is_none_or(|floor| id > floor)
    }

    fn remember(&mut self, id: FileId) {
        self.ids.insert(id);
        while self.ids.len() > REMEMBERED {
            self.floor = self.ids.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_file_that_moves_up_is_no_news_and_a_new_one_is_news_once() {
        let old: Vec<_> = (0..3).map(|_| FileId::new()).collect();
        let mut told = Told::new(old[1..].iter().copied(), true);
        assert!(!told.is_news(old[0]) && !told.is_news(old[2]));
        let new = FileId::new();
        assert!(told.is_news(new));
        told.remember(new);
        assert!(!told.is_news(new));
    }

    #[test]
    fn to_somebody_without_files_every_file_is_news() {
        let begun_earlier = FileId::new();
        let mut told = Told::new(std::iter::empty(), false);
        told.remember(FileId::new());
        assert!(told.is_news(begun_earlier));
    }

    #[test]
    fn what_is_remembered_does_not_grow() {
        let mut told = Told::new(std::iter::empty(), false);
        let ids: Vec<_> = (0..3 * REMEMBERED).map(|_| FileId::new()).collect();
        ids.iter().for_each(|id| told.remember(*id));
        assert_eq!(told.ids.len(), REMEMBERED);
        assert!(ids.iter().all(|id| !told.is_news(*id)));
    }
}
