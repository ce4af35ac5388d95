//! Task 5: Redis is gone. What only it knows cannot be known, and is not guessed.

use super::{Pair, login, start};
use crate::redis_seen::RedisSeen;
use grader::{Exam, Outcome, Stop};
use std::time::{Duration, Instant};

/// How long a replica may take to find Redis again.
const RECOVERY: Duration = Duration::from_secs(15);

pub(super) async fn what_cannot_be_known_is_not_answered(exam: &Exam) -> Outcome {
    let list = start(exam, "deny-list").await?;
    let version = start(exam, "token-version").await?;
    let nobody = start(exam, "none").await?;
    let pair = Pair::login(exam, &list, &exam.user()).await?;
    for replica in [&list, &version, &nobody] {
        pair.is_good(replica, "nobody ended this token").await?;
    }
    let redis = RedisSeen::of(exam)?;
    redis.kill().await?;
    for replica in [&list, &version] {
        let help = "was this token ended? Nobody can say. 200 would be a guess in favour of \
                    a thief; 401 would log out everybody, and tell them to try what does \
                    not help. The finished part makes 503 of every error of Redis";
        pair.whoami(replica).await?.expect(503, help)?;
    }
    let help = "this mode asks nobody: what is its price, and what does it buy?";
    pair.is_good(&nobody, help).await?;
    let help = "a refresh that cannot be written down would be a second one next time";
    pair.refresh(&nobody).await?.expect(503, help)?;
    let help = "204 says that the session is ended. Is it?";
    pair.end(&nobody, "/api/logout").await?.expect(503, help)?;
    pair.end(&nobody, "/api/logout-everywhere").await?.expect(503, help)?;
    let help = "which version would a token carry that is made now?";
    login(exam, &nobody, &exam.user()).await?.expect(503, help)?;

    redis.restart().await?;
    is_good_again(&pair, &list).await?;
    is_good_again(&pair, &version).await
}

async fn is_good_again(pair: &Pair<'_>, at: &grader::Replica) -> Outcome {
    let deadline = Instant::now() + RECOVERY;
    loop {
        let reply = pair.whoami(at).await?;
        if reply.status == 503 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        let help = "Redis is back, and nobody ended this token";
        return reply.expect(200, help).map(drop).map_err(slow);
    }
}

/// That it is still 503 may be the machine's fault: it is believed if it happens twice.
fn slow(stop: Stop) -> Stop {
    match stop {
        Stop::Failed(failed) if failed.actual.starts_with("503") => {
            Stop::too_slow(failed.expected, failed.actual, failed.help)
        }
        stop => stop,
    }
}
