//! What happens while nobody asks for anything: Redis is asked the time, and has to write.
//!
//! So a replica without traffic notices trouble as one with traffic does, one that only reads
//! ([`Cache::use_session`](crate::Cache::use_session) mostly does) notices a Redis that has
//! stopped to write, the breaker closes by itself, and what must arrive is tried again.

use crate::error::CacheDown;
use crate::lasting::Lasting;
use crate::link::Link;
use crate::sessions::SINCE;
use redis::Script;
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

static BEAT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/heartbeat.lua")));

/// Beats until the last clone of the cache is gone.
pub(crate) fn start(link: &Arc<Link>, lasting: &Arc<Lasting>, every: Duration) {
    let (link, lasting) = (Arc::downgrade(link), Arc::downgrade(lasting));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            if !once(&link, &lasting).await {
                return;
            }
        }
    });
}

async fn once(link: &Weak<Link>, lasting: &Weak<Lasting>) -> bool {
    let (Some(link), Some(lasting)) = (link.upgrade(), lasting.upgrade()) else {
        return false;
    };
    if beat(&link).await.is_ok() {
        lasting.try_again(&link).await;
    }
    true
}

pub(crate) async fn beat(link: &Link) -> Result<Duration, CacheDown> {
    let (began, begun) = (Instant::now(), link.doubt.begin());
    let call = BEAT.key(SINCE);
    let now: i64 = link
        .ask(|mut connection| async move { call.invoke_async(&mut connection).await })
        .await?;
    link.doubt.answered(begun, now);
    Ok(began.elapsed())
}
