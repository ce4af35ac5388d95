//! Sessions in Redis, as a replica puts them there.

use crate::stage::people::now;
use anyhow::{bail, ensure};
use cache::{Cache, Filled, Found, RedisTime, SessionCopy};
use records::Member;
use std::time::Duration;

/// Idle time of a session: longer than any measurement.
pub(crate) const IDLE: Duration = Duration::from_secs(3_600);

/// Absolute end of a session, in milliseconds from now.
const LIFE_MS: i64 = 12 * 3_600_000;

/// Caches a session as if it had just been read from the records; returns when that was.
pub(crate) async fn fill(
    cache: &Cache,
    proof: &str,
    member: Member,
) -> anyhow::Result<RedisTime> {
    let asked = match cache.peek_session::<Member>(proof).await? {
        Found::Miss { now } => now,
        found => bail!("a session that nobody has started is known: {found:?}"),
    };
    let filled = cache.fill_session(proof, &copy(1, asked, member), IDLE).await?;
    ensure!(filled == Filled::Stored, "a session was not cached: {filled:?}");
    Ok(asked)
}

/// What is cached of a session that is this person's.
pub(crate) fn copy(
    version: i64,
    read_at: RedisTime,
    member: Member,
) -> SessionCopy<Member> {
    SessionCopy { version, ends_at: now() + LIFE_MS, read_at, session: member }
}
