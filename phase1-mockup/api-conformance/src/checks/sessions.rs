//! Sessions: what a server that remembers promises about its memory.

use crate::eventually::eventually;
use crate::expect::equal;
use crate::form::Upload;
use crate::outcome::Outcome;
use crate::proof::Proof;
use crate::target::Target;
use anyhow::{Context, ensure};
use api_contract::files::FileList;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use api_contract::sessions::{MOST_FILES_REMEMBERED, SessionView};
use api_contract::{headers, paths};
use http::Method;
use http::header::{COOKIE, SET_COOKIE};
use std::collections::HashSet;
use std::time::Duration;

/// 32 random bytes in base64url, a new one each time (ASVS 7.2.3). Black-box, this can
/// only be disproved.
pub async fn fifty_logins_are_fifty_random_ids(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let mut ids = HashSet::new();
    for _ in 0..50 {
        let started = client.log_in_session(&target.alice).await.done()?.body;
        let id = started.session_id.expose().to_owned();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        ensure!(id.len() == 43 && id.bytes().all(fits), "an id of another form");
        ensure!(started.expires_in > 0, "a session that is born dead");
        ids.insert(id);
    }
    equal("different ids", ids.len(), 50)?;
    for place in 0..42 {
        let seen: HashSet<_> = ids.iter().map(|id| id.as_bytes()[place]).collect();
        ensure!(seen.len() > 10, "place {place} of the ids hardly ever changes");
    }
    Ok(())
}

/// What is remembered can be looked at.
pub async fn a_session_remembers_whose_it_is(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let started = client.log_in_session(&target.alice).await.done()?.body;
    let proof = Proof::Session(started.session_id);
    let reply = client.session_view(&proof).await.done()?;
    let view = &reply.body;
    equal("the user", &view.username, &target.alice.username)?;
    equal("files of a new session", view.files_uploaded.len(), 0)?;
    equal("the replica", reply.served_by(), Some(view.served_by.as_str()))?;
    ensure!(view.created_at <= view.last_activity, "it was used before its birth");
    ensure!(
        view.expires_in <= started.expires_in && view.expires_in + 5 > started.expires_in,
        "expected: about {} seconds\n  actual:   {}",
        started.expires_in,
        view.expires_in
    );
    Ok(())
}

/// Growth: one name more with each upload, in the order of the uploads.
pub async fn a_session_grows_with_each_upload(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for name in ["first.txt", "second.txt", "second.txt"] {
        client.upload(&alice, &Upload::new(name, name)).await.done()?;
    }
    let refused = Upload::of_size("refused", target.max_upload + 1);
    client.upload(&alice, &refused).await.refused_as(ProblemKind::UploadTooLarge)?;
    let view = client.session_view(&alice).await.done()?.body;
    let expected = ["first.txt", "second.txt", "second.txt"];
    equal("the files", view.files_uploaded, expected.map(str::to_owned))
}

/// Growth has a limit: of more names than that, the newest are remembered.
pub async fn a_session_remembers_the_newest_uploads(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let names: Vec<_> =
        (0..MOST_FILES_REMEMBERED + 3).map(|number| format!("{number}.txt")).collect();
    for name in &names {
        client.upload(&alice, &Upload::new(name.clone(), "")).await.done()?;
    }
    let view = client.session_view(&alice).await.done()?.body;
    equal("the files", view.files_uploaded, names[3..].to_vec())
}

/// Twenty at once: none of them overwrites what another one added.
pub async fn uploads_at_once_are_all_remembered(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let uploads = (0..20).map(async |number| {
        let file = Upload::new(format!("{number:02}"), "x");
        client.upload(&alice, &file).await.done()
    });
    futures_util::future::try_join_all(uploads).await?;
    let mut files = client.session_view(&alice).await.done()?.body.files_uploaded;
    files.sort();
    let expected: Vec<_> = (0..20).map(|number| format!("{number:02}")).collect();
    equal("the files", files, expected)
}

/// Two logins of one person are two memories; the end of one is not that of the other.
pub async fn two_sessions_of_one_person_are_apart(target: &Target) -> anyhow::Result<()> {
    let (client, first) = target.as_alice().await?;
    let second = target.sign_in(&target.alice).await?;
    client.upload(&first, &Upload::new("only here", "x")).await.done()?;
    let view = client.session_view(&second).await.done()?.body;
    equal("files of the other session", view.files_uploaded.len(), 0)?;
    client.end_session(&first).await.done()?;
    client.session_view(&second).await.done()?;
    Ok(())
}

/// Reading is using: a session that is only read from stays young.
pub async fn each_use_starts_the_idle_time_anew(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let whole = client.session_view(&alice).await.done()?.body.expires_in;
    let what = "a session that is read from for two seconds";
    let later = eventually(Duration::from_secs(10), what, async || {
        let view = client.session_view(&alice).await.done()?.body;
        Ok((view.last_activity > view.created_at + 2_000).then_some(view))
    });
    let left = later.await?.expires_in;
    ensure!(left + 1 >= whole, "expected: {whole} seconds again\n  actual:   {left}");
    Ok(())
}

/// Made-up ids open nothing and leave nothing, a cookie included.
pub async fn a_made_up_id_is_unknown(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let forms = ["A".repeat(43), String::new(), "short".to_owned(), "../x".to_owned()];
    for id in forms {
        let made_up = Proof::Session(Secret::new(id));
        let view = client.session_view(&made_up).await;
        let refusal = view.refused_as(ProblemKind::SessionUnknown)?;
        equal("Set-Cookie", refusal.header(SET_COOKIE), None)?;
        let end = client.end_session(&made_up).await;
        end.refused_as(ProblemKind::SessionUnknown)?;
    }
    Ok(())
}

/// An id in a URL is an id in a log, so it is looked for in its header only.
pub async fn an_id_counts_only_in_its_header(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let id = client.log_in_session(&target.alice).await.done()?.body.session_id;
    let id = id.expose();
    let at = |query: &str| format!("{}?{query}={id}", paths::SESSION);
    let view = |path: &str| client.request(Method::GET, path);
    for request in [
        view(&at("sid")),
        view(&at("session_id")),
        view(&at(headers::SESSION_ID)),
        view(paths::SESSION).json(&serde_json::json!({ "session_id": id })),
        view(paths::SESSION).header(COOKIE, format!("session_id={id}")),
        view(paths::SESSION).header(COOKIE, format!("{}={id}", headers::SESSION_ID)),
        view(paths::SESSION).bearer_auth(id),
        view(paths::SESSION).basic_auth(&target.alice.username, Some(id)),
    ] {
        let outcome: Outcome<SessionView> = client.json(request).await;
        outcome.refused_as(ProblemKind::SessionUnknown)?;
    }
    Ok(())
}

/// When the logout answers, the id is dead for every call, and stays so.
pub async fn an_ended_session_is_dead_at_once(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::new("a", "a");
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    client.end_session(&alice).await.done()?;
    let dead = ProblemKind::SessionUnknown;
    client.session_view(&alice).await.refused_as(dead)?;
    client.end_session(&alice).await.refused_as(dead)?;
    client.upload(&alice, &file).await.refused_as(dead)?;
    target.refuses(&alice, dead).await?;
    client.file_json(&alice, &id).await.refused_as(dead)?;
    client.content(&alice, &id).await.refused_as(dead)?;
    client.delete(&alice, &id).await.refused_as(dead)?;
    Ok(())
}

/// What proves everything to a server that forgets proves nothing to one that remembers.
pub async fn a_password_or_token_is_no_session(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let token = Proof::Bearer(Secret::new("a.b.c"));
    for proof in [Proof::Basic(target.alice.clone()), token] {
        target
            .refuses(&proof, ProblemKind::SessionUnknown)
            .await
            .with_context(|| format!("{proof:?}"))?;
    }
    let page = [
        ("username", target.alice.username.as_str()),
        ("password", target.alice.password.expose()),
    ];
    let request = client.request(Method::GET, paths::FILES).query(&page);
    let outcome: Outcome<FileList> = client.json(request).await;
    let status = outcome.status()?;
    ensure!(status.is_client_error(), "a password in the URL: {status}");
    Ok(())
}
