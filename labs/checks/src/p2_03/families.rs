//! Task 2: a refresh token that comes twice ends its family. And what Redis knows of it.

use super::{Pair, start};
use crate::redis_seen::RedisSeen;
use grader::transcript::shortened;
use grader::{Exam, Outcome, require};

pub(super) async fn a_second_use_ends_the_family(exam: &Exam) -> Outcome {
    let (one, other) = (start(exam, "none").await?, start(exam, "none").await?);
    let user = exam.user();
    let laptop = Pair::login(exam, &one, &user).await?;
    let phone = Pair::login(exam, &other, &user).await?;
    let (mut line, replicas) = (vec![laptop], [one, other]);
    for _ in 0..exam.number(2, 5) {
        let last = &line[line.len() - 1];
        line.push(last.next(exam.one_of(&replicas), "this token is new").await?);
    }
    let used = &line[exam.number(0, line.len() as u64 - 1) as usize];
    exam.say("⚡ somebody uses a copy of a token that was used before");
    let [one, other] = replicas;
    used.is_not_renewed(&other, "a used refresh token is good for nothing").await?;
    let help = "two hold tokens of this family, and nobody can tell which of them is the \
                thief: none of its tokens may be good now, not the newest either. How does \
                an old token lead to its family?";
    line[line.len() - 1].is_not_renewed(&one, help).await?;
    let help = "another login of the same user is another family: it lives on";
    let phone = phone.next(&one, help).await?;
    phone.next(&other, help).await.map(drop)
}

/// Whoever reads a dump of Redis must not be able to refresh. A cause to look for: the
/// token is the key, or stands in the value.
pub(super) async fn redis_holds_no_refresh_token(exam: &Exam) -> Outcome {
    let server = start(exam, "deny-list").await?;
    let first = Pair::login(exam, &server, &exam.user()).await?;
    let second = first.next(&server, "this token is new").await?;
    let contents = RedisSeen::of(exam)?.contents().await?;
    exam.say(format!("looked into Redis: {} keys", contents.len()));
    let help = "Redis is read by backups, by monitoring and by whoever breaks in. What is \
                enough to recognise a token, and not enough to use it?";
    for pair in [&first, &second] {
        for secret in [&pair.refresh, &pair.access] {
            let spelt = |(key, words): &&(String, String)| {
                spells(&format!("{key}: {words}"), secret)
            };
            let found = contents.iter().find(spelt);
            let key = found.map_or("", |(key, _)| key.as_str());
            let actual = format!("it stands under {}", shortened(key));
            require(found.is_none(), "no token in Redis", actual, help)?;
        }
    }
    Ok(())
}

/// Whether all parts of a secret stand there: what names its family may, what proves may
/// not.
fn spells(line: &str, secret: &str) -> bool {
    let mut parts = secret.split(['.', ':']).filter(|part| part.len() >= 8).peekable();
    parts.peek().is_some() && parts.all(|part| line.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_may_be_known_and_a_secret_not() {
        assert!(!spells("family:0123456789: current abcdef", "0123456789.9876543210"));
        assert!(spells("refresh:0123456789: 9876543210", "0123456789.9876543210"));
        assert!(!spells("family:1: x", "short"));
    }
}
