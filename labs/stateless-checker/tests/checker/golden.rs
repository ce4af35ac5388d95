//! The report on each server, as reviewed snapshots.

use crate::replicas::{App, two};
use crate::servers::{counter, local_disk, queue, stateless, step_order, sticky};
use stateless_checker::{Description, Options, check};

/// The report on a server, without ports and ids, which differ between runs.
async fn report(description: &str, app: App) -> String {
    let description = Description::parse(description).expect("a description");
    let mut instances = two(app);
    let urls: Vec<_> = instances.list().iter().map(|one| one.url.clone()).collect();
    let options = Options { seed: 7, rounds: 2 };
    let report = check(&description, &mut instances, options).await;
    let report = report.to_string().replace(&urls[0], "http://a");
    without_ids(&report.replace(&urls[1], "http://b"))
}

/// The text with `<id>` for each UUID.
fn without_ids(text: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let id = rest.get(..36).filter(|word| uuid::Uuid::try_parse(word).is_ok());
        left.push_str(id.map_or(&rest[..next.len_utf8()], |_| "<id>"));
        rest = &rest[id.map_or(next.len_utf8(), str::len)..];
    }
    left
}

macro_rules! golden {
    ($($name:ident: $description:expr, $app:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            let report = report($description, $app).await;
            let mut settings = insta::Settings::clone_current();
            settings.set_prepend_module_to_snapshot(false);
            settings.bind(|| insta::assert_snapshot!(stringify!($name), report));
        })*
    };
}

golden! {
    a_stateless_server: stateless::DESCRIPTION, |database, _| stateless::app(database);
    a_sticky_server: stateless::DESCRIPTION, |database, _| sticky::app(database);
    a_hidden_counter: counter::DESCRIPTION, |database, _| counter::app(database);
    uploads_on_local_disk: local_disk::DESCRIPTION, local_disk::app;
    step_order: step_order::DESCRIPTION, |database, _| step_order::app(database);
    an_in_process_queue: queue::DESCRIPTION, |database, _| queue::app(database);
}
