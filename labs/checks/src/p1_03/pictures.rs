//! Task 2: uploads on a local disk.

use super::shop::Shop;
use crate::database_file::DatabaseFile;
use grader::{CheckContext, CheckError, CheckResult, Replica, Reply, require};
use http::Method;

struct Picture {
    path: String,
    drawing: String,
}

impl Picture {
    fn new(ctx: &CheckContext) -> Self {
        let path = format!("/api/pictures/{}.svg", ctx.random_word());
        Self { path, drawing: drawing(ctx) }
    }

    async fn upload(&self, shop: &Shop<'_>, at: &Replica) -> Result<(), CheckError> {
        let call = shop.ctx.call(Method::PUT, &at.url(), &self.path);
        let reply = call.body(self.drawing.clone()).send().await?;
        reply.expect(201, "`keep` must return after the picture is stored").map(drop)
    }

    async fn download(&self, shop: &Shop<'_>, at: &Replica) -> Result<Reply, CheckError> {
        shop.ctx.get(&at.url(), &self.path).send().await
    }

    async fn is_at(&self, shop: &Shop<'_>, at: &Replica, help: &str) -> CheckResult {
        let reply = self.download(shop, at).await?.expect(200, help)?;
        require(reply.text() == self.drawing, self.drawing.clone(), reply.shown(), help)
    }
}

fn drawing(ctx: &CheckContext) -> String {
    format!("<svg><text>{} {}</text></svg>", ctx.random_word(), ctx.random_word())
}

pub(super) async fn a_picture_is_seen_at_every_replica(
    ctx: &CheckContext,
) -> CheckResult {
    let shop = Shop::open(ctx, 3).await?;
    let mut picture = Picture::new(ctx);
    picture.upload(&shop, shop.any()).await?;
    let help = "another replica received the picture. Where is it stored, and can this \
                replica read that location?";
    for replica in &shop.replicas {
        picture.is_at(&shop, replica, help).await?;
    }
    picture.drawing = drawing(ctx);
    picture.upload(&shop, shop.any()).await?;
    let help = "the picture was replaced. Does a replica keep a copy of the old one?";
    for replica in &shop.replicas {
        picture.is_at(&shop, replica, help).await?;
    }
    let nowhere = Picture::new(ctx).download(&shop, shop.any()).await?;
    nowhere.expect(404, "this picture was never uploaded").map(drop)
}

pub(super) async fn a_picture_outlives_the_replica_that_took_it(
    ctx: &CheckContext,
) -> CheckResult {
    let shop = Shop::open(ctx, 2).await?;
    let pictures = [(); 3].map(|()| Picture::new(ctx));
    let target = shop.any();
    for picture in &pictures {
        picture.upload(&shop, target).await?;
    }
    target.kill().await;
    let help = "201 confirms that the picture is stored. The replica that sent it is \
                gone, and so is its folder";
    for picture in &pictures {
        for replica in &shop.replicas {
            if replica.name() != target.name() {
                picture.is_at(&shop, replica, help).await?;
            }
        }
    }
    target.restart().await?;
    pictures[0].is_at(&shop, target, help).await
}

/// A folder next to the replica's own is not shared with other machines.
pub(super) async fn pictures_are_in_the_shared_store(ctx: &CheckContext) -> CheckResult {
    let shop = Shop::open(ctx, 1).await?;
    let picture = Picture::new(ctx);
    picture.upload(&shop, shop.any()).await?;
    let help = "all replicas can read the picture here because they run on one machine. \
                Only the store at DATABASE_URL is shared by replicas on several machines";
    let found = DatabaseFile::read(ctx)?.contains(&picture.drawing);
    require(
        found,
        "the drawing in the shared store",
        "the store does not contain it",
        help,
    )
}
