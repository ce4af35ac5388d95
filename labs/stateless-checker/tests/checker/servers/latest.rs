//! Right, with an account that all users share: the newest note depends on the last writer.

use super::Database;
use axum::Router;
use axum::extract::State;
use axum::routing::get;

pub(crate) const DESCRIPTION: &str = r#"
service = "headlines"

[[step]]
name = "write"
request = "PUT /latest"
text = "${random.text}"

[[step]]
name = "read"
request = "GET /latest"
equal-text = "${random.text}"

[[step]]
name = "read again"
request = "GET /latest"
equal-text = "${random.text}"
"#;

pub(crate) fn app(database: Database) -> Router {
    Router::new().route("/latest", get(read).put(write)).with_state(database)
}

async fn write(State(database): State<Database>, text: String) {
    database.rows().insert("latest".to_owned(), text);
}

async fn read(State(database): State<Database>) -> String {
    database.get("latest").unwrap_or_default()
}
