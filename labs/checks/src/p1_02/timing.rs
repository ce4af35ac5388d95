//! Whether failed logins for a known and for an unknown name take equally long.
//!
//! Two measurements, because each can be deceived alone. The reply times: their low
//! quantiles, since load and random delays only add to them. The processor time: a random
//! delay hides a missing hash from few requests, but uses no processor time, and an attacker
//! who sends many requests sees through it. Both are taken with two costs of the hash, since
//! a delay that imitates the hash fits one cost only.

use super::fixture::Fixture;
use grader::{CheckContext, CheckError, CheckResult};
use std::time::Duration;

/// Numbers of hash rounds. The first takes some ten milliseconds in an unoptimised build.
const ROUNDS: [u64; 2] = [1500, 5000];

/// Number of logins of each kind, with each number of rounds.
const LOGINS: usize = 8;

/// Place of the compared reply time in the sorted ones. The lowest may be one lucky guess of a
/// random delay.
const LOW: usize = 1;

/// Ratio from which two durations count as different.
const RATIO: u32 = 2;

/// Processor time of all logins of one kind below which the ratio means nothing: the system
/// counts in hundredths of a second.
const MIN_CPU_TIME: Duration = Duration::from_millis(100);

/// The logins of one kind.
#[derive(Default)]
struct Logins {
    times: Vec<Duration>,
    /// Processor time of all.
    cpu: Duration,
    /// Whether the system tells the processor time.
    has_cpu: bool,
}

impl Logins {
    fn low(&self) -> Duration {
        self.sorted().get(LOW).copied().unwrap_or_default()
    }

    /// The difference between a high and a low quantile.
    fn spread(&self) -> Duration {
        let sorted = self.sorted();
        let high = sorted.len().saturating_sub(1 + LOW);
        sorted.get(high).copied().unwrap_or_default().saturating_sub(self.low())
    }

    fn sorted(&self) -> Vec<Duration> {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        sorted
    }
}

pub(super) async fn takes_as_long(ctx: &CheckContext) -> CheckResult {
    for rounds in ROUNDS {
        let fixture = Fixture::with_rounds(ctx, rounds).await?;
        ctx.note(format!("{LOGINS} failed logins of each kind"));
        ctx.transcript().quiet(true);
        let [known, unknown] = measured(&fixture).await?;
        ctx.transcript().quiet(false);
        judged(ctx, &known, &unknown)?;
        fixture.server.kill().await;
    }
    Ok(())
}

/// Logins with a known and with an unknown name. They alternate in random order, so that load
/// on the machine affects both.
async fn measured(fixture: &Fixture<'_>) -> Result<[Logins; 2], CheckError> {
    let mut logins = [Logins::default(), Logins::default()];
    // The first login of a process may load code.
    fixture.login(&fixture.user.name, &fixture.ctx.random_word()).await?;
    for _ in 0..LOGINS {
        let first = *fixture.ctx.choose(&[0, 1]);
        for kind in [first, 1 - first] {
            let name = match kind {
                0 => fixture.user.name.clone(),
                _ => fixture.ctx.random_user(),
            };
            add(fixture, &name, &mut logins[kind]).await?;
        }
    }
    Ok(logins)
}

async fn add(fixture: &Fixture<'_>, name: &str, logins: &mut Logins) -> CheckResult {
    let before = fixture.server.cpu_time();
    let reply = fixture.login(name, &fixture.ctx.random_word()).await?;
    let after = fixture.server.cpu_time();
    let (sent, read) = reply.at;
    reply.expect(401, "a wrong password must be rejected each time")?;
    logins.times.push(read - sent);
    logins.has_cpu = before.is_some() && after.is_some();
    logins.cpu += after.unwrap_or_default().saturating_sub(before.unwrap_or_default());
    Ok(())
}

fn judged(ctx: &CheckContext, known: &Logins, unknown: &Logins) -> CheckResult {
    let ms = |time: Duration| time.as_millis();
    let (low, others) = (known.low(), unknown.low());
    ctx.note(format!(
        "  known: {} ms, unknown: {} ms (fast replies)",
        ms(low),
        ms(others)
    ));
    if differ(low, others) {
        return Err(failed(format!("{} ms and {} ms", ms(low), ms(others))));
    }
    let (cpu, other) = (known.cpu, unknown.cpu);
    let difference = cpu.abs_diff(other) / u32::try_from(LOGINS).unwrap_or(1);
    // A reply that is always sent at the same time shows nothing, whatever was computed.
    let hides = known.spread().max(unknown.spread()) > difference / 2;
    let counts = known.has_cpu && unknown.has_cpu && cpu.max(other) >= MIN_CPU_TIME;
    if counts && differ(cpu, other) && hides {
        return Err(failed(format!(
            "{} ms and {} ms of processor time for {LOGINS} logins each, and random delays",
            ms(cpu),
            ms(other)
        )));
    }
    Ok(())
}

fn differ(one: Duration, other: Duration) -> bool {
    one.max(other) >= one.min(other) * RATIO
}

/// Load on the machine can cause a difference once, so it counts only if it happens again.
fn failed(actual: String) -> CheckError {
    let expected =
        "failed logins that take about as long for a known name as for an unknown one";
    let help = "the texts are equal, but the durations differ. Which step is skipped when the \
                account does not exist? A random delay hides that from one request only: an \
                attacker sends many";
    CheckError::timed_out(expected, actual, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_differ_from_twice_as_long() {
        let ms = Duration::from_millis;
        assert!(differ(ms(20), ms(40)) && differ(ms(90), ms(3)));
        assert!(!differ(ms(20), ms(39)) && !differ(ms(39), ms(20)));
    }
}
