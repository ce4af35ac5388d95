//! The same wish again: one after the other, at once, and in the middle of a restart.

use super::{Cart, in_all};
use futures_util::future::{join, join_all};
use grader::balanced::Balanced;
use grader::client::Call;
use grader::{Exam, Outcome, Policy, Replica, Stop, require};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// People who shop at the same time.
const SHOPPERS: usize = 3;

/// How long one wish may be tried again until it is answered with 201.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between a try that failed and the next.
const PAUSE: Duration = Duration::from_millis(20);

/// A try, which has to be answered with 201.
async fn sent(wish: Call) -> Outcome {
    let help = "a retry is a success for whoever sent it: the item is in the cart";
    wish.send().await?.expect(201, help).map(drop)
}

pub(super) async fn a_retry_adds_nothing(exam: &Exam) -> Outcome {
    let (r1, r2) = (exam.start(&[]).await?, exam.start(&[]).await?);
    let (mut mine, mut yours) = (Cart::new(exam), Cart::new(exam));
    let (item, key) = (exam.word(), exam.word());
    let quantity = exam.number(2, 9);
    for replica in [&r1, &r1, &r2] {
        sent(mine.wish(&replica.url(), &item, quantity, &key)).await?;
    }
    mine.note(&item, quantity);
    mine.is_whole(&r1, "a key that came before is a wish that was fulfilled before")
        .await?;
    r2.kill().await;
    r2.restart().await?;
    sent(mine.wish(&r2.url(), &item, quantity, &key)).await?;
    mine.is_whole(&r2, "who remembers the key when the process is another one?").await?;

    sent(mine.wish(&r1.url(), &item, quantity, &exam.word())).await?;
    mine.note(&item, quantity);
    mine.is_whole(&r1, "another key is another wish, even for the same item").await?;
    sent(yours.wish(&r1.url(), &item, quantity, &key)).await?;
    yours.note(&item, quantity);
    let help = "clients make up their keys, and two of them may make up the same: a key \
                belongs to a cart";
    yours.is_whole(&r2, help).await
}

pub(super) async fn retries_at_once_add_once(exam: &Exam) -> Outcome {
    let (r1, r2) = (exam.start(&[]).await?, exam.start(&[]).await?);
    let mut cart = Cart::new(exam);
    let wishes: Vec<_> = (0..10).map(|_| (exam.word(), exam.word())).collect();
    exam.say(format!(
        "{} items, each four times with the same key, at r1 and r2 at once",
        wishes.len()
    ));
    for (item, key) in &wishes {
        let tries = [&r1, &r2, &r1, &r2];
        let tries = tries.map(|to| sent(cart.wish(&to.url(), item, 1, key).unseen()));
        join_all(tries).await.into_iter().collect::<Outcome>()?;
        cart.note(item, 1);
    }
    let help = "between looking for the key and writing it down, what can the other replica \
                do?";
    let (seen, _) = cart.seen(&r1, help).await?;
    let expected = format!("{} items", wishes.len());
    let actual = in_all(&seen);
    require(expected == actual, expected, actual, help)?;
    cart.is_whole(&r2, help).await
}

pub(super) async fn a_rolling_restart_under_load_loses_and_doubles_nothing(
    exam: &Exam,
) -> Outcome {
    let (r1, r2) = (exam.start(&[]).await?, exam.start(&[]).await?);
    let balanced = exam.balance(&[&r1, &r2], Policy::RoundRobin).await?;
    let (mut carts, done) = (Vec::new(), AtomicBool::new(false));
    carts.resize_with(SHOPPERS, || Cart::new(exam));
    exam.say(format!("{SHOPPERS} people shop through the load balancer, and meanwhile:"));
    let shopping = carts.iter_mut().map(|cart| shop(cart, balanced.url(), &done));
    let restarts = async {
        let restarted = restart_each(&[&r1, &r2], &balanced).await;
        done.store(true, Ordering::Relaxed);
        restarted
    };
    let (restarted, shopped) = join(restarts, join_all(shopping)).await;
    restarted?;
    shopped.into_iter().collect::<Outcome>()?;
    let wishes: usize = carts.iter().map(|cart| cart.items.len()).sum();
    exam.say(format!("they put {wishes} items into their carts, each once"));
    let help = "each item was sent until it was answered with 201, always with the same key. \
                What was a replica doing when it was asked to stop?";
    for cart in &carts {
        let (seen, _) = cart.seen(exam.one_of(&[r1.clone(), r2.clone()]), help).await?;
        let lost = cart.items.keys().filter(|item| !seen.contains_key(*item)).count();
        let doubled = seen.values().filter(|quantity| **quantity != 1).count();
        let actual = format!("{lost} lost, {doubled} not there once");
        require(seen == cart.items, "each item once", actual, help)?;
    }
    Ok(())
}

/// One replica after the other, as a roll-out does it.
async fn restart_each(replicas: &[&Replica], balanced: &Balanced) -> Outcome {
    for replica in replicas {
        replica.terminate().await?;
        replica.restart().await?;
        balanced.put(replica)?;
        balanced.until_all_are_up().await?;
    }
    Ok(())
}

/// Adds one new item after the other, each until it is acknowledged.
async fn shop(cart: &mut Cart<'_>, url: String, done: &AtomicBool) -> Outcome {
    while !done.load(Ordering::Relaxed) {
        let (item, key) = (cart.exam.word(), cart.exam.word());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reply = cart.wish(&url, &item, 1, &key).unseen().try_send().await?;
            if reply.is_ok_and(|reply| reply.status == 201) {
                break;
            }
            if Instant::now() > deadline {
                let expected = "an item that is added while one of two replicas is up";
                let help = "look at what the program wrote: why does `add` fail?";
                return Err(Stop::too_slow(expected, "no 201", help));
            }
            tokio::time::sleep(PAUSE).await;
        }
        cart.note(&item, 1);
        tokio::time::sleep(PAUSE / 4).await;
    }
    Ok(())
}
