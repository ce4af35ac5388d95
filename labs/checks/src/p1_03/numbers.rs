//! Task 1: the counter.

use super::shop::Shop;
use futures_util::future::join_all;
use grader::{CheckContext, CheckError, CheckResult, Reply, require};
use http::Method;

async fn next(shop: &Shop<'_>, url: &str) -> Result<Reply, CheckError> {
    shop.ctx.call(Method::POST, url, "/api/numbers").send().await
}

/// Requires that the next number is `number`.
async fn is_next(shop: &Shop<'_>, url: &str, number: u64, help: &str) -> CheckResult {
    let reply = next(shop, url).await?.expect(201, help)?;
    let right = reply.json()["number"] == number;
    require(right, format!("number {number}"), reply.shown(), help)
}

pub(super) async fn numbers_go_up_by_one(ctx: &CheckContext) -> CheckResult {
    let shop = Shop::open(ctx, 3).await?;
    let balanced = shop.balance().await?;
    let help = "which process assigns this number, and can it see the numbers that other \
                processes assigned?";
    for number in 1..=ctx.random_number(5, 9) {
        is_next(&shop, &balanced.url(), number, help).await?;
    }
    Ok(())
}

pub(super) async fn concurrent_numbers_are_all_different(
    ctx: &CheckContext,
) -> CheckResult {
    let shop = Shop::open(ctx, 3).await?;
    let balanced = shop.balance().await?;
    let (count, url) = (ctx.random_number(30, 45), balanced.url());
    ctx.note(format!("{count} numbers at the same time"));
    ctx.transcript().quiet(true);
    let replies = join_all((0..count).map(|_| next(&shop, &url))).await;
    ctx.transcript().quiet(false);
    let help = "between reading a number and writing the next one, another request can \
                read the same number. Which function of the store does both atomically?";
    let mut numbers = Vec::new();
    for reply in replies {
        let reply = reply?.expect(201, help)?;
        numbers.push(reply.json()["number"].as_u64().unwrap_or_default());
    }
    numbers.sort_unstable();
    let mut different = numbers.clone();
    different.dedup();
    let actual = format!("{} different numbers", different.len());
    let expected = format!("{count} different numbers");
    require(different.len() == numbers.len(), expected, actual, help)?;
    let actual = format!("numbers from {:?} to {:?}", numbers.first(), numbers.last());
    let expected = format!("the numbers from 1 to {count}");
    require(numbers == (1..=count).collect::<Vec<_>>(), expected, actual, help)
}

pub(super) async fn numbers_go_on_after_a_crash(ctx: &CheckContext) -> CheckResult {
    let shop = Shop::open(ctx, 2).await?;
    let taken = ctx.random_number(2, 6);
    let help = "both replicas use one counter";
    for number in 1..=taken {
        is_next(&shop, &shop.any().url(), number, help).await?;
    }
    shop.restart_all().await?;
    let help = "every process is new: where is the last number stored?";
    is_next(&shop, &shop.any().url(), taken + 1, help).await
}
