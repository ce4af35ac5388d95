//! Task 1: the counter.

use super::shop::Shop;
use futures_util::future::join_all;
use grader::{Exam, Outcome, Reply, Stop, require};
use http::Method;

async fn next(shop: &Shop<'_>, url: &str) -> Result<Reply, Stop> {
    shop.exam.call(Method::POST, url, "/api/numbers").send().await
}

/// The next number is this one.
async fn is_next(shop: &Shop<'_>, url: &str, number: u64, help: &str) -> Outcome {
    let reply = next(shop, url).await?.expect(201, help)?;
    let right = reply.json()["number"] == number;
    require(right, format!("number {number}"), reply.shown(), help)
}

pub(super) async fn numbers_go_up_by_one(exam: &Exam) -> Outcome {
    let shop = Shop::open(exam, 3).await?;
    let balanced = shop.balance().await?;
    let help = "who gives this number, and what does that one know of the numbers that \
                others gave?";
    for number in 1..=exam.number(5, 9) {
        is_next(&shop, &balanced.url(), number, help).await?;
    }
    Ok(())
}

pub(super) async fn numbers_taken_at_once_are_all_different(exam: &Exam) -> Outcome {
    let shop = Shop::open(exam, 3).await?;
    let balanced = shop.balance().await?;
    let (count, url) = (exam.number(30, 45), balanced.url());
    exam.say(format!("{count} numbers, all at the same time"));
    exam.transcript().quiet(true);
    let replies = join_all((0..count).map(|_| next(&shop, &url))).await;
    exam.transcript().quiet(false);
    let help = "between reading a number and writing the next one, somebody else can read it \
                too. Which function of the store does both in one step?";
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

pub(super) async fn numbers_go_on_after_a_crash(exam: &Exam) -> Outcome {
    let shop = Shop::open(exam, 2).await?;
    let taken = exam.number(2, 6);
    let help = "the two replicas count together";
    for number in 1..=taken {
        is_next(&shop, &shop.any().url(), number, help).await?;
    }
    shop.lose_every_process().await?;
    let help = "every process is a new one: from where does it know how many there were?";
    is_next(&shop, &shop.any().url(), taken + 1, help).await
}
