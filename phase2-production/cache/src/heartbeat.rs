//! What happens while nobody asks for anything: Redis is asked the time.
//!
//! So a replica without traffic notices trouble as one with traffic does, the breaker closes
//! by itself, and what must arrive is tried again.

use crate::error::CacheDown;
use crate::lasting::Lasting;
use crate::link::Link;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

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
    let (seconds, micros): (i64, i64) = link
        .ask(|mut connection| async move {
            redis::cmd("TIME").query_async(&mut connection).await
        })
        .await?;
    link.doubt.answered(begun, seconds * 1_000_000 + micros);
    Ok(began.elapsed())
}
