//! Task 4: one number for each user.

use super::{Pair, start};
use grader::{Exam, Outcome};

pub(super) async fn one_number_ends_everything_of_a_user(exam: &Exam) -> Outcome {
    let one = start(exam, "token-version").await?;
    let other = start(exam, "token-version").await?;
    let (user, replicas) = (exam.user(), [one.clone(), other.clone()]);
    let somebody = Pair::login(exam, &one, &exam.user()).await?;
    // Twice: the second time it is no longer the first number.
    for _ in 0..2 {
        let mut all = Vec::new();
        for _ in 0..exam.number(2, 4) {
            all.push(Pair::login(exam, exam.one_of(&replicas), &user).await?);
        }
        let help = "a login after \"log out everywhere\" is a new session: which version \
                    does it carry?";
        all[0].is_good(&other, help).await?;
        let ended = all[0].end(exam.one_of(&replicas), "/api/logout-everywhere").await?;
        ended.expect(204, "the finished part answers 204")?;
        for pair in &all {
            let help = "each token carries the version that its user had at the login. \
                        Which one has the user now?";
            pair.is_dead(&one, help).await?;
            pair.is_dead(&other, help).await?;
            let help = "the finished part compares the session's version with \
                        `version(…)` at each refresh";
            pair.is_not_renewed(exam.one_of(&replicas), help).await?;
        }
        let help = "the number is one user's: nobody else is logged out";
        somebody.is_good(&other, help).await?;
    }
    let help = "the number is one user's: nobody else is logged out";
    somebody.next(&other, help).await.map(drop)
}
