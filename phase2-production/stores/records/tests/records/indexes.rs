//! Statements that search the rows of clients have an index: their cost must not grow with the
//! rows of earlier requests.

use crate::store::Store;
use sqlx::{AssertSqlSafe, Row};

/// A statement of this crate, its source, and the index that bounds its cost.
struct Indexed {
    statement: &'static str,
    source: &'static str,
    index: &'static str,
}

const INDEXED: [Indexed; 4] = [
    Indexed {
        statement: "SELECT at, request_id, organisation, actor, action, subject \
                    FROM audit WHERE organisation = $1 AND request_id = $2 \
                    ORDER BY id DESC LIMIT $3",
        source: include_str!("../../src/audit.rs"),
        index: "audit_of_request",
    },
    Indexed {
        statement: "SELECT at, request_id, organisation, actor, action, subject \
                    FROM audit WHERE organisation = $1 ORDER BY id DESC LIMIT $2",
        source: include_str!("../../src/audit.rs"),
        index: "audit_of_organisation",
    },
    Indexed {
        statement: "UPDATE refresh_tokens SET successor_sealed = NULL \
                    WHERE token_hash IN (SELECT token_hash FROM refresh_tokens \
                    WHERE used_at < $1 AND successor_sealed IS NOT NULL LIMIT $2) \
                    AND successor_sealed IS NOT NULL",
        source: include_str!("../../src/refresh/revocation.rs"),
        index: "refresh_tokens_by_use",
    },
    Indexed {
        statement: "SELECT COUNT(*) FROM uploads \
                    WHERE organisation = $1 AND owner = $2 AND state = 'open'",
        source: include_str!("../../src/uploads.rs"),
        index: "uploads_open",
    },
];

/// Source text in which a string literal of several lines is one line.
fn joined(source: &str) -> String {
    let joined = source.replace("\\\n", " ");
    joined.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn statements_over_client_rows_use_their_index() {
    let store = Store::sqlite().await;
    let mut owner = store.owner().await;
    for Indexed { statement, source, index } in INDEXED {
        let is_current = joined(source).contains(statement);
        assert!(is_current, "copy the new statement of the source: {statement}");
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let steps = sqlx::query(explain).fetch_all(&mut owner).await.unwrap();
        let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
        let is_used = steps.iter().any(|step| step.contains(index));
        assert!(is_used, "{statement}: {steps:?}");
        let is_scan = steps.iter().any(|step| step.starts_with("SCAN"));
        assert!(!is_scan, "{statement}: {steps:?}");
    }
}

/// Its plans depend on the number of rows, so only the indexes are compared.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_has_the_indexes_of_sqlite() {
    let Some(store) = Store::postgres().await else { return };
    let mut owner = store.owner().await;
    for Indexed { index, .. } in INDEXED {
        let named = "SELECT COUNT(*) FROM pg_indexes WHERE indexname = $1";
        let named: i64 =
            sqlx::query_scalar(named).bind(index).fetch_one(&mut owner).await.unwrap();
        assert_eq!(named, 1, "{index}");
    }
}
