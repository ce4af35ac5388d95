//! Task 2: uploads on a local disk.

use super::shop::Shop;
use anyhow::Context;
use grader::{Exam, Outcome, Replica, Reply, Stop, What, require};
use http::Method;
use std::path::PathBuf;

struct Picture {
    path: String,
    drawing: String,
}

impl Picture {
    fn new(exam: &Exam) -> Self {
        let path = format!("/api/pictures/{}.svg", exam.word());
        Self { path, drawing: drawing(exam) }
    }

    async fn upload(&self, shop: &Shop<'_>, at: &Replica) -> Result<(), Stop> {
        let call = shop.exam.call(Method::PUT, &at.url(), &self.path);
        let reply = call.body(self.drawing.clone()).send().await?;
        reply.expect(201, "`keep` returns when the picture is kept").map(drop)
    }

    async fn look(&self, shop: &Shop<'_>, at: &Replica) -> Result<Reply, Stop> {
        shop.exam.get(&at.url(), &self.path).send().await
    }

    async fn is_at(&self, shop: &Shop<'_>, at: &Replica, help: &str) -> Outcome {
        let reply = self.look(shop, at).await?.expect(200, help)?;
        require(reply.text() == self.drawing, self.drawing.clone(), reply.shown(), help)
    }
}

fn drawing(exam: &Exam) -> String {
    format!("<svg><text>{} {}</text></svg>", exam.word(), exam.word())
}

pub(super) async fn a_picture_is_seen_at_every_replica(exam: &Exam) -> Outcome {
    let shop = Shop::open(exam, 3).await?;
    let mut picture = Picture::new(exam);
    picture.upload(&shop, shop.any()).await?;
    let help = "one replica took the picture, and this one has never seen it. Where is it, \
                and who can read that place?";
    for replica in &shop.replicas {
        picture.is_at(&shop, replica, help).await?;
    }
    picture.drawing = drawing(exam);
    picture.upload(&shop, shop.any()).await?;
    let help = "the name was sent again with another drawing. Does somebody keep a copy of \
                the old one?";
    for replica in &shop.replicas {
        picture.is_at(&shop, replica, help).await?;
    }
    let nowhere = Picture::new(exam).look(&shop, shop.any()).await?;
    nowhere.expect(404, "nobody ever sent this one").map(drop)
}

pub(super) async fn a_picture_outlives_the_replica_that_took_it(exam: &Exam) -> Outcome {
    let shop = Shop::open(exam, 2).await?;
    let pictures = [(); 3].map(|()| Picture::new(exam));
    let victim = shop.any();
    for picture in &pictures {
        picture.upload(&shop, victim).await?;
    }
    victim.kill().await;
    let help = "201 was a promise. The replica that made it is gone, and its folder too";
    for picture in &pictures {
        for replica in &shop.replicas {
            if replica.name() != victim.name() {
                picture.is_at(&shop, replica, help).await?;
            }
        }
    }
    victim.restart().await?;
    pictures[0].is_at(&shop, victim, help).await
}

/// A folder beside the replica's own is shared by nobody who runs on another machine.
pub(super) async fn pictures_are_in_the_shared_store(exam: &Exam) -> Outcome {
    let shop = Shop::open(exam, 1).await?;
    let picture = Picture::new(exam);
    picture.upload(&shop, shop.any()).await?;
    let help = "all replicas can read it here because they run on one machine. The store at \
                DATABASE_URL is what they have in common wherever they run";
    let found = holds(&store(exam)?, &picture.drawing)?;
    require(found, "the drawing in the shared store", "it is not in there", help)
}

/// Where the database is.
fn store(exam: &Exam) -> Result<PathBuf, Stop> {
    let url = &exam.service(What::Database)?.url;
    let path = url.strip_prefix("sqlite://").context("the database is no file")?;
    Ok(path.split('?').next().unwrap_or(path).into())
}

/// Whether the file, or what has been written and not yet moved there, has the text.
fn holds(database: &std::path::Path, text: &str) -> Result<bool, Stop> {
    let mut all = std::fs::read(database).context("the database cannot be read")?;
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    all.extend(std::fs::read(log).unwrap_or_default());
    Ok(all.windows(text.len()).any(|part| part == text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_the_file_or_in_its_log() {
        let folder = std::env::temp_dir().join(format!("p1-03-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.sqlite");
        std::fs::write(&file, "some rows").unwrap();
        std::fs::write(folder.join("a.sqlite-wal"), "later rows").unwrap();
        let found = |text| holds(&file, text).unwrap();
        assert!(found("some") && found("later") && !found("never"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
