//! The metrics of this program, with their help texts. `docs/metrics.md` lists them.
//!
//! The stores record under these names, too. Every metric is registered at the start, so
//! that a counter is exposed as 0 before its first event and a rate includes that event.

use crate::config::Design;
use metrics::{counter, gauge, histogram};
use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Registers the metrics that a server with this design exposes. `has_redis`: it uses Redis.
pub(crate) fn register(design: Design, has_redis: bool) {
    database();
    background_tasks();
    rate_limits(has_redis);
    if has_redis {
        cache();
    }
    match design {
        Design::Memory | Design::Sticky => {}
        Design::Replicated => gossip(),
        Design::Central => {
            session_cache();
            revocation_polls();
        }
        Design::Token => {
            tokens();
            revocation_polls();
        }
    }
}

fn database() {
    describe_histogram!(
        "upload_server_database_transaction_duration_seconds",
        "Duration of a database transaction, with the wait for a connection"
    );
    let _ = histogram!("upload_server_database_transaction_duration_seconds");
    describe_counter!(
        "upload_server_database_transactions_total",
        "Database transactions, by outcome"
    );
    for outcome in ["committed", "failed", "pool_timeout"] {
        let _ =
            counter!("upload_server_database_transactions_total", "outcome" => outcome);
    }
    describe_counter!(
        "upload_server_database_transaction_repetitions_total",
        "Database transactions that ran a second time, after a migration or a deadlock"
    );
    let _ = counter!("upload_server_database_transaction_repetitions_total");
    describe_gauge!(
        "upload_server_database_pool_connections",
        "Open database connections, by pool and state"
    );
    describe_gauge!(
        "upload_server_database_pool_max_connections",
        "Largest number of connections of the pool"
    );
    describe_gauge!(
        "upload_server_database_pool_waiting",
        "Transactions that wait for a connection of the pool"
    );
}

fn background_tasks() {
    describe_counter!(
        "upload_server_blob_store_errors_total",
        "Failed calls to the store of the files' bytes; a missing object is no failure"
    );
    let _ = counter!("upload_server_blob_store_errors_total");
    describe_counter!(
        "upload_server_gc_objects_removed_total",
        "Objects that the garbage collection (janitor) removed, by kind"
    );
    for kind in ["expired_upload", "orphan_blob", "idempotency_key"] {
        let _ = counter!("upload_server_gc_objects_removed_total", "kind" => kind);
    }
    describe_counter!(
        "upload_server_sweeps_skipped_total",
        "Sweeps that removed nothing, because the replica's clock differs from the database's or the database does not answer"
    );
    let _ = counter!("upload_server_sweeps_skipped_total");
    describe_counter!(
        "upload_server_gc_uploads_completed_total",
        "Complete uploads that the garbage collection turned into files"
    );
    let _ = counter!("upload_server_gc_uploads_completed_total");
    describe_counter!(
        "upload_server_event_polls_total",
        "Database queries for events of the connected WebSockets"
    );
    let _ = counter!("upload_server_event_polls_total");
    describe_gauge!("upload_server_event_websockets", "Open WebSockets for events");
    let _ = gauge!("upload_server_event_websockets");
}

fn rate_limits(has_redis: bool) {
    if !has_redis {
        return;
    }
    describe_counter!(
        "upload_server_rate_limit_local_fallbacks_total",
        "Rate limit checks with the local count because Redis did not answer"
    );
    let _ = counter!("upload_server_rate_limit_local_fallbacks_total");
    describe_gauge!(
        "upload_server_rate_limit_shared",
        "Whether the last login attempt was counted in Redis for all replicas: 1 or 0"
    );
    gauge!("upload_server_rate_limit_shared").set(1.0);
}

fn cache() {
    describe_counter!("upload_server_cache_failures_total", "Failed calls to Redis");
    let _ = counter!("upload_server_cache_failures_total");
    describe_counter!(
        "upload_server_cache_distrusts_total",
        "Times that another Redis, an eviction or a jump of its clock made older entries unusable"
    );
    let _ = counter!("upload_server_cache_distrusts_total");
    describe_gauge!(
        "upload_server_cache_circuit_breaker_state",
        "State of the circuit breaker before Redis: 0 closed, 1 half-open, 2 open"
    );
    let _ = gauge!("upload_server_cache_circuit_breaker_state");
    describe_gauge!(
        "upload_server_cache_invalidations_pending",
        "Invalidations that Redis has not received yet"
    );
    let _ = gauge!("upload_server_cache_invalidations_pending");
    describe_counter!(
        "upload_server_cache_invalidations_dropped_total",
        "Invalidations given up because too many were pending"
    );
    let _ = counter!("upload_server_cache_invalidations_dropped_total");
}

fn session_cache() {
    for (name, help) in [
        ("upload_server_session_cache_hits_total", "Sessions found in Redis"),
        (
            "upload_server_session_cache_misses_total",
            "Sessions not in Redis, read from the database",
        ),
        (
            "upload_server_session_cache_fallbacks_total",
            "Sessions read from the database because Redis did not answer",
        ),
        (
            "upload_server_session_cache_revalidations_total",
            "Sessions found in Redis and checked against the database",
        ),
        (
            "upload_server_session_cache_stale_hits_total",
            "Revalidations that found the session ended: Redis had a stale copy",
        ),
        (
            "upload_server_session_views_from_cache_total",
            "Session views from Redis because the database did not answer",
        ),
        (
            "upload_server_session_reads_coalesced_total",
            "Session reads that waited for a pending read of the same session",
        ),
    ] {
        describe_counter!(name, help);
        let _ = counter!(name);
    }
}

fn revocation_polls() {
    describe_counter!(
        "upload_server_revocation_poll_failures_total",
        "Polls for revocations that the database did not answer"
    );
    let _ = counter!("upload_server_revocation_poll_failures_total");
}

fn tokens() {
    describe_counter!(
        "upload_server_token_revocation_round_trips_total",
        "Round trips to a store to check whether a token is revoked, by store"
    );
    for store in ["redis", "records"] {
        let _ = counter!("upload_server_token_revocation_round_trips_total", "store" => store);
    }
    describe_counter!(
        "upload_server_signing_key_refreshes_total",
        "Reads of the signing keys outside the schedule, by reason"
    );
    let _ =
        counter!("upload_server_signing_key_refreshes_total", "reason" => "unknown_kid");
    describe_counter!(
        "upload_server_refresh_token_reuse_total",
        "Refresh tokens used twice, which ends their token family"
    );
    let _ = counter!("upload_server_refresh_token_reuse_total");
}

fn gossip() {
    for (name, help) in [
        (
            "upload_server_gossip_lag_seconds",
            "Time since the last heartbeat of the replica that has been silent for longest",
        ),
        (
            "upload_server_gossip_sessions_stored",
            "Sessions in the gossip state, live and ended",
        ),
        ("upload_server_gossip_sessions_live", "Live sessions in the gossip state"),
        ("upload_server_gossip_nodes", "Replicas in the gossip state, this one included"),
        ("upload_server_gossip_state_bytes", "Size of the gossip state"),
    ] {
        describe_gauge!(name, help);
        let _ = gauge!(name);
    }
    describe_counter!(
        "upload_server_gossip_acknowledgement_timeouts_total",
        "Changes that not all live replicas acknowledged in time"
    );
    let _ = counter!("upload_server_gossip_acknowledgement_timeouts_total");
}
