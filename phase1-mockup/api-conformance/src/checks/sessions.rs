//! Sessions of a stateful server.

use crate::eventually::eventually;
use crate::target::Target;
use anyhow::{Context, ensure};
use api_contract::files::FileList;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use api_contract::sessions::{MAX_SESSION_FILES, SessionView};
use api_contract::{headers, paths};
use client::expect::equal;
use client::{CallResult, Credential, Upload};
use http::Method;
use http::header::{COOKIE, SET_COOKIE};
use std::collections::HashSet;
use std::time::Duration;

/// Ids are 32 random bytes in base64url, new for each login (ASVS 7.2.3). A black-box test can
/// only find ids that are not random.
pub async fn session_ids_are_random_and_unique(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let mut ids = HashSet::new();
    for _ in 0..50 {
        let started = client.log_in_session(&target.alice).await.done()?.body;
        let id = started.session_id.expose().to_owned();
        let is_base64url =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        ensure!(id.len() == 43 && id.bytes().all(is_base64url), "a malformed id");
        ensure!(started.expires_in > 0, "the session has expired already");
        ids.insert(id);
    }
    equal("different ids", ids.len(), 50)?;
    for place in 0..42 {
        let bytes: HashSet<_> = ids.iter().map(|id| id.as_bytes()[place]).collect();
        ensure!(bytes.len() > 10, "byte {place} of the ids hardly ever changes");
    }
    Ok(())
}

/// A client can read the state of its session.
pub async fn session_view_shows_its_owner(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let started = client.log_in_session(&target.alice).await.done()?.body;
    let credential = Credential::Session(started.session_id);
    let reply = client.session_view(&credential).await.done()?;
    let view = &reply.body;
    equal("the user", &view.username, &target.alice.username)?;
    equal("files of a new session", view.files_uploaded.len(), 0)?;
    equal("the replica", reply.served_by(), Some(view.served_by.as_str()))?;
    ensure!(view.created_at <= view.last_activity, "last_activity is before created_at");
    ensure!(
        view.expires_in <= started.expires_in && view.expires_in + 5 > started.expires_in,
        "expected: about {} seconds\n  actual:   {}",
        started.expires_in,
        view.expires_in
    );
    Ok(())
}

/// Growth: each upload adds its name, in the order of the uploads.
pub async fn session_grows_with_each_upload(target: &Target) -> anyhow::Result<()> {
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

/// Growth is limited: only the newest names are kept.
pub async fn session_keeps_the_newest_file_names(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let names: Vec<_> =
        (0..MAX_SESSION_FILES + 3).map(|number| format!("{number}.txt")).collect();
    for name in &names {
        client.upload(&alice, &Upload::new(name.clone(), "")).await.done()?;
    }
    let view = client.session_view(&alice).await.done()?.body;
    equal("the files", view.files_uploaded, names[3..].to_vec())
}

/// Of twenty concurrent uploads, none overwrites the name of another.
pub async fn concurrent_uploads_are_all_recorded_in_the_session(
    target: &Target,
) -> anyhow::Result<()> {
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

/// Two logins of one account are separate sessions. Ending one does not end the other.
pub async fn sessions_of_one_account_are_independent(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, first) = target.as_alice().await?;
    let second = target.sign_in(&target.alice).await?;
    client.upload(&first, &Upload::new("only here", "x")).await.done()?;
    let view = client.session_view(&second).await.done()?.body;
    equal("files of the other session", view.files_uploaded.len(), 0)?;
    client.end_session(&first).await.done()?;
    client.session_view(&second).await.done()?;
    Ok(())
}

/// Read requests reset the idle timeout, too.
pub async fn each_request_resets_the_idle_timeout(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let whole = client.session_view(&alice).await.done()?.body.expires_in;
    let condition = "a session that is read for two seconds";
    let later = eventually(Duration::from_secs(10), condition, async || {
        let view = client.session_view(&alice).await.done()?.body;
        Ok((view.last_activity > view.created_at + 2_000).then_some(view))
    });
    let expires_in = later.await?.expires_in;
    ensure!(
        expires_in + 1 >= whole,
        "expected: {whole} seconds again\n  actual:   {expires_in}"
    );
    Ok(())
}

/// Forged ids are refused, and the reply sets no cookie.
pub async fn forged_session_id_is_unknown(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let forms = ["A".repeat(43), String::new(), "short".to_owned(), "../x".to_owned()];
    for id in forms {
        let forged = Credential::Session(Secret::new(id));
        let view = client.session_view(&forged).await;
        let refusal = view.refused_as(ProblemKind::SessionUnknown)?;
        equal("Set-Cookie", refusal.header(SET_COOKIE), None)?;
        let end = client.end_session(&forged).await;
        end.refused_as(ProblemKind::SessionUnknown)?;
    }
    Ok(())
}

/// The id is read only from its header, because URLs are logged.
pub async fn session_id_is_accepted_only_in_its_header(
    target: &Target,
) -> anyhow::Result<()> {
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
        let outcome: CallResult<SessionView> = client.json(request).await;
        outcome.refused_as(ProblemKind::SessionUnknown)?;
    }
    Ok(())
}

/// After the reply to the logout every call with the id is refused.
pub async fn ended_session_is_invalid_at_once(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::new("a", "a");
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    client.end_session(&alice).await.done()?;
    let unknown = ProblemKind::SessionUnknown;
    client.session_view(&alice).await.refused_as(unknown)?;
    client.end_session(&alice).await.refused_as(unknown)?;
    client.upload(&alice, &file).await.refused_as(unknown)?;
    target.refuses(&alice, unknown).await?;
    client.file_json(&alice, &id).await.refused_as(unknown)?;
    client.content(&alice, &id).await.refused_as(unknown)?;
    client.delete(&alice, &id).await.refused_as(unknown)?;
    Ok(())
}

/// A stateful server does not accept the credentials of a stateless one.
pub async fn password_and_token_are_not_accepted_as_sessions(
    target: &Target,
) -> anyhow::Result<()> {
    let client = target.client();
    let token = Credential::Bearer(Secret::new("a.b.c"));
    for credential in [Credential::Basic(target.alice.clone()), token] {
        target
            .refuses(&credential, ProblemKind::SessionUnknown)
            .await
            .with_context(|| format!("{credential:?}"))?;
    }
    let page = [
        ("username", target.alice.username.as_str()),
        ("password", target.alice.password.expose()),
    ];
    let request = client.request(Method::GET, paths::FILES).query(&page);
    let outcome: CallResult<FileList> = client.json(request).await;
    let status = outcome.status()?;
    ensure!(status.is_client_error(), "a password in the URL: {status}");
    Ok(())
}
